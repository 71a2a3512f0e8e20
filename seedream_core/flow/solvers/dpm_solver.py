"""DPM-Solver++(2M), a multistep method: second order at one evaluation per step (arXiv:2211.01095, algorithm 2).

For the straight path alpha = 1 - t, sigma = t, and half the log SNR is lambda = ln((1 - t) / t). The z_0 that the
velocity points to, D = z - t v, is taken as linear in lambda, through its value here and one step before:

    z_next = t_next / t z - (1 - t_next) (exp(-h) - 1) (D + (D - D_before) / (2 r)),
    h = lambda_next - lambda, r = (lambda - lambda_before) / h

The first step and the step to t = 0, where lambda is infinite, are Euler's, as in the paper's code
(`lower_order_final`). After a first step from t = 1 the second one is of first order too: r is infinite there. Each
is one step only, so that the whole stays of second order.
"""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from seedream_core.flow.solvers import Solver, Transition, Velocity, at


class Denoised(NamedTuple):
    """The z_0 estimate of the step before, and its time."""

    latents: Tensor
    t: Tensor


@dataclass(frozen=True, kw_only=True)
class DpmSolver(Solver):
    def step(
        self, velocity: Velocity, z: Tensor, t: Tensor, t_next: Tensor, past: Denoised | None = None
    ) -> Transition:
        slope = velocity(z, at(t, z))
        here = Denoised(z - t * slope, t)
        if past is None or t_next == 0:
            return Transition(z + (t_next - t) * slope, past=here)
        now, then = half_log_snr(t), half_log_snr(t_next)
        r = (now - half_log_snr(past.t)) / (then - now)
        denoised = here.latents + (here.latents - past.latents) / (2 * r)
        return Transition(t_next / t * z - (1 - t_next) * (now - then).expm1() * denoised, past=here)


def half_log_snr(t: Tensor) -> Tensor:
    """lambda, in f64: minus infinity at t = 1."""
    t = t.double()
    return ((1 - t) / t).log()

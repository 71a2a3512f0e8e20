"""The contract of every solver; the orders of the deterministic ones, and the stochastic one's marginals and density,
against fields whose solution is known.
"""

import itertools
import math

import pytest
import torch

from seedream_core import randomness
from seedream_core.errors import ConfigError
from seedream_core.flow import solvers
from seedream_core.flow.solvers import Solver
from seedream_core.flow.solvers.dpm_solver import DpmSolver
from seedream_core.flow.solvers.euler import Euler
from seedream_core.flow.solvers.heun import Heun
from seedream_core.flow.solvers.stochastic_euler import StochasticEuler
from seedream_core.workflow.config import dump

MEAN, SPREAD = 1.5, 0.5
"""Data of the Gaussian toy: N(MEAN, SPREAD²)."""
EVALUATIONS = (4, 8, 16, 32)
KEYS = [str(row) for row in range(6)]


def noise(step: int) -> torch.Tensor:
    """The step's own noise of six rows, each from its key."""
    return randomness.normal(3, KEYS, step, (2, 4), "solver").double()


def evaluations(solver: Solver, steps: int) -> int:
    """How often a run of `steps` steps down to t = 0 calls the velocity."""
    return 2 * steps - 1 if isinstance(solver, Heun) else steps


def run(solver: Solver, steps: int, velocity) -> torch.Tensor:
    calls = []

    def counted(z, t):
        assert t.shape == (len(z),)
        calls.append(t)
        return velocity(z, t)

    start = torch.linspace(-1, 1, 48, dtype=torch.float64).reshape(6, 2, 4)
    found = solver(counted, start, torch.linspace(1, 0, steps + 1, dtype=torch.float64), noise)
    assert len(calls) == evaluations(solver, steps) and len(found.latents) == steps + 1
    assert len(found.log_probabilities) == steps and torch.equal(found.latents[0], start)
    return found.end


def gaussian(t):
    """Mean, deviation and velocity function of the Gaussian toy at time t."""
    mean, variance = (1 - t) * MEAN, (1 - t) ** 2 * SPREAD**2 + t**2
    slope = t - (1 - t) * SPREAD**2  # half the variance's derivative
    return mean, variance**0.5, lambda z: -MEAN + slope / variance * (z - mean)


def toward_gaussian(z, t):
    return gaussian(t[0])[2](z)


@pytest.mark.parametrize("name", Solver.names())
@pytest.mark.parametrize("dtype", (torch.float32, torch.float64))
def test_contract(name, dtype):
    solver = Solver.read(name)
    assert Solver.read(solver.text()) == solver and solver.text() == name
    assert Solver._resolve(dump(solver)) == solver
    start, grid = torch.ones(6, 2, 4, dtype=dtype), torch.linspace(1, 0, 6)
    draw = lambda step: noise(step).to(dtype)  # noqa: E731
    first, second = (solver(lambda z, t: z.sin() + t.to(dtype)[:, None, None], start, grid, draw) for _ in range(2))
    assert first.end.shape == start.shape and first.end.dtype == dtype and bool(first.end.isfinite().all())
    assert torch.equal(first.end, second.end) and torch.equal(first.times, grid)
    assert not torch.equal(first.end, start)


@pytest.mark.parametrize("name", Solver.names())
def test_gradients_flow_where_the_caller_lets_them(name):
    weight = torch.tensor(0.5, requires_grad=True)
    solver, start, grid = Solver.read(name), torch.ones(6, 2, 4), torch.linspace(1, 0, 4)
    draw = lambda step: noise(step).float()  # noqa: E731
    solver(lambda z, t: weight * z, start, grid, draw).end.sum().backward()
    assert weight.grad.abs() > 0.1
    with torch.no_grad():
        assert not solver(lambda z, t: weight * z, start, grid, draw).end.requires_grad


@pytest.mark.parametrize("name", ("dpm_solver", "euler", "heun"))
def test_exact_on_a_constant_velocity(name):
    z = run(Solver.read(name), 3, lambda z, t: torch.full_like(z, 2.0))
    torch.testing.assert_close(z, torch.linspace(-3, -1, 48, dtype=torch.float64).reshape(6, 2, 4))


def test_evaluations_of_a_stochastic_run_are_counted():
    run(StochasticEuler(), 5, toward_gaussian)


@pytest.mark.parametrize(("name", "order"), (("euler", 1), ("heun", 2), ("dpm_solver", 2)))
def test_converges_at_its_order_on_the_gaussian_toy(name, order):
    # Along its ODE a point keeps its place among the deviations: z_t = mean_t + deviation_t z_1.
    def error(steps: int) -> float:
        start = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]
        grid = torch.linspace(0.9, 0.1, steps + 1, dtype=torch.float64)
        (mean, deviation, _), (end_mean, end_deviation, _) = gaussian(grid[0]), gaussian(grid[-1])
        end = Solver.read(name)(toward_gaussian, mean + deviation * start, grid).end
        return float((end - (end_mean + end_deviation * start)).abs().max())

    assert error(40) / error(80) == pytest.approx(2**order, rel=0.1)


@pytest.mark.parametrize("solver", (Heun(), DpmSolver()))
def test_one_step_to_data_is_eulers(solver):
    z, grid = torch.randn(2, 3), torch.tensor([0.4, 0.0])
    assert torch.equal(solver(lambda z, t: z.cos(), z, grid).end, Euler()(lambda z, t: z.cos(), z, grid).end)


@pytest.mark.parametrize("strength", (0.3, 0.7, 1.0))
def test_stochastic_steps_keep_the_exact_marginals(strength):
    samples, grid = 40_000, torch.linspace(1, 0, 201, dtype=torch.float64)
    drawn = torch.Generator().manual_seed(0)
    start = torch.randn(samples, 1, generator=drawn, dtype=torch.float64)
    found = StochasticEuler(noise=strength)(
        toward_gaussian,
        start,
        grid,
        lambda step: torch.randn(samples, 1, generator=drawn, dtype=torch.float64),
    )
    for place in (40, 100, 160, 200):
        mean, deviation, _ = gaussian(float(grid[place]))
        z = found.latents[place]
        # sampling alone leaves 0.5% of the deviation to the mean, and 0.35% to the deviation (one sigma)
        assert float(z.mean()) == pytest.approx(mean, abs=0.025 * deviation)
        assert float(z.std()) == pytest.approx(deviation, rel=0.025)
    # It is not the ODE: where a sample ends is hardly where it would have ended without noise.
    ended = torch.corrcoef(torch.cat([start, found.end], 1).T)[0, 1]
    assert ended < {0.3: 0.95, 0.7: 0.6, 1.0: 0.4}[strength]


def test_log_probability_is_the_normal_distributions():
    solver, grid = StochasticEuler(), torch.linspace(1, 0, 5, dtype=torch.float64)
    found = solver(toward_gaussian, noise(9), grid, noise)
    for index, (t, t_next) in enumerate(itertools.pairwise(grid[:-1])):
        z, arrived = found.latents[index], found.latents[index + 1]
        sigma = 0.7 * math.sqrt(float(t_next if index == 0 else t) / (1 - float(t_next if index == 0 else t)))
        h, v = float(t_next - t), toward_gaussian(z, t.expand(6))
        mean = z * (1 + sigma**2 * h / (2 * t)) + v * (1 + sigma**2 * (1 - t) / (2 * t)) * h
        expected = torch.distributions.Normal(mean, sigma * math.sqrt(-h)).log_prob(arrived)
        torch.testing.assert_close(found.log_probabilities[index], expected.flatten(1).mean(1))
        replayed = solver.step(toward_gaussian, z, t, t_next)
        assert torch.equal(replayed.log_probability(arrived), found.log_probabilities[index])
    assert found.log_probabilities[-1] is None  # the step to t = 0 adds no noise


def test_the_density_has_the_policy_gradient_of_its_mean():
    weight = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    step = StochasticEuler().step(lambda z, t: weight * z, noise(0), torch.tensor(0.5), torch.tensor(0.4))
    arrived = step.draw(noise(1))
    step.log_probability(arrived).mean().backward()
    # d log p / d mean = noise / deviation, with the arrival held fixed
    mean_slope = noise(0) * (1 + 0.49 * 1.0 * 0.5 / (2 * 0.5)) * -0.1
    torch.testing.assert_close(weight.grad, (noise(1) / step.deviation * mean_slope).mean(), rtol=1e-5, atol=1e-8)


def test_a_step_without_noise_has_no_density():
    step = Euler().step(lambda z, t: z, torch.ones(2, 3), torch.tensor(0.5), torch.tensor(0.4))
    assert torch.equal(step.draw(torch.ones(2, 3)), step.mean)
    with pytest.raises(ValueError, match="no log-probability"):
        step.log_probability(step.mean)


def test_a_stochastic_run_needs_noise():
    with pytest.raises(ValueError, match="stochastic_euler: its steps are stochastic, but no noise is given"):
        StochasticEuler()(toward_gaussian, torch.ones(2, 3), torch.linspace(1, 0, 3))


def test_options_survive_a_pictures_text():
    strong = StochasticEuler(noise=1.5)
    assert Solver.read(strong.text()) == strong and strong.text() == '{"name": "stochastic_euler", "noise": 1.5}'
    for text, message in (
        ("eular", "did you mean 'euler'"),
        ('{"name": "eular"}', "did you mean 'euler'"),
        ('{"name": ', "solver: not valid JSON"),
        ('{"name": "stochastic_euler", "nose": 1}', "did you mean 'noise'"),
        ('{"name": "stochastic_euler", "noise": 0}', "must be more than 0"),
    ):
        with pytest.raises(ConfigError, match=message):
            Solver.read(text)


class Mixture:
    """Three Gaussians in one dimension: the exact velocity of their path, and their exact quantiles."""

    def __init__(self) -> None:
        self.weights, self.means, self.deviations = (
            torch.tensor(row, dtype=torch.float64) for row in ((0.3, 0.5, 0.2), (-2.0, 0.5, 2.0), (0.3, 0.2, 0.5))
        )

    def velocity(self, z, t):
        t = t[:, None]
        away = z - (1 - t) * self.means
        variance = (1 - t) ** 2 * self.deviations**2 + t**2
        share = torch.softmax(self.weights.log() - variance.log() / 2 - away**2 / (2 * variance), 1)
        slope = (t - (1 - t) * self.deviations**2) / variance
        return (share * (slope * away - self.means)).sum(1, keepdim=True)

    def quantiles(self, shares):
        low, high = torch.full_like(shares, -10), torch.full_like(shares, 10)
        for _ in range(60):
            middle = (low + high) / 2
            below = (
                self.weights @ torch.special.ndtr((middle - self.means[:, None]) / self.deviations[:, None]) < shares
            )
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return low


def test_the_table_of_accuracy_over_evaluations_is_as_documented():
    """A solution of the ODE keeps the order of points, so that the exact end of a point is its quantile."""
    mixture, count = Mixture(), 20_000
    shares = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    start, exact = torch.special.ndtri(shares)[:, None], mixture.quantiles(shares)
    drawn = torch.Generator().manual_seed(0)
    table = {}
    for name in Solver.names():
        solver, row = Solver.read(name), []
        for most in EVALUATIONS:
            steps = max(steps for steps in range(1, most + 1) if evaluations(solver, steps) <= most)
            end = solver(
                mixture.velocity,
                start,
                torch.linspace(1, 0, steps + 1, dtype=torch.float64),
                lambda step: torch.randn(count, 1, generator=drawn, dtype=torch.float64),
            ).end
            row.append(float((end[:, 0].sort().values - exact).abs().mean()))
        table[name] = row
    documented = {
        words[0]: [float(word) for word in words[1:]]
        for words in map(str.split, solvers.__doc__.splitlines())
        if words and words[0] in table
    }
    assert documented.keys() == table.keys()
    for name, row in table.items():
        assert row == pytest.approx(documented[name], abs=0.0006 if name != "stochastic_euler" else 0.01), table
    assert all(table["dpm_solver"][place] < table["heun"][place] < table["euler"][place] for place in (1, 2, 3))

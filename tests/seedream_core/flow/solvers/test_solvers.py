import math

import pytest
import torch

from seedream_core.flow.solvers import Solver


def run(name, steps, velocity):
    calls = []

    def counted(z, t):
        calls.append(t)
        return velocity(z, t)

    solver = Solver.find(name)()
    z = solver(counted, torch.ones(3, 2, dtype=torch.float64), torch.linspace(1, 0, steps + 1, dtype=torch.float64))
    assert len(calls) == solver.evaluations(steps)
    return z


@pytest.mark.parametrize("name", Solver.names())
def test_exact_on_a_constant_velocity(name):
    z = run(name, 3, lambda z, t: torch.full_like(z, 2.0))
    torch.testing.assert_close(z, torch.full_like(z, -1.0))


@pytest.mark.parametrize(("name", "order"), (("euler", 1), ("heun", 2)))
def test_converges_at_its_order_on_a_linear_field(name, order):
    # dz/dt = z from t = 1 to 0 gives exp(-1). Heun's last step is Euler's, an error of one step only: also h squared.
    errors = [abs(run(name, steps, lambda z, t: z)[0, 0].item() - math.exp(-1)) for steps in (20, 40)]
    assert errors[0] / errors[1] == pytest.approx(2**order, rel=0.1)

import pytest
import torch

from seedream_core.errors import ConfigError
from seedream_core.flow.guidance import GuidanceRule
from seedream_core.flow.guidance.interval import IntervalGuidance
from seedream_core.flow.solvers.euler import Euler
from seedream_core.flow.solvers.heun import Heun
from seedream_core.flow.velocity import PLAIN, count_evaluations, velocity_function
from seedream_core.models.conditions import Conditions
from seedream_core.models.dit import Velocity
from seedream_core.workflow.config import parse

TEXT = Conditions(torch.full((3, 2, 1), 2.0), torch.ones(3, 2, dtype=torch.bool))
NULL = Conditions(torch.full((1, 1, 1), 0.5), torch.ones(1, 1, dtype=torch.bool))


def network(z, t, conditions, *, hidden=False):
    return Velocity(z * conditions.text[:, :1, :, None] + t[:, None, None, None], [])


def test_samples_inside_are_guided_and_those_outside_are_not():
    z, t = torch.randn(3, 4, 2, 2), torch.tensor([0.1, 0.5, 0.9])
    rule = IntervalGuidance(start=0.3, end=0.6)
    velocity = velocity_function(network, TEXT, null=NULL, scale=3.0, rule=rule)(z, t)
    plain = velocity_function(network, TEXT, null=NULL, scale=3.0)(z, t)
    alone = velocity_function(network, TEXT)(z, t)
    assert torch.equal(velocity[1], plain[1])
    torch.testing.assert_close(velocity[[0, 2]], alone[[0, 2]])
    assert IntervalGuidance().active(torch.tensor([0.0, 0.5, 1.0])).all()
    assert torch.equal(IntervalGuidance(start=0.5, end=0.5).active(t), torch.tensor([False, True, False]))


def test_outside_of_it_the_network_is_evaluated_once():
    rows = []

    def counted(z, t, conditions, *, hidden=False):
        rows.append(len(z))
        return network(z, t, conditions)

    velocity = velocity_function(counted, TEXT, null=NULL, scale=3.0, rule=IntervalGuidance(start=0.3, end=0.6))
    for t in (0.9, 0.5, 0.1):
        velocity(torch.zeros(3, 4, 2, 2), torch.full((3,), t))
    assert rows == [3, 6, 3]


def test_the_count_is_what_the_solver_asks_for():
    grid, rule = torch.tensor([1.0, 0.75, 0.5, 0.25, 0.0]), IntervalGuidance(start=0.4, end=0.8)
    assert count_evaluations(Euler(), grid, 3.0, PLAIN) == 8
    assert count_evaluations(Euler(), grid, 3.0, rule) == 4 + 2
    assert count_evaluations(Euler(), grid, 1.0, rule) == 4
    assert count_evaluations(Heun(), grid, 3.0, PLAIN) == 14
    # Heun asks at 1, 0.75, 0.75, 0.5, 0.5, 0.25 and 0.25
    assert count_evaluations(Heun(), grid, 3.0, rule) == 7 + 4


def test_an_interval_the_wrong_way_round_is_refused():
    assert parse(GuidanceRule, {"name": "interval", "start": 0.2, "end": 0.8}) == IntervalGuidance(start=0.2, end=0.8)
    with pytest.raises(ConfigError, match="start 0.8 must not be above end 0.2"):
        parse(GuidanceRule, {"name": "interval", "start": 0.8, "end": 0.2})

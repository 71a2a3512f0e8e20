"""A velocity function calls the network as often as its guidance needs, and returns float32."""

import pytest
import torch

from seedream_core.flow.velocity import predict, velocity_function
from seedream_core.models.conditions import Conditions
from seedream_core.models.dit import Velocity

TEXT = Conditions(torch.ones(2, 5, 3), torch.ones(2, 5, dtype=torch.bool))
NULL = Conditions(torch.full((1, 1, 3), 7.0), torch.ones(1, 1, dtype=torch.bool))
CELLS, TIMES = torch.zeros(2, 1, 1, 1), torch.ones(2)


class Recorded:
    """A network that answers with its text's first feature, in bfloat16, and keeps what it was given."""

    def __init__(self):
        self.seen = []

    def __call__(self, z, t, conditions, *, hidden=False):
        self.seen.append((z, t, conditions))
        return Velocity(conditions.text[:, 0, :1, None, None].bfloat16(), [z] if hidden else [])


def test_one_batch_asks_with_text_and_with_the_null_caption():
    network = Recorded()
    velocity = velocity_function(network, TEXT, null=NULL, scale=2.0)(CELLS, TIMES)
    ((z, t, conditions),) = network.seen
    assert len(z) == len(t) == 4 and conditions.text_mask.sum(1).tolist() == [5, 5, 1, 1]
    assert not conditions.text[2, 1:].any()
    torch.testing.assert_close(velocity, torch.full((2, 1, 1, 1), 7.0 + 2 * (1 - 7.0)))


def test_scale_one_asks_once_with_the_text_and_needs_no_null_caption():
    network = Recorded()
    velocity = velocity_function(network, TEXT)(CELLS, TIMES)
    assert velocity.dtype == torch.float32 and len(network.seen[0][0]) == 2
    with pytest.raises(ValueError, match="guidance needs the conditions of the null caption"):
        velocity_function(network, TEXT, scale=3.0)


def test_hidden_tokens_come_with_the_velocity_where_asked_for():
    assert predict(Recorded(), CELLS, TIMES, TEXT).hidden == []
    assert predict(Recorded(), CELLS, TIMES, TEXT, hidden=True).hidden[0] is CELLS

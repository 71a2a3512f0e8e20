import torch

from seedream_core.flow.guidance import combine, guided, stack
from seedream_core.models.mmdit import Velocity


def test_scale_one_is_the_conditional_velocity_and_zero_the_unconditional():
    null, text = torch.randn(2, 3, 4)
    torch.testing.assert_close(combine(null, text, 1.0), text)
    torch.testing.assert_close(combine(null, text, 0.0), null)
    torch.testing.assert_close(combine(null, text, 3.0) - text, 2 * (text - null))


def test_one_batch_asks_with_text_and_with_the_null_caption():
    text = (torch.ones(2, 5, 3), torch.ones(2, 5, dtype=torch.bool))
    null = (torch.full((1, 1, 3), 7.0), torch.ones(1, 1, dtype=torch.bool))
    seen = []

    def network(z, t, features, mask):
        seen.append((z.shape, features, mask))
        return Velocity(features[:, 0, :1], [])

    velocity = guided(network, text, null, 2.0)(torch.zeros(2, 1), torch.ones(2))
    shape, features, mask = seen[0]
    assert shape == (4, 1) and mask.sum(1).tolist() == [5, 5, 1, 1] and not features[2, 1:].any()
    torch.testing.assert_close(velocity, torch.full((2, 1), 7.0 + 2 * (1 - 7.0)))
    assert stack(text, null)[0].shape == (4, 5, 3)

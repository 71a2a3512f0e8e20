import torch

from seedream_core.flow.guidance import combine


def test_scale_one_is_the_conditional_velocity_and_zero_the_unconditional():
    null, text = torch.randn(2, 3, 4)
    torch.testing.assert_close(combine(null, text, 1.0), text)
    torch.testing.assert_close(combine(null, text, 0.0), null)
    torch.testing.assert_close(combine(null, text, 3.0) - text, 2 * (text - null))

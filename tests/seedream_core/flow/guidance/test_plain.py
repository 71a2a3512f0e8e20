import torch

from seedream_core.flow.guidance.plain import PlainGuidance


def test_scale_one_is_the_conditional_velocity_and_zero_the_unconditional():
    null, text = torch.randn(2, 3, 4)
    guide = PlainGuidance().guide
    torch.testing.assert_close(guide(null, text, 1.0), text)
    torch.testing.assert_close(guide(null, text, 0.0), null)
    torch.testing.assert_close(guide(null, text, 3.0) - text, 2 * (text - null))


def test_each_sample_may_have_a_scale_of_its_own():
    null, text = torch.randn(2, 3, 4, 2, 2)
    guided = PlainGuidance().guide(null, text, torch.tensor([1.0, 2.0, 5.0])[:, None, None, None])
    for row, scale in enumerate((1.0, 2.0, 5.0)):
        torch.testing.assert_close(guided[row], PlainGuidance().guide(null[row], text[row], scale))
    assert PlainGuidance().active(torch.rand(3)) is None

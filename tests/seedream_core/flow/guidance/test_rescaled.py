import numpy
import torch

from seedream_core.flow.guidance.plain import PlainGuidance
from seedream_core.flow.guidance.rescaled import RescaledGuidance


def test_each_cell_keeps_the_conditional_length_and_takes_the_guided_direction():
    """Against NumPy, cell by cell."""
    torch.manual_seed(0)
    null, text = torch.randn(2, 3, 4, 2, 5)
    rescaled = RescaledGuidance().guide(null, text, 4.0).numpy()
    for sample, row, column in numpy.ndindex(3, 2, 5):
        away, toward = null[sample, :, row, column].numpy(), text[sample, :, row, column].numpy()
        guided = away + 4.0 * (toward - away)
        expected = guided / numpy.sqrt((guided**2).sum()) * numpy.sqrt((toward**2).sum())
        numpy.testing.assert_allclose(rescaled[sample, :, row, column], expected, rtol=1e-5, atol=1e-6)


def test_scale_one_changes_nothing_and_zeros_stay_zeros():
    null, text = torch.randn(2, 3, 4, 2, 2)
    torch.testing.assert_close(RescaledGuidance().guide(null, text, 1.0), text)
    assert not RescaledGuidance().guide(torch.zeros(1, 4, 1, 1), torch.zeros(1, 4, 1, 1), 3.0).any()
    assert PlainGuidance().guide(null, text, 3.0).norm() > RescaledGuidance().guide(null, text, 3.0).norm()

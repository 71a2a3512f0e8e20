import torch

from seedream_core.models.rope import Rope
from seedream_core.models.rope.scaled import Scaled


def test_positions_are_centred_at_every_size():
    for rows, columns in ((4, 4), (3, 7), (128, 64)):
        positions = Rope.find("scaled")().positions(rows, columns)
        assert positions.shape == (rows * columns, 2) and positions.dtype == torch.float32
        torch.testing.assert_close(positions.mean(0), torch.zeros(2), atol=1e-4, rtol=0)


def test_gamma_shrinks_high_resolutions():
    def span(gamma, side):
        return float(Scaled(base=4, gamma=gamma).positions(side, side)[-1, 0])

    assert span(0.0, 8) == 3.5 and span(0.0, 4) == 1.5
    assert span(1.0, 8) == 1.75  # cell size halved: the same field of view
    assert 1.75 < span(0.5, 8) < 3.5

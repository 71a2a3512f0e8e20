"""The detector's cells lie where they should at any size and aspect, and it comes back from disk."""

import numpy as np
import pytest
import torch

from seedream_core.models import detector
from seedream_core.models.detector import Detector, DetectorConfig

CONFIG = DetectorConfig(side=128, fine=8, coarse=16, dilations=(1,))


def test_small():
    network = Detector(DetectorConfig(), ("a", "b", "c", "d", "e"))
    assert sum(p.numel() for p in network.parameters()) < 300_000


@pytest.mark.parametrize(
    "size, cells",
    [((64, 64), (16, 16)), ((100, 200), (8, 16)), ((500, 375), (16, 12)), ((90, 128), (12, 16)), ((3, 900), (1, 16))],
)
def test_maps_at_any_size(size, cells):
    maps = Detector(CONFIG, ("a", "b")).eval().maps(np.zeros((*size, 3), np.uint8))
    assert maps.shape == (3, *cells) and (maps < 0.5).all() and (maps > 0).all()


def test_prepared_pictures_keep_their_place():
    pixels = np.zeros((45, 64, 3), np.uint8)
    pixels[:, 32:] = 255
    image, height, width = detector.prepare(pixels, 128)
    assert (height, width) == (90, 128) and image.shape == (3, 96, 128)
    assert (image[:, :, :62] == -1).all() and (image[:, :, 66:] == 1).all()
    assert torch.equal(image[:, 90:], image[:, 89:90].expand(-1, 6, -1))


def test_the_same_whatever_came_before():
    network, pixels = Detector(CONFIG, ("a",)).eval(), np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    first = network.maps(pixels)
    network.maps(255 - pixels)
    assert np.array_equal(first, network.maps(pixels))


def test_from_disk(tmp_path):
    network = Detector(CONFIG, ("a", "b")).eval()
    detector.save(tmp_path, network)
    again = detector.load(tmp_path)
    assert again.kinds == ("a", "b") and again.config == CONFIG and not again.training
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert np.allclose(network.maps(pixels), again.maps(pixels), atol=2e-3)


def test_sizes_that_do_not_divide():
    with pytest.raises(ValueError, match="multiples of 8"):
        DetectorConfig(side=100)

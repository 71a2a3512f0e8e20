"""Every defect: the same from the same draw, its boxes inside the picture, and all that it changed inside them (but
shadows).
"""

import numpy as np
import pytest

from seedream_core.randomness import Rng
from seedream_core.synthetic.defects import Defect
from seedream_core.synthetic.defects.planting import KINDS
from seedream_core.synthetic.defects.textures import texture

SHADOW = {"sticker": 0.06}  # of the shorter side, around the box


def test_planting_knows_them_all():
    assert Defect.names() == KINDS


@pytest.mark.parametrize("name", Defect.names())
@pytest.mark.parametrize("size", [(64, 64), (96, 128), (256, 160), (48, 300)])
def test_contract(name, size):
    height, width = size
    changed = 0
    for index in range(12):
        clean = texture(width, height, Rng("ground", index))
        before = clean.copy()
        out, boxes = Defect.find(name)()(clean, Rng(name, index))
        again = Defect.find(name)()(clean, Rng(name, index))
        assert np.array_equal(out, again[0]) and boxes == again[1]
        assert np.array_equal(clean, before) and out.shape == clean.shape and out.dtype == np.uint8
        inside, reach = np.zeros((height, width), bool), round(SHADOW.get(name, 0) * min(size)) + 1
        for left, top, right, bottom in boxes:
            assert 0 <= left < right <= width and 0 <= top < bottom <= height
            inside[max(0, top - reach) : bottom + reach, max(0, left - reach) : right + reach] = True
        difference = np.abs(out.astype(int) - clean).max(2)
        # what is fainter than a tenth of the ink, and single blocks of a mosaic, are no part of a box
        assert (difference[~inside] > 16).mean() < 0.02 if (~inside).any() else True
        changed += bool(boxes) and (difference > 16).any()
    assert changed >= 8  # a mosaic of a smooth ground changes nothing

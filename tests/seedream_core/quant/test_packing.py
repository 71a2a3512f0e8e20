"""Every four-bit code survives being packed in pairs."""

import pytest
import torch

from seedream_core.quant.packing import pack, unpack


def test_unpacking_gives_back_every_pair_of_codes():
    codes = torch.cartesian_prod(torch.arange(-8, 8), torch.arange(-8, 8)).to(torch.int8)
    packed = pack(codes)
    assert packed.dtype == torch.uint8 and packed.shape == (256, 1)
    assert len(packed.unique()) == 256
    assert torch.equal(unpack(packed), codes)


@pytest.mark.parametrize("codes", [torch.zeros(2, 3, dtype=torch.int8), torch.full((2, 2), 8, dtype=torch.int8)])
def test_what_does_not_fit_is_refused(codes):
    with pytest.raises(ValueError):
        pack(codes)

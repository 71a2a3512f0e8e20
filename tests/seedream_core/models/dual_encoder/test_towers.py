"""The towers: shapes, padding that changes nothing, places that count, and configs that cannot be built."""

import pytest
import torch

from seedream_core.models.dual_encoder.towers import LARGEST_SCALE, Towers
from seedream_core.models.dual_encoder.towers_config import TowersConfig

TINY = TowersConfig(
    size=32, dim=16, widths=(8, 16), image_depth=1, parts=2, text_width=16, text_depth=2, heads=2, max_tokens=12
)


@pytest.fixture
def towers():
    torch.manual_seed(0)
    return Towers(TINY, 300).eval()


def test_vectors_of_length_one(towers):
    with torch.no_grad():
        pictures = towers.embed_images(torch.randn(3, 3, 32, 32))
        texts = towers.embed_texts(torch.randint(0, 300, (4, 7)), torch.ones(4, 7, dtype=torch.bool))
    assert pictures.shape == (3, 16) and texts.shape == (4, 16)
    torch.testing.assert_close(torch.cat([pictures, texts]).norm(dim=1), torch.ones(7))


def test_padding_changes_nothing(towers):
    ids, mask = torch.randint(0, 300, (2, 9)), torch.arange(9)[None] < torch.tensor([[5], [9]])
    with torch.no_grad():
        both, alone = towers.embed_texts(ids, mask), towers.embed_texts(ids[:1, :5], mask[:1, :5])
    torch.testing.assert_close(both[:1], alone)


def test_left_is_not_right_and_order_counts(towers):
    image, ids = torch.randn(1, 3, 32, 32), torch.tensor([[5, 9, 7]])
    with torch.no_grad():
        assert not torch.allclose(towers.embed_images(image), towers.embed_images(image.flip(3)), atol=1e-3)
        every = torch.ones(1, 3, dtype=torch.bool)
        assert not torch.allclose(towers.embed_texts(ids, every), towers.embed_texts(ids.flip(1), every), atol=1e-5)


def test_all_learns_and_the_scale_has_a_limit(towers):
    pictures = towers.embed_images(torch.randn(2, 3, 32, 32))
    texts = towers.embed_texts(torch.randint(0, 300, (2, 12)), torch.ones(2, 12, dtype=torch.bool))
    (towers.scale * pictures @ texts.T).square().sum().backward()
    # the last convolution of a residual block begins at zero, so what stands before it has no gradient yet
    still = [name for name, p in towers.named_parameters() if p.grad is None]
    assert still == []
    towers.log_scale.data.fill_(50.0)
    assert float(towers.scale.detach()) == pytest.approx(100) == pytest.approx(torch.tensor(LARGEST_SCALE).exp().item())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": 36}, "size 36 is not a multiple of 8"),
        ({"widths": (8, 20)}, "width 20"),
        ({"text_width": 30, "heads": 4}, "text_width, 30"),
        ({"widths": (8, 16), "heads": 3}, "the last of widths, 16"),
        ({"size": 32, "parts": 3}, "parts 3"),
    ],
)
def test_shapes_that_cannot_be(wrong, message):
    with pytest.raises(ValueError, match=message):
        TowersConfig(**wrong)

"""Sizes and FLOPs of the MM-DiT, against its parts counted by hand."""

import pytest

from seedream_core.errors import ConfigError
from seedream_core.models.dit import DitConfig
from seedream_core.models.dit.mmdit import MmditConfig
from seedream_core.workflow.config import dump, parse


@pytest.mark.parametrize(
    "width, height, factor, patch, tokens",
    [(64, 64, 16, 1, 16), (64, 32, 16, 1, 8), (512, 512, 8, 2, 1024), (2048, 2048, 16, 1, 16384)],
)
def test_image_tokens(width, height, factor, patch, tokens):
    assert MmditConfig(patch=patch).image_tokens(width, height, factor) == tokens


@pytest.mark.parametrize(
    "width, height, message",
    [
        (60, 64, "width 60 is not a multiple of 16; try 48 or 64"),
        (64, 8, "height 8 is not a multiple of 16; try 16 or 32"),
        (0, 16, "width 0"),
    ],
)
def test_sizes_that_do_not_fit(width, height, message):
    with pytest.raises(ValueError, match=message):
        MmditConfig().image_tokens(width, height, 16)


def test_flops_grow_as_the_parts_do():
    config = MmditConfig(width=64, depth=2, heads=2)

    def count(image, text=8, **options):
        return MmditConfig(**{"width": 64, "depth": 2, "heads": 2} | options).flops(
            image, text, channels=4, text_width=16
        )

    # Doubling the image tokens doubles the streams; attention over all tokens grows with their square.
    streams = 2 * 16 * 2 * 64 * (4 * 64 + 2 * config.hidden) + 16 * 4 * 4 * 64
    attention = 4 * 64 * (2 * (40**2 - 24**2) - 8 * (40 - 24))
    assert count(32) - count(16) == streams + attention
    assert count(16, modulation="full") > count(16, modulation="low_rank", modulation_rank=4)
    assert count(16, mlp_ratio=2.0) < count(16)


def test_what_cannot_be_built_is_refused():
    with pytest.raises(ValueError, match="whole multiple of 4"):
        MmditConfig(width=192, heads=5)
    with pytest.raises(ConfigError, match="net.depth: must be at least 1"):
        parse(MmditConfig, {"depth": 0}, prefix=("net",))


def test_round_trip():
    config = parse(DitConfig, {"width": 64, "heads": 2, "rope": {"name": "scaled"}, "modulation": "shared"})
    assert parse(DitConfig, dump(config)) == config and config.hidden == 256

"""Captions are drawn by weight from (seed, key, step), and from nothing else."""

from collections import Counter

import pytest

from seedream_core.data.loading.caption_mix import CaptionMix
from seedream_core.errors import DataError
from seedream_core.workflow.config import ConfigError, dump, parse

CAPTIONS = {"en": {"short": "es", "long": "el"}, "zh": {"short": "zs", "long": "zl", "other": "zo", "empty": ""}}


def shares(mix: CaptionMix, captions=CAPTIONS, count=4000) -> dict[str, float]:
    drawn = Counter(mix.choose(captions, 0, "k", step) for step in range(count))
    return {text: drawn[text] / count for text in drawn}


def test_default_shares():
    found = shares(CaptionMix())
    expected = {"": 0.1, "es": 0.45 * 7 / 8, "el": 0.45 / 8, "zs": 0.45 * 7 / 9, "zl": 0.45 / 9, "zo": 0.45 / 9}
    assert found.keys() == expected.keys()
    assert all(abs(found[text] - share) < 0.03 for text, share in expected.items())


def test_every_option():
    mix = CaptionMix(languages={"zh": 1.0}, fields={"long": 1.0, "short": 3.0}, others=0.0, dropout=0.0)
    found = shares(mix)
    assert found.keys() == {"zs", "zl"} and abs(found["zs"] - 0.75) < 0.03
    assert shares(CaptionMix(dropout=1.0)) == {"": 1.0}
    assert mix.choose({}, 0, "k", 0) == mix.choose({"en": {"short": ""}}, 0, "k", 0) == ""
    assert shares(CaptionMix(dropout=0.0), {"en": {"short": "x"}, "zh": {}}).keys() == {"x"}


@pytest.mark.parametrize(
    "mix",
    [
        CaptionMix(languages={"eng": 1.0}),
        CaptionMix(fields={"shrot": 1.0}, others=0.0),
        CaptionMix(languages={"fr": 1.0}, dropout=1.0),
    ],
)
def test_a_mix_that_takes_none_of_the_captions_is_refused(mix):
    with pytest.raises(DataError, match=r"sample k: .* \(en.short, zh.long\)"):
        mix.choose({"en": {"short": "x", "empty": ""}, "zh": {"long": "y"}}, 0, "k", 0)


def test_key_step_and_seed_count():
    mix = CaptionMix(dropout=0.0)
    draws = {
        (seed, key): tuple(mix.choose(CAPTIONS, seed, key, step) for step in range(20))
        for seed in (0, 1)
        for key in ("a", "b")
    }
    assert len(set(draws.values())) == 4
    assert draws[0, "a"] == tuple(mix.choose(CAPTIONS, 0, "a", step) for step in range(20))


def test_config():
    assert parse(CaptionMix, dump(CaptionMix(dropout=0.2))) == CaptionMix(dropout=0.2)
    for wrong in ({"dropout": 1.5}, {"languages": {"en": -1.0}}, {"languages": {}}, {"fields": {}, "others": 0.0}):
        with pytest.raises(ConfigError):
            parse(CaptionMix, wrong)

"""Records survive their json; json from outside is refused with a reason."""

import json

import pytest
import torch

from seedream_core.errors import DataError
from seedream_core.records import Batch, Fate, Sample, load_json, safe_key, valid_key


def sample(**changes) -> Sample:
    fields = {
        "key": "s-1",
        "name": "原图.png",
        "width": 64,
        "height": 48,
        "captions": {"en": {"short": "a star"}, "zh": {"short": "星"}},
        "tags": ("scene",),
        "scores": {"clean": 0.5},
        "boxes": ([0, 0, 5, 5],),
        "truth": {"objects": []},
    }
    return Sample(**fields | changes)


def test_json_round_trip():
    assert Sample.from_json(sample().to_json()) == sample()
    assert "原图" in sample().to_json().decode()


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "../x"},
        {"key": "a.b"},
        {"key": "键"},
        {"key": ""},
        {"width": 0},
        {"width": True},
        {"height": 3.0},
        {"captions": {"en": "flat"}},
        {"captions": {"en": {"short": 3}}},
        {"weight": float("nan")},
        {"weight": -1.0},
        {"weight": 10**400},
        {"scores": {"x": "high"}},
        {"tags": ("a", 1)},
        {"boxes": [1]},
    ],
)
def test_wrong_records_are_refused(changes):
    with pytest.raises(DataError):
        sample(**changes)


@pytest.mark.parametrize(
    "data, reason",
    [
        (b"{", "not json"),
        (b"\xff{}", "UTF-8"),
        (b"[1]", "not a mapping"),
        (b'{"a": NaN}', "NaN"),
        (b'{"key": "a"}', "lacks width"),
        (b'{"evil": 1}', "unknown fields: evil"),
        (b"[" * 30000, "deeper"),
        (json.dumps([[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]).encode(), "deeper"),
        (b'"' + b"a" * 70000 + b'"', "over 65536"),
    ],
)
def test_hostile_json(data, reason):
    with pytest.raises(DataError, match=reason):
        Sample.from_json(data)


def test_twenty_levels_are_allowed():
    tree = 1
    for _ in range(20):
        tree = [tree]
    assert load_json(json.dumps(tree)) == tree


def test_keys():
    assert valid_key("scene-00_1") and not valid_key("-a") and not valid_key("a/b") and not valid_key("a" * 65)
    assert safe_key("abc") == "abc"
    assert valid_key(safe_key("dir/图.1")) and safe_key("x/1") != safe_key("x/2")


def test_fate_is_one_line_and_batch_moves():
    line = Fate(key="a", source="00000.tar", fate="dropped", reason="size 8×8\nx", stage="data/curate").to_json()
    assert "\n" not in line and json.loads(line)["fate"] == "dropped"
    batch = Batch(step=1, keys=["a"], captions=[""], latents=torch.zeros(1, 2)).to("cpu", dtype=torch.float64)
    assert batch.latents.dtype == torch.float64 and batch.images is None and batch.step == 1

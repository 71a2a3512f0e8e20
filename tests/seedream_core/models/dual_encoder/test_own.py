"""Our own encoder on disk and back: long captions are cut, damaged folders are refused."""

import json
import shutil

import numpy as np
import pytest

from seedream_core.errors import DataError
from seedream_core.models.dual_encoder.artifact import load
from seedream_core.models.dual_encoder.own import square


def test_long_captions_are_cut(folder):
    encoder = load(folder)
    long = "red " * 200
    assert np.array_equal(encoder.texts([long]), encoder.texts([long + "blue"]))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tokenizer.json", "{}", "tokenizer.json: not readable"),
        ("calibration.json", '{"references": [], "own": 1, "common": 0, "shift": 0}', "references"),
        ("calibration.json", '{"references": ["a"], "own": 1e999, "common": 0, "shift": 0}', "finite"),
        ("calibration.json", "[]", "not readable"),
    ],
)
def test_damaged_folders(folder, tmp_path, name, content, message):
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / "network" / name).write_text(content)
    with pytest.raises(DataError, match=message):
        load(tmp_path / "copy")


def test_another_vocabulary_is_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    path = tmp_path / "copy" / "network" / "tokenizer.json"
    page = json.loads(path.read_text())
    page["model"]["merges"], page["model"]["vocab"] = (
        [],
        {token: number for token, number in page["model"]["vocab"].items() if number < 257},
    )
    path.write_text(json.dumps(page))
    with pytest.raises(DataError, match="not the vocabulary"):
        load(tmp_path / "copy")


def test_a_square_shows_the_whole_picture():
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, 40:] = 250
    found = square(pixels, 16)
    assert found.shape == (16, 16, 3) and found[:, :7].max() < 5 and found[:, 9:].min() > 245
    assert square(found, 16) is found and square(pixels[:8, :8], 16).shape == (16, 16, 3)

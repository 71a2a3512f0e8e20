"""An encoder on disk and back: the same bits in any company, chances from evidence, and damaged folders refused."""

import json
import shutil

import numpy as np
import pytest
import toy_encoder

from seedream_core.errors import DataError
from seedream_core.models.dual_encoder import load


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return toy_encoder.make_encoder(tmp_path_factory.mktemp("encoder") / "made")


@pytest.fixture(scope="module")
def pictures():
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (random.integers(20, 90), random.integers(20, 90), 3), np.uint8) for _ in range(37)]


def test_the_same_bits_in_any_company(folder, pictures):
    encoder = load(folder)
    together = encoder.images(pictures)
    assert together.shape == (37, 16) and together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, rtol=1e-5)
    assert np.array_equal(np.concatenate([encoder.images([one]) for one in pictures]), together)
    assert np.array_equal(encoder.images(pictures[::-1]), together[::-1])
    texts = [f"{text} {'very ' * (number % 9)}small" for number, text in enumerate(toy_encoder.TEXTS * 4)]
    told = encoder.texts(texts)
    assert np.array_equal(np.concatenate([encoder.texts([text]) for text in texts]), told)
    assert np.array_equal(encoder.texts(texts[::-1]), told[::-1])
    assert (
        len({row.tobytes() for row in together}) == 37
        and encoder.texts([]).shape == (0, 16) == encoder.images([]).shape
    )


def test_agreement_follows_the_logits(folder, pictures):
    encoder = load(folder)
    vectors, captions = encoder.images(pictures[:4]), [[text] for text in toy_encoder.TEXTS[:4]]
    logits, agreement = encoder.logits(vectors, captions), encoder.agreement(vectors, captions)
    references = encoder.scale * vectors[1] @ encoder.texts(toy_encoder.TEXTS).T
    assert logits[1] == pytest.approx([references[1], np.log(np.exp(references).mean())], abs=1e-4)
    np.testing.assert_allclose(agreement, 1 / (1 + np.exp(-(0.1 * logits[:, 0] - 0.1 * logits[:, 1] + 0.5))), rtol=1e-6)
    assert encoder.agreement(vectors[2:3], captions[2:3])[0] == agreement[2]
    both = encoder.logits(vectors[:1], [[toy_encoder.TEXTS[0], toy_encoder.TEXTS[1]]])[0]
    assert both == pytest.approx(encoder.logits(vectors[[0, 0]], captions[:2]).mean(0), abs=1e-4)


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

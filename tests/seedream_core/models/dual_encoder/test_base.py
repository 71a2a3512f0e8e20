"""The same bits whatever stands beside a picture or caption; agreement follows from the logits."""

import numpy as np
import pytest
import toy_encoder

from seedream_core.models.dual_encoder.artifact import load


def test_the_same_bits_in_any_company(folder, pictures):
    encoder = load(folder)
    together = encoder.images(pictures)
    assert together.shape == (37, 16) and together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, rtol=1e-5)
    assert np.array_equal(np.concatenate([encoder.images([one]) for one in pictures]), together)
    assert np.array_equal(encoder.images(pictures[::-1]), together[::-1])
    texts = [f"{text} {'very ' * (number % 9)}small" for number, text in enumerate(toy_encoder.TEXTS * 4)]
    vectors = encoder.texts(texts)
    assert np.array_equal(np.concatenate([encoder.texts([text]) for text in texts]), vectors)
    assert np.array_equal(encoder.texts(texts[::-1]), vectors[::-1])
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

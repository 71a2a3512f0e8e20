"""Embeddings as features: those of the encoder, in float16, computed once for two scorers of one encoder."""

import numpy as np
import pytest
import toy_encoder

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers import embedding
from seedream_core.data.curation.scorers.agreement import AgreementScorer
from seedream_core.data.curation.scorers.embedding import EmbeddingScorer
from seedream_core.errors import UserError
from seedream_core.models.dual_encoder.artifact import load
from seedream_core.records import Sample


def views(count=5):
    random = np.random.default_rng(0)
    return [
        LazySample.of(
            Sample(key=f"a{index}", width=40, height=40, captions={"en": {"short": "a red circle"}}),
            random.integers(0, 256, (40, 40, 3), np.uint8),
        )
        for index in range(count)
    ]


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return toy_encoder.make_encoder(tmp_path_factory.mktemp("ours") / "encoder")


def test_vectors_of_the_stages_encoder_or_of_a_path(ours, tmp_path):
    made = views()
    EmbeddingScorer().start({"encoder": ours})(made)
    expected = load(ours).images([view.pixels for view in made]).astype(np.float16)
    assert all(
        np.array_equal(view.features["embedding"], row) and row.dtype == np.float16 for view, row in zip(made, expected)
    )
    outside = toy_encoder.make_outside(tmp_path / "clip", "clip")
    EmbeddingScorer(path=str(outside)).start({"encoder": ours})(made)
    assert made[0].features["embedding"].shape == (8,)
    EmbeddingScorer().start({"encoder": ours})([])


def test_alike_at_any_chunking(ours):
    together, alone = views(20), views(20)
    score = EmbeddingScorer().start({"encoder": ours})
    score(together)
    for view in alone:
        score([view])
    assert all(
        np.array_equal(one.features["embedding"], other.features["embedding"]) for one, other in zip(together, alone)
    )


def test_two_scorers_of_one_encoder_compute_once(ours, monkeypatch):
    made, seen = views(), []
    encoder = embedding.opened_for(EmbeddingScorer(), "", {"encoder": ours})
    plain = encoder.images
    monkeypatch.setattr(encoder, "images", lambda pixels: seen.append(len(pixels)) or plain(pixels))
    EmbeddingScorer().start({"encoder": ours})(made[:3])
    AgreementScorer().start({"encoder": ours})(made)
    assert seen == [3, 2]


def test_without_an_encoder():
    with pytest.raises(UserError, match="embedding needs a dual encoder"):
        EmbeddingScorer().start({})

"""Agreement is the encoder's chance over all captions that are judged; nothing said is nothing wrong."""

import numpy as np
import pytest
import toy_encoder

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers.agreement import AgreementScorer
from seedream_core.errors import UserError
from seedream_core.models.dual_encoder.artifact import load
from seedream_core.records import Sample

CAPTIONS = {
    "en": {"short": "two blue stars", "long": "two blue stars, and nothing else"},
    "zh": {"short": "两个蓝色五角星", "brief": " "},
}


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return toy_encoder.make_encoder(tmp_path_factory.mktemp("ours") / "encoder")


def view(captions):
    pixels = np.random.default_rng(1).integers(0, 256, (40, 40, 3), np.uint8)
    return LazySample.of(Sample(key="a", width=40, height=40, captions=captions), pixels)


def test_all_captions_or_those_of_some_languages(ours):
    encoder, one = load(ours), view(CAPTIONS)
    vectors = encoder.images([one.pixels])
    for languages, judged in (
        ((), ["two blue stars, and nothing else", "two blue stars", "两个蓝色五角星"]),
        (("zh",), ["两个蓝色五角星"]),
    ):
        AgreementScorer(languages=languages).start({"encoder": ours})([one])
        assert one.scores["agreement"] == round(float(encoder.agreement(vectors, [judged])[0]), 4)
    assert 0 < one.scores["agreement"] < 1


def test_without_captions(ours):
    silent = [view({}), view({"zh": {"short": "  "}}), view(CAPTIONS)]
    AgreementScorer(languages=("fr",)).start({"encoder": ours})(silent)
    assert [one.scores["agreement"] for one in silent] == [1.0] * 3
    with pytest.raises(UserError, match="agreement needs a dual encoder"):
        AgreementScorer().start({})

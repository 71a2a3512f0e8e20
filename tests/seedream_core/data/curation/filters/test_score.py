"""One score between bounds: they count as in, the reason has figures, a score that is not there is no verdict."""

import numpy as np
import pytest

from seedream_core.data.curation.filters.score import ScoreFilter
from seedream_core.data.curation.funnel import FunnelPlan
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.errors import ConfigError
from seedream_core.records import Sample
from seedream_core.workflow.config import parse


def view(**scores) -> LazySample:
    made = LazySample.of(Sample(key="a", width=64, height=64, captions={}), np.zeros((64, 64, 3), np.uint8))
    made.scores |= scores
    return made


def test_bounds():
    assert (
        ScoreFilter(score="defect", max_value=0.5)(view(defect=0.5)).keep
        and ScoreFilter(score="defect", min_value=0.5)(view(defect=0.5)).keep
    )
    over = ScoreFilter(score="defect", min_value=0.1, max_value=0.5)(view(defect=0.6123))
    under = ScoreFilter(score="defect", min_value=0.1, max_value=0.5)(view(defect=0.0512))
    assert (over.keep, over.reason) == (False, "defect 0.612 is over 0.5") and (under.keep, under.reason) == (
        False,
        "defect 0.0512 is under 0.1",
    )
    assert not ScoreFilter(score="aesthetic", min_value=5)(view(aesthetic=4.9)).keep


def test_needs_follow_the_config():
    assert ScoreFilter(score="aesthetic", min_value=1).needs == ("aesthetic",)
    assert [step.name() for step in FunnelPlan.of((), (ScoreFilter(score="defect", max_value=0.5),)).steps] == [
        "heads",
        "score",
    ]
    with pytest.raises(ValueError, match="needs 'charm', which no scorer computes"):
        FunnelPlan.of((), (ScoreFilter(score="charm", max_value=0.5),))


def test_what_cannot_be_meant():
    for options, words in (
        ({}, "give min_value, max_value or both"),
        ({"min_value": 2, "max_value": 1}, r"min_value \(2\) is over max_value \(1\)"),
    ):
        with pytest.raises(ConfigError, match=words):
            parse(ScoreFilter, {"score": "defect", **options})

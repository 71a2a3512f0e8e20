"""Cheap verdicts come first and spare the dear ones; what filters need is measured, and only on what is alive."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from seedream_core.data.curation.filters import Filter
from seedream_core.data.curation.funnel import Funnel, FunnelPlan
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers import Score, Scorer
from seedream_core.errors import UserError
from seedream_core.records import Sample, Verdict

SEEN: list[tuple[str, ...]] = []


@dataclass(frozen=True, kw_only=True)
class Mean(Scorer):
    gives: ClassVar[tuple[str, ...]] = ("mean",)

    def start(self, models: Mapping[str, Path]) -> Score:
        def score(views: Sequence[LazySample]) -> None:
            SEEN.append(tuple(view.sample.key for view in views))
            for view in views:
                view.scores["mean"] = float(view.pixels.mean()) / 255

        return score


@dataclass(frozen=True, kw_only=True)
class Bright(Filter):
    needs: ClassVar[tuple[str, ...]] = ("mean",)

    def __call__(self, view: LazySample) -> Verdict:
        return Verdict(view.scores["mean"] > 0.5, f"mean {view.scores['mean']:.2f}")


@dataclass(frozen=True, kw_only=True)
class Named(Filter):
    def __call__(self, view: LazySample) -> Verdict:
        return Verdict(view.sample.key != "x", "it is x")


def view(key: str, value: int, width: int = 8) -> LazySample:
    return LazySample.of(Sample(key=key, width=width, height=8, captions={}), np.full((8, 8, 3), value, np.uint8))


def test_cheap_filters_come_first_and_scorers_see_only_what_is_alive():
    SEEN.clear()
    plan = FunnelPlan.of([Mean()], [Bright(), Named()])
    assert [type(step) for step in plan.steps] == [Named, Mean, Bright]
    rulings = Funnel(plan, {})([view("x", 255), view("a", 255), view("b", 9)])
    assert [ruling.fate for ruling in rulings] == ["dropped", "kept", "dropped"]
    assert rulings[2].reason.endswith("mean 0.04") and SEEN == [("a", "b")]


def test_what_is_asked_for_beside_filters_is_measured_last():
    plan = FunnelPlan.of([Mean()], [Named()], {"digest": "exact"})
    assert [step.name() for step in plan.steps][-1] == "digest" and type(plan.steps[1]) is Mean
    kept = view("a", 7)
    Funnel(plan, {})([kept])
    assert kept.scores["mean"] == pytest.approx(7 / 255) and kept.features["digest"].shape == (16,)


def test_a_need_that_nobody_meets_and_one_met_twice():
    with pytest.raises(ValueError, match="'mean', which no scorer computes"):
        FunnelPlan.of([], [Bright()])
    with pytest.raises(ValueError, match="both give mean"):
        FunnelPlan.of([Mean(), Mean()], [])


def test_a_score_that_its_scorer_did_not_note_is_reported():
    @dataclass(frozen=True, kw_only=True)
    class Idle(Mean):
        def start(self, models: Mapping[str, Path]) -> Score:
            return lambda views: None

    with pytest.raises(UserError, match="needs 'mean', which no scorer computed for a; it has no scores"):
        Funnel(FunnelPlan.of((Idle(),), (Bright(),)), {})(
            [LazySample.of(Sample(key="a", width=4, height=4, captions={}), np.zeros((4, 4, 3), np.uint8))]
        )


def test_pixels_that_are_not_the_records_are_quarantined():
    (ruling,) = Funnel(FunnelPlan.of([], []), {})([view("a", 7, width=9)])
    assert ruling.fate == "quarantined" and ruling.reason == "picture: 8×8 pixels where the record says 9×8"

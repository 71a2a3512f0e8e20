"""Effective numbers of concepts, by hand."""

import numpy as np
import pytest

from seedream_core.data.balancing.concepts import Concepts


def test_effective_number():
    concepts = Concepts.of([["a"], ["b"], ["a", "b"], []])
    assert concepts.effective(np.ones(4)) == pytest.approx(2)
    assert concepts.effective(np.array([1.0, 0, 0, 5])) == pytest.approx(1)
    shares = np.array([0.75, 0.25])
    assert concepts.effective(np.array([3.0, 1, 0, 0])) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))
    assert Concepts.labels(np.array([7, 7, 2, 9])).names == ("2", "7", "9")


def test_report_tells_the_rarest_quarter():
    concepts = Concepts.of([["a"]] * 6 + [["b"]] * 3 + [["c"]] * 2 + [["d"]])
    after = np.ones(12)
    after[-1] = 5
    report = concepts.report(np.ones(12), after)
    assert report["concepts"] == 4 and report["rarest_quarter"] == {"concepts": 1, "before": 0.08333, "after": 0.3125}
    assert report["rarest"] == [{"name": "d", "samples": 1, "before": 0.08333, "after": 0.3125}]
    assert report["effective"]["after"] > report["effective"]["before"]
    assert Concepts.of([[], []]).report(np.ones(2), np.ones(2)) == {"concepts": 0}

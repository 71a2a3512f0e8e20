"""The packaged detector: whole, small, says of clean scenes nothing and of spoiled ones where and what."""

import numpy as np
import pytest

from seedream_core.data.curation.judging import planted_scenes
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers.structure import StructureScorer, packaged
from seedream_core.data.images.masks import union
from seedream_core.errors import UserError
from seedream_core.records import Sample
from seedream_core.workflow import artifact


def view(pixels: np.ndarray) -> LazySample:
    return LazySample.of(Sample(key="a", width=pixels.shape[1], height=pixels.shape[0], captions={}), pixels)


def test_it_is_whole_and_under_a_megabyte():
    assert artifact.verify(packaged()) == []
    assert sum(path.stat().st_size for path in packaged().rglob("*") if path.is_file()) < 1e6
    assert artifact.read(packaged(), "detector").facts["parameters"] < 300_000


def test_boxes_and_their_area():
    planted = list(planted_scenes("structure", 60))
    views = [view(one.pixels) for one in planted]
    StructureScorer().start({})(views)
    for seen in views:
        assert seen.scores["defect_area"] == pytest.approx(union([box["box"] for box in seen.boxes]), abs=1e-5)
        assert all(0 <= side <= 1 for box in seen.boxes for side in box["box"]) and all(
            0 < box["score"] <= 1 for box in seen.boxes
        )
    errors = [abs(seen.scores["defect_area"] - one.area) for seen, one in zip(views, planted)]
    assert np.mean(errors) < 0.04
    assert np.mean([not seen.boxes for seen, one in zip(views, planted) if not one.boxes]) >= 0.9
    named = [
        one.boxes[0]["kind"] in {box["kind"] for box in seen.boxes}
        for seen, one in zip(views, planted)
        if len(one.boxes) == 1
    ]
    assert np.mean(named) >= 0.8


def test_another_detector_by_path(tmp_path):
    with pytest.raises(UserError, match="no detector"):
        StructureScorer(path=str(tmp_path)).start({})
    (tmp_path / "network").mkdir()
    for name in ("config.yaml", "weights.safetensors"):
        (tmp_path / "network" / name).write_bytes((packaged() / "network" / name).read_bytes())
    pictures = [one.pixels for one in planted_scenes("path", 6)]
    ours, theirs = [view(pixels) for pixels in pictures], [view(pixels) for pixels in pictures]
    StructureScorer().start({})(ours)
    StructureScorer(path=str(tmp_path)).start({})(theirs)
    assert [seen.boxes for seen in ours] == [seen.boxes for seen in theirs] and any(seen.boxes for seen in ours)

"""The judge's figures follow from truth and finding."""

import numpy as np
import pytest
from PIL import Image

from seedream_core.data.curation import judging
from seedream_core.data.storage.shards import ShardWriter
from seedream_core.models.detector import DetectorConfig
from seedream_core.objectives.detector import cover
from seedream_core.records import Sample
from seedream_core.synthetic.defects.planting import KINDS, Planted


class Oracle:
    """Knows the boxes of each picture by its first pixel."""

    kinds, config = KINDS, DetectorConfig(side=64)

    def __init__(self, boxes):
        self.boxes = boxes

    def maps(self, pixels):
        return cover(Planted(pixels, self.boxes[int(pixels[0, 0, 0])]), 8, 8, 8, 8)


def logo(*box):
    return ({"kind": "logo", "box": list(box), "score": 1.0},)


def test_figures():
    true = [(), (), logo(0, 0, 0.5, 0.25), logo(0, 0, 0.5, 0.5)]
    found = [(), logo(0.5, 0.5, 1, 0.75), logo(0, 0, 0.5, 0.25), logo(0, 0, 0.5, 0.25)]
    pictures = [Planted(np.full((64, 64, 3), index, np.uint8), boxes) for index, boxes in enumerate(true)]
    assert judging.judge(Oracle(found), pictures) == {
        "pictures": 4,
        "area_error": pytest.approx(0.0625),
        "decisions_right": 0.5,
        "clean_flagged": 0.5,
    }


def test_decisions():
    assert [judging.decision(area) for area in (0, 0.001, 0.1999, 0.2, 1)] == ["keep", "mask", "mask", "drop", "drop"]
    assert judging.decision(0.1, most=0.05) == "drop"


def test_scenes_of_three_sizes_some_clean():
    scenes = list(judging.planted_scenes("judging", 60))
    assert [one.pixels.shape for one in scenes[:3]] == [(64, 64, 3), (128, 128, 3), (256, 256, 3)]
    assert 10 <= sum(not one.boxes for one in scenes) <= 30


def test_pictures_of_an_artifact(tmp_path):
    import io

    with ShardWriter(tmp_path / "shards") as writer:
        for index in range(3):
            file = io.BytesIO()
            Image.new("RGB", (40, 30), (index * 80, 0, 0)).save(file, "PNG")
            writer.add(
                f"a{index}",
                {"png": file.getvalue(), "json": Sample(key=f"a{index}", width=40, height=30, captions={}).to_json()},
            )
    made = list(judging.planted_pictures(tmp_path, 0, 12))
    assert len(made) == 12 and all(one.pixels.shape == (30, 40, 3) for one in made) and any(one.boxes for one in made)

"""Judges are asked only where they apply, and their means are over those prompts."""

import json

import numpy as np
import pytest

from seedream_core.evaluation.judges import Atom, Judge, Judgement, Judging, means
from seedream_core.evaluation.suites import SuiteItem
from seedream_core.workflow.host import Host


class Bright(Judge):
    """Scores how bright a picture is, of prompts that ask for light."""

    @classmethod
    def name(cls) -> str:
        return "bright"

    def applies(self, item):
        return "light" in item.prompt

    def start(self, host):
        def look(item, picture):
            score = float(picture.mean() / 255)
            return Judgement((Atom("bright", "object", "light", score), Atom("bright", "ground", "sky", 1.0)), score)

        return look


def test_each_judge_sees_the_prompts_that_it_applies_to():
    items = [SuiteItem("prompts", index, text, index) for index, text in enumerate(("a light", "a cave", "light"))]
    judging = Judging([Bright()], Host())
    found = judging(items, np.stack([np.full((4, 4, 3), value, np.uint8) for value in (255, 255, 51)]))
    assert [list(one) for one in found] == [["bright"], [], ["bright"]]
    assert [one["bright"].score for one in found if one] == pytest.approx([1.0, 0.2])
    bright = means(judging.judges, found)["bright"]
    assert bright["prompts"] == 2 and bright["score"] == pytest.approx(0.6)
    assert bright["atoms"] == pytest.approx({"object": 0.6, "ground": 1.0})


def test_a_judgement_is_the_same_after_json():
    judgement = Bright().start(Host())(None, np.full((4, 4, 3), 51, np.uint8))
    assert Judgement.from_json(json.loads(json.dumps(judgement.to_json()))) == judgement


def test_every_member_is_found_by_its_file():
    assert Judge.names() == ("agreement", "ocr", "scenes", "vlm")

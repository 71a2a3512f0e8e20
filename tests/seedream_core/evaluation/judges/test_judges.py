"""Judges are asked only where they apply, and their means are over those prompts."""

import numpy as np
import pytest

from seedream_core.evaluation.judges import Atom, Judge, Judgement, Judging
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
    judging = Judging([Bright()], items, Host())
    found = judging(np.stack([np.full((4, 4, 3), value, np.uint8) for value in (255, 255, 51)]))
    assert [list(one) for one in found] == [["bright"], [], ["bright"]]
    assert [one["bright"].score for one in found if one] == pytest.approx([1.0, 0.2])
    means = judging.means(found)["bright"]
    assert means["prompts"] == 2 and means["score"] == pytest.approx(0.6)
    assert means["atoms"] == pytest.approx({"object": 0.6, "ground": 1.0})


def test_every_member_is_found_by_its_file():
    assert Judge.names() == ("agreement", "ocr", "scenes", "vlm")

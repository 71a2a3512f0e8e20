"""Strict accuracy: right pictures count, each kind of wrong one says why, and the interval is Wilson's."""

import json

import pytest

from seedream_core.evaluation.judges.scenes import ScenesJudge, atoms, fault, scene_accuracy
from seedream_core.evaluation.metrics.rate import Rate
from seedream_core.evaluation.suites import SuiteItem
from seedream_core.randomness import Rng
from seedream_core.synthetic.scenes.prompts import evaluation_prompts
from seedream_core.synthetic.scenes.reader import Reading
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import Object, SceneRequest, Thing, World
from seedream_core.workflow.host import Host

RED, BLUE = Object("red", "star", 0.3, 0.5, 0.2), Object("blue", "heart", 0.7, 0.5, 0.2)
PAIR = SceneRequest("pair", "white", (Thing("red", "star"), Thing("blue", "heart")), 2, "left")
STARS = SceneRequest("several", "white", (Thing("red", "star"),), 2)


def test_pictures_of_their_prompts_are_right_and_of_the_next_prompt_wrong():
    prompts = evaluation_prompts(24, 0) + evaluation_prompts(24, 0, held_out=True)
    pictures = [render(World().arrange(p.asked, Rng("test", i)), 64, 64) for i, p in enumerate(prompts)]
    result = scene_accuracy(pictures, prompts)
    assert result.rate == Rate(48, 48)
    assert result.by(lambda prompt: prompt.kind) == {kind: Rate(16, 16) for kind in ("one", "several", "pair")}
    assert result.by(lambda prompt: prompt.language)["zh"].share == 1
    assert scene_accuracy(pictures[1:] + pictures[:1], prompts).rate.right == 0
    row = json.loads(json.dumps(result.to_json(), ensure_ascii=False))
    assert row["share"] == 1 and row["kinds"]["pair"]["count"] == 16
    assert row["pictures"][0] == {"prompt": prompts[0].text, "right": True, "fault": None}


@pytest.mark.parametrize(
    "reading, asked, reason",
    [
        (Reading("white", (RED, BLUE), ()), PAIR, None),
        (Reading("white", (BLUE, RED), ()), PAIR, None),
        (Reading("gray", (RED, BLUE), ()), PAIR, "background gray, not white"),
        (Reading("white", (RED,), ()), PAIR, "1 objects, not 2"),
        (Reading("white", (RED, RED), ()), PAIR, "red star, not blue heart"),
        (Reading("white", (RED, BLUE), ("a ghost",)), PAIR, "a ghost"),
        (Reading("white", (RED, BLUE), ()), STARS, "blue heart, not red star"),
        (
            Reading("white", (Object("red", "star", 0.7, 0.5, 0.2), Object("blue", "heart", 0.3, 0.5, 0.2)), ()),
            PAIR,
            "relation right, not left",
        ),
        (
            Reading("white", (Object("red", "star", 0.3, 0.3, 0.2), Object("blue", "heart", 0.7, 0.7, 0.2)), ()),
            PAIR,
            "relation unclear, not left",
        ),
    ],
)
def test_the_reason_is_reported(reading, asked, reason):
    assert fault(reading, asked) == reason


def test_empty_and_uneven_input_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        scene_accuracy([], [])
    with pytest.raises(ValueError):
        scene_accuracy([], evaluation_prompts(2, 0))


def test_each_part_of_a_request_is_judged_by_itself():
    def scores(objects: tuple[Object, ...], asked: SceneRequest, background: str = "white") -> dict[str, float]:
        return {f"{atom.kind} {atom.asked}": atom.score for atom in atoms(Reading(background, objects, ()), asked)}

    right = scores((RED, BLUE), PAIR)
    assert set(right.values()) == {1.0} and len(right) == 7
    turned = scores(
        (RED, BLUE), SceneRequest("pair", "gray", (Thing("blue", "heart"), Thing("red", "star")), 2, "left")
    )
    assert {name for name, score in turned.items() if not score} == {"ground gray", "relation left"}
    assert not [name for name, score in scores((BLUE, RED), PAIR).items() if not score]
    green = scores((Object("green", "star", 0.3, 0.5, 0.2), BLUE), PAIR)
    assert {name for name, score in green.items() if not score} == {"colour red star", "relation left"}
    assert {name for name, score in scores((RED,), STARS).items() if not score} == {"count 2"}


def test_the_judge_scores_what_the_reader_sees():
    prompt = evaluation_prompts(3, 0)[2]
    item, look = SuiteItem("seen", 2, prompt.text, 2, truth=prompt), ScenesJudge().start(Host())
    right = look(item, render(World().arrange(prompt.asked, Rng("test", 1)), 64, 64))
    wrong = look(item, render(World().sample(0, 0), 64, 64))
    assert (right.score, right.reason) == (1.0, None) and all(atom.score == 1 for atom in right.atoms)
    assert wrong.score == 0.0 and wrong.reason and any(atom.score == 0 for atom in wrong.atoms)
    assert ScenesJudge().applies(item) and not ScenesJudge().applies(SuiteItem("prompts", 0, "a cat", 0))

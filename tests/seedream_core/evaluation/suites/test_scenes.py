"""The prompts of scenes: equal for every model, references that show the requests and are no two alike."""

import numpy as np

from seedream_core.evaluation.suites.scenes import ScenePrompts, breakdown, verdicts
from seedream_core.synthetic.scenes.world import World

PROMPTS = ScenePrompts.draw(World(), 7, seen=12, held_out=6)


def test_renders_show_what_is_asked_and_each_take_otherwise():
    first, again, other = PROMPTS.renders("reference"), PROMPTS.renders("reference"), PROMPTS.renders("fresh")
    assert np.array_equal(first, again) and first.shape == (12, 64, 64, 3)
    assert not any(np.array_equal(a, b) for a, b in zip(first, other))
    for pictures in (first, other):
        assert all(PROMPTS.grade(pictures).rights)


def test_each_set_has_its_prompts_and_seeds():
    assert {name: len(prompts) for name, prompts in PROMPTS.prompts.items()} == {"seen": 12, "held_out": 6}
    assert PROMPTS.seeds("seen") == list(range(7, 19))
    assert list(ScenePrompts.draw(World(held_out=()), 7, seen=6, held_out=0).prompts) == ["seen"]


def test_rows_for_the_report():
    graded = {
        name: PROMPTS.grade([PROMPTS.renders("fresh")[0]] * len(prompts), name)
        for name, prompts in PROMPTS.prompts.items()
    }
    rates = breakdown(graded)
    assert sum(rate["right"] for rate in rates) == sum(sum(accuracy.rights) for accuracy in graded.values()) == 1
    assert {(rate["set"], rate["kind"], rate["language"]) for rate in rates if rate["right"]} == {("seen", "one", "en")}
    rows = verdicts(PROMPTS, graded, "base", {"seen": ["a.png"], "held_out": []})
    assert [row["picture"] for row in rows] == ["a.png"] + [None] * 17
    assert rows[0]["right"] and rows[0]["reason"] is None and rows[1]["reason"]

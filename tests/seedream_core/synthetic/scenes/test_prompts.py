"""Evaluation prompts: balanced, repeatable, and on the asked side of the held-out pairs."""

import json
from collections import Counter

import pytest

from seedream_core.synthetic.scenes.prompts import Prompt, evaluation_prompts
from seedream_core.synthetic.scenes.world import HELD_OUT, World


def test_a_third_of_each_kind_and_half_of_each_language():
    prompts = evaluation_prompts(300, 0)
    assert set(Counter((p.kind, p.language) for p in prompts).values()) == {50}
    assert len(set(prompts)) > 250
    assert prompts == evaluation_prompts(300, 0) and prompts[:60] == evaluation_prompts(60, 0)
    assert prompts != evaluation_prompts(300, 1)


@pytest.mark.parametrize("held_out", [False, True])
def test_held_out_pairs_only_where_asked(held_out):
    for prompt in evaluation_prompts(300, 0, held_out=held_out):
        assert any(str(thing) in HELD_OUT for thing in prompt.asked.things) == held_out


def test_nothing_held_out_is_a_clear_error():
    with pytest.raises(ValueError, match="holds colour-shape pairs out"):
        evaluation_prompts(3, 0, held_out=True, world=World(held_out=()))


def test_prompts_survive_json():
    for prompt in evaluation_prompts(12, 0):
        assert Prompt.from_json(json.loads(json.dumps(prompt.to_json(), ensure_ascii=False))) == prompt

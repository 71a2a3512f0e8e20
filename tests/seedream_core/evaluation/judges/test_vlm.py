"""A small random vision-language model answers yes or no, from its own logits; the two answers add up to one."""

import numpy as np
import pytest

from seedream_core.errors import UserError
from seedream_core.evaluation.judges import Judge
from seedream_core.evaluation.suites import SuiteItem, SuiteQuestion
from seedream_core.workflow.host import Host

HOST = Host(precision="f32", accelerator="cpu")


def item(*questions: tuple[str, bool]) -> SuiteItem:
    return SuiteItem("prompts", 0, "a bus", 0, questions=tuple(SuiteQuestion(*one) for one in questions))


def test_questions_are_answered_by_probabilities(tiny_vlm):
    judge = Judge.find("vlm")(path=str(tiny_vlm))
    assert judge.applies(item(("Is it red?", True))) and not judge.applies(item())
    look = judge.start(HOST)
    pictures = [np.random.default_rng(seed).integers(0, 256, (40, 64, 3), np.uint8) for seed in range(2)]
    found = look(item(("Is it red?", True), ("Is it red?", False), ("Is it a bus?", True)), pictures[0])
    yes, no, bus = (atom.score for atom in found.atoms)
    assert yes + no == pytest.approx(1) and 0 < yes < 1 and yes != bus
    assert found.score == pytest.approx((yes + no + bus) / 3)
    assert found.atoms[1].asked == "Is it red? no" and {atom.kind for atom in found.atoms} == {"question"}
    wrong = [atom.asked for atom in found.atoms if atom.score < 0.5]
    assert wrong and found.reason == f"answered otherwise: {'; '.join(wrong)}"
    assert look(item(("Is it red?", True)), pictures[1]).atoms[0].score != yes, "the picture does not matter"
    other = Judge.find("vlm")(path=str(tiny_vlm), request="看图回答：{question}").start(HOST)
    assert other(item(("Is it red?", True)), pictures[0]).atoms[0].score != yes


def test_its_errors_name_the_folder_and_the_option(tmp_path):
    with pytest.raises(UserError, match="judge vlm: .* is no model folder"):
        Judge.find("vlm")(path=str(tmp_path)).start(HOST)
    with pytest.raises(ValueError, match="question} is missing"):
        Judge.find("vlm")(path=str(tmp_path), request="Yes or no?")

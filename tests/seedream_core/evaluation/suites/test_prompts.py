"""A user's prompts: every line an item, every bad line named at once."""

import pytest
from PIL import Image

from seedream_core.errors import ConfigError
from seedream_core.evaluation.suites import Suite, SuiteQuestion


def items(path, seed=100):
    return Suite.find("prompts")(path=str(path)).items(seed, 64, 64)


def test_every_line_is_an_item(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "bus.png")
    path = tmp_path / "prompts.jsonl"
    path.write_text(
        '{"prompt": "a red bus", "references": ["bus.png"], "questions": [{"text": "Is it red?", "answer": "yes"}]}\n'
        '{"prompt": "一只猫", "seed": 7}\n"a dog"\n',
        encoding="utf-8",
    )
    bus, cat, dog = items(path)
    assert (bus.prompt, bus.seed, bus.index, bus.set) == ("a red bus", 100, 0, "prompts")
    assert bus.references == (tmp_path / "bus.png",) and bus.questions == (SuiteQuestion("Is it red?", True),)
    assert (cat.prompt, cat.seed) == ("一只猫", 7)
    assert (dog.seed, dog.references, dog.questions, dog.truth) == (102, (), (), None)


def test_every_bad_line_is_named(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    bad = {
        '{"prompt": "a", "size": "64x64"}': "unknown key; a prompt takes prompt, seed, references, questions",
        '{"prompt": "a", "references": "bus.png"}': "list of picture files",
        '{"prompt": "a", "references": ["notes.txt"]}': "not a readable picture",
        '{"prompt": "a", "references": ["gone.png"]}': "gone.png",
        '{"prompt": "a", "questions": "Is it red?"}': '"answer": "yes" or "no"',
        '{"prompt": "a", "questions": [{"text": "Is it red?"}]}': '"answer": "yes" or "no"',
        '{"prompt": "a", "questions": [{"text": "Is it red?", "answer": "maybe"}]}': '"answer": "yes" or "no"',
        '{"prompt": "a", "questions": [{"text": " ", "answer": "yes"}]}': '"answer": "yes" or "no"',
        '{"prompt": "a", "seed": -1}': "whole number",
        "{": "not JSON",
    }
    path = tmp_path / "prompts.jsonl"
    path.write_text("\n".join(bad))
    with pytest.raises(ConfigError) as caught:
        items(path)
    problems = caught.value.problems
    assert [problem.line for problem in problems] == list(range(1, len(bad) + 1))
    for problem, words in zip(problems, bad.values(), strict=True):
        assert words in problem.message and str(path) in problem.file

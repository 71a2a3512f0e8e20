"""Files of concepts: YAML and JSON lines say the same, and each mistake is reported with its place."""

import pytest

from seedream_core.data.retrieval.queries import Concept, read_concepts
from seedream_core.errors import ConfigError, UserError

YAML = """
- concept: hanfu
  texts: [a woman in hanfu, 穿汉服的女子]
  examples: [a1, a2]
- {concept: 月饼, texts: [月饼], count: 3}
"""
LINES = """{"concept": "hanfu", "texts": ["a woman in hanfu", "穿汉服的女子"], "examples": ["a1", "a2"]}

{"concept": "月饼", "texts": ["月饼"], "count": 3}
"""


def test_both_forms(tmp_path):
    (tmp_path / "a.yaml").write_text(YAML, encoding="utf-8")
    (tmp_path / "a.jsonl").write_text(LINES, encoding="utf-8")
    found = read_concepts(tmp_path / "a.yaml")
    assert found == read_concepts(tmp_path / "a.jsonl")
    assert found == (
        Concept(concept="hanfu", texts=("a woman in hanfu", "穿汉服的女子"), examples=("a1", "a2")),
        Concept(concept="月饼", texts=("月饼",), count=3),
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.yaml", "concept: x", "a list of concepts"),
        ("a.yaml", "[]", "no concepts"),
        ("a.jsonl", "\n", "no concepts"),
        ("a.yaml", "- {concept: x}", "texts or examples"),
        ("a.yaml", "- {concept: x, texts: [' ']}", "texts or examples"),
        ("a.yaml", "- {concept: '', texts: [a]}", "is not a valid name"),
        ("a.yaml", "- {concept: x, text: [a]}", "did you mean 'texts'"),
        ("a.yaml", "- {concept: x, texts: [a]}\n- {concept: x, texts: [b]}", "x is listed twice"),
        ("a.jsonl", '{"concept": "x", "texts": ["a"]}\n[1]', "a.jsonl:2: not a mapping"),
        ("a.jsonl", "{", "a.jsonl:1: not json"),
        ("a.jsonl", '{"concept": "x", "texts": ["a"], "count": 0}', "a.jsonl:1"),
    ],
)
def test_mistakes(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises((UserError, ConfigError), match=message):
        read_concepts(tmp_path / name)


def test_no_file(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_concepts(tmp_path / "none.yaml")

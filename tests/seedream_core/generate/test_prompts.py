"""Prompt files: four sources, one kind of line; whatever is wrong is said at once, with its number."""

import io

import pytest

from seedream_core.errors import ConfigError, UserError
from seedream_core.generate import prompts
from seedream_core.generate.prompts import Line


def file(tmp_path, name, text, encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return str(path)


def test_text_is_one_prompt_per_line(tmp_path):
    source = file(tmp_path, "a.txt", "一个红色圆形\r\n\n  a red circle  \n", "utf-8-sig")
    assert prompts.read(source) == [Line(prompt="一个红色圆形"), Line(prompt="a red circle")]


def test_a_separator_inside_a_line_is_part_of_the_prompt(tmp_path):
    assert len(prompts.read(file(tmp_path, "a.txt", "one\u2028two\n"))) == 1


def test_jsonl_takes_texts_and_objects(tmp_path):
    source = file(
        tmp_path,
        "a.jsonl",
        '"a red circle"\n{"prompt": "红", "seed": 3, "size": "64x32", "steps": 2, "guidance": 1.5}\n',
    )
    assert prompts.read(source) == [
        Line(prompt="a red circle"),
        Line(prompt="红", seed=3, size=(64, 32), steps=2, guidance=1.5),
    ]


def test_csv_has_a_header_and_may_leave_cells_empty(tmp_path):
    source = file(tmp_path, "a.csv", 'prompt,seed,size\n"a star, a heart",7,\n红,,64\n')
    assert prompts.read(source) == [Line(prompt="a star, a heart", seed=7), Line(prompt="红", size=(64, 64))]


def test_standard_input(monkeypatch):
    class Stdin:
        buffer = io.BytesIO("红\nblue\n".encode())

    monkeypatch.setattr("sys.stdin", Stdin)
    assert [line.prompt for line in prompts.read("-")] == ["红", "blue"]


def test_every_bad_line_is_named_at_once(tmp_path):
    source = file(
        tmp_path,
        "a.jsonl",
        "\n".join(
            [
                '{"prompt": "ok"}',
                '{"prompt": ',
                '{"prompt": 3}',
                '{"text": "x"}',
                '{"seed": 1}',
                "[1]",
                '{"prompt": "x", "seed": -1}',
                '{"prompt": "x", "seed": 1.5}',
                '{"prompt": "x", "size": "big"}',
                '{"prompt": "x", "steps": 0}',
                '{"prompt": "x", "guidance": NaN}',
                '{"prompt": "x", "guidance": true}',
            ]
        ),
    )
    with pytest.raises(ConfigError) as caught:
        prompts.read(source)
    assert [problem.line for problem in caught.value.problems] == list(range(2, 13))
    assert [problem.key for problem in caught.value.problems][2:5] == ["text", "prompt", ""]
    assert f"{source}:2: not JSON" in str(caught.value)


def test_csv_problems(tmp_path):
    with pytest.raises(ConfigError, match=r"a.csv:1: prompt: .*no column"):
        prompts.read(file(tmp_path, "a.csv", "seed,size\n1,2\n3,4\n"))
    with pytest.raises(ConfigError, match=r"a.csv:1: colour: unknown key"):
        prompts.read(file(tmp_path, "a.csv", "prompt,colour\nx,red\n"))
    with pytest.raises(ConfigError, match=r"a.csv:3: 3 cells under a header of 2"):
        prompts.read(file(tmp_path, "a.csv", "prompt,seed\nx,1\nx,y,1\n"))
    with pytest.raises(ConfigError, match=r"a.csv:2: not CSV"):
        prompts.read(file(tmp_path, "a.csv", 'prompt\n"x"y\n'))


def test_not_utf8_names_the_line(tmp_path):
    with pytest.raises(ConfigError, match=r"a.txt:2: not UTF-8"):
        prompts.read(file(tmp_path, "a.txt", "ok\n红色\n", "gbk"))


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("a.txt", "\n \n", "no prompt in it"),
        ("a.csv", "", "no prompt in it"),
        ("a.yaml", "x", "are read from .txt, .jsonl, .csv"),
    ],
)
def test_nothing_to_read(tmp_path, name, text, message):
    with pytest.raises(UserError, match=message):
        prompts.read(file(tmp_path, name, text))


def test_missing_file(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        prompts.read(str(tmp_path / "none.txt"))


@pytest.mark.parametrize(
    "text, expected", [("64x32", (64, 32)), ("64X32", (64, 32)), ("64×32", (64, 32)), ("64", (64, 64))]
)
def test_sizes(text, expected):
    assert prompts.size(text) == expected


@pytest.mark.parametrize("text", ["", "x", "64x", "64x64x64", "-64x64", "0x64", "6.4"])
def test_bad_sizes(text):
    with pytest.raises(ValueError, match="is not a size"):
        prompts.size(text)


@pytest.mark.parametrize(
    "line, message",
    [
        ('{"prompt": "red", "guidance": 1' + "0" * 400 + "}", "not a number from 0 up"),
        ('{"prompt": "red", "seed": 1' + "0" * 5000 + "}", "not JSON that can be read"),
        ("[" * 100_000, "not JSON"),
        ('{"prompt": "\\ud800"}', "not valid UTF-8"),
    ],
)
def test_hostile_lines_are_named(tmp_path, line, message):
    (tmp_path / "p.jsonl").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as caught:
        prompts.read(str(tmp_path / "p.jsonl"))
    assert "p.jsonl:1" in str(caught.value)


def test_a_reader_may_name_its_own_keys(tmp_path):
    def doubled(key, value):
        if not isinstance(value, int):
            raise ValueError("expected a number")
        return 2 * value

    source = file(tmp_path, "a.jsonl", '{"prompt": "a", "seed": 3, "weight": 4}\n"b"\n')
    keys = {"seed": prompts.whole, "weight": doubled}
    assert prompts.read(source, keys) == [Line(prompt="a", seed=3, extra={"weight": 8}), Line(prompt="b")]
    with pytest.raises(ConfigError, match="weight.*unknown key; a prompt takes prompt, seed, size, steps, guidance"):
        prompts.read(source)
    with pytest.raises(ConfigError, match="expected a number"):
        prompts.read(file(tmp_path, "b.jsonl", '{"prompt": "a", "weight": "x"}'), keys)

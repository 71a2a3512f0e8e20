"""Progress: few plain lines off a terminal, a Rich bar on one, nothing on standard output."""

import io

import pytest

from seedream_core import progress
from seedream_core.progress import PlainLines, count, duration, figure, track


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_one_line_every_few_seconds_and_one_at_the_end():
    stream, clock = io.StringIO(), Clock()
    lines = PlainLines("encode", 100, stream=stream, every_seconds=5, clock=clock)
    for _ in range(100):
        clock.now += 0.11
        lines.advance(1, loss=0.123456)
    lines.close()
    printed = stream.getvalue().splitlines()
    assert len(printed) == 3
    assert printed[0] == "encode 46/100 (46%) · 6 s left · loss 0.1235"
    assert printed[-1] == "encode 100/100 (100%) · 11 s in all · loss 0.1235"


def test_time_left_counts_only_this_runs_units():
    stream, clock = io.StringIO(), Clock()
    lines = PlainLines("train", 1000, done=900, stream=stream, every_seconds=5, clock=clock)
    clock.now = 10
    lines.advance(50)
    assert stream.getvalue() == "train 950/1000 (95%) · 10 s left\n"


def test_off_a_terminal_there_are_no_escape_codes(capsys):
    with track("scenes", 3) as p:
        for _ in range(3):
            p.advance()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "scenes 3/3 (100%) · 0 s in all\n"


def test_a_terminal_gets_a_bar(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with track("scenes", 3, stream=stream) as p:
        p.advance(3, loss=0.5)
    assert "scenes" in stream.getvalue() and "3/3" in stream.getvalue() and "loss 0.5" in stream.getvalue()
    assert "\x1b[" in stream.getvalue()


def test_other_ranks_say_nothing(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    stream = Terminal()
    with track("scenes", 3, stream=stream) as p:
        p.advance(3)
    assert stream.getvalue() == ""


def test_a_failure_inside_prints_no_false_completion():
    stream = io.StringIO()
    with pytest.raises(ValueError), track("scenes", 3, stream=stream):
        raise ValueError("stop")
    assert stream.getvalue() == ""


def test_empty_work_is_no_division_by_zero():
    stream = io.StringIO()
    with track("scenes", 0, stream=stream):
        pass
    assert stream.getvalue() == "scenes 0/0 · 0 s in all\n"


@pytest.mark.parametrize("seconds, text", [(0.4, "0 s"), (59, "59 s"), (65, "1 min 05 s"), (7620, "2 h 07 min")])
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_figures():
    assert figure(0.00012344) == "0.0001234" and figure(12) == "12" and figure("bf16") == "bf16"
    assert progress.EVERY_SECONDS <= 10


@pytest.mark.parametrize(
    "number, text",
    [
        (0, "0 "),
        (17, "17 "),
        (999, "999 "),
        (1000, "1 k"),
        (1234, "1.23 k"),
        (999_600, "1 M"),
        (6_700_000, "6.7 M"),
        (2.5e9, "2.5 G"),
        (3.2e15, "3.2 P"),
        (4e18, "4 E"),
        (5e21, "5e+03 E"),
    ],
)
def test_counts(number, text):
    assert count(number) == text

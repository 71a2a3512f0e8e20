"""The duration of a step is that of all its sessions, also of one that was killed."""

import os

import pytest

from seedream_core.errors import DataError
from seedream_core.workflow import durations


class Clock:
    def __init__(self, monkeypatch):
        self.now = 1000.0
        for name in ("time", "monotonic"):
            monkeypatch.setattr(durations.time, name, lambda: self.now)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def test_sessions_add_up_whatever_ends_them(tmp_path, clock):
    durations.expect(tmp_path, 12.04)
    with durations.session(tmp_path):
        clock.now += 5
    with pytest.raises(ValueError), durations.session(tmp_path):
        clock.now += 2.5
        raise ValueError
    assert durations.read(tmp_path) == durations.Durations(expected=12.0, spent=7.5)


def test_a_killed_session_ended_when_it_last_wrote(tmp_path, clock):
    durations._write(tmp_path, durations.Durations(spent=7.0, began=1000.0))
    os.utime(tmp_path / durations.FILE, (1000, 1000))
    (tmp_path / "checkpoint").write_text("1")
    os.utime(tmp_path / "checkpoint", (1030, 1030))
    clock.now = 5000.0
    with durations.session(tmp_path):
        assert durations.read(tmp_path).spent == 37.0
        clock.now += 3
    assert durations.read(tmp_path) == durations.Durations(spent=40.0)


def test_a_damaged_record_is_named(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / durations.FILE).write_text("{")
    with pytest.raises(DataError, match="durations.json: damaged"):
        durations.read(tmp_path)

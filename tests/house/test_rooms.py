"""Rooms: a folder of rooms holds no files of its own, each room says what lives there, and none is too large."""

import ast
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from tree import ROOT, modules

CORE = ROOT / "seedream_core"
HALLWAYS = ("data", "evaluation", "stages", "synthetic")
"""Folders that hold rooms."""
LEAVES = {"errors", "extras", "logs", "processor", "progress", "randomness", "records"}
"""Files that every room may use."""
LARGEST_SHARE = 0.25


def test_a_folder_of_rooms_holds_no_files():
    for name in HALLWAYS:
        assert [path.name for path in (CORE / name).glob("*.py")] == ["__init__.py"]
    assert {path.stem for path in CORE.glob("*.py")} == LEAVES | {"__init__"}


def test_each_room_says_what_lives_there():
    for path in (path for path in modules().values() if path.name == "__init__.py"):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert text, f"{path.relative_to(ROOT)}: no docstring"


def test_no_room_is_larger_than_a_quarter_of_the_core():
    lines = Counter()
    for path in CORE.rglob("*.py"):
        lines[path.parent] += len(path.read_text(encoding="utf-8").splitlines())
    room, most = lines.most_common(1)[0]
    assert most <= LARGEST_SHARE * lines.total(), f"{room.relative_to(ROOT)}: {most} of {lines.total()} lines"

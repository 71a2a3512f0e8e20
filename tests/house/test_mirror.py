"""Tests mirror the tree: every file above 80 lines and every technique has a test file of its name."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from tree import ROOT, modules

LINES = 80  # one option or argument a line, as the formatter lays them out
LONGEST = 460


def test_every_file_has_its_test():
    missing = []
    for path in modules().values():
        relative = path.relative_to(ROOT)
        name = f"test_{path.parent.name if path.stem == '__init__' else path.stem}.py"
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > LINES and not (ROOT / "tests" / relative.parent / name).exists():
            missing.append(f"{relative} ({lines} lines): no tests/{relative.parent}/{name}")
    assert not missing, "\n".join(missing)


def test_every_file_says_what_it_is_and_is_short():
    for path in modules().values():
        text = path.read_text(encoding="utf-8")
        assert text.startswith(('"""', 'r"""')), f"{path.relative_to(ROOT)}: no docstring on its first line"
        assert len(text.splitlines()) <= LONGEST, f"{path.relative_to(ROOT)}: more than {LONGEST} lines"
        assert path.name != "utils.py"

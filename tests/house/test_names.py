"""Each public class name is used once, and no import renames a class of this project."""

import ast
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from tree import modules


def test_a_public_class_name_stands_once():
    places = defaultdict(list)
    for name, path in modules().items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(name)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_no_class_of_ours_is_imported_under_another_name():
    renamed = []
    for name, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("seedream_"):
                renamed += [
                    f"{name}:{node.lineno} imports {alias.name} as {alias.asname}"
                    for alias in node.names
                    if alias.asname and alias.name[:1].isupper()
                ]
    assert renamed == []

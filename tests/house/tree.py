"""The modules and imports of the source tree, read with ast; nothing is run."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("seedream_core", "seedream_cli")


@dataclass(frozen=True)
class Import:
    """One import of a file: `when` is "start" (when the file is imported), "later" (inside a function) or "types"."""

    module: str
    when: str
    line: int


@cache
def modules() -> dict[str, Path]:
    """Every module of both packages, by dotted name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports(name: str) -> tuple[Import, ...]:
    """What a module imports; of our own packages the module itself, `from package import name` resolved."""
    found: list[Import] = []

    def visit(node: ast.AST, when: str) -> None:
        for child in ast.iter_child_nodes(node):
            inside = when
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                inside = "later"
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                inside = "types"
            if isinstance(child, ast.Import):
                found.extend(Import(alias.name, when, child.lineno) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert not child.level, f"{name}:{child.lineno}: a relative import"
                for alias in child.names:
                    full = f"{child.module}.{alias.name}"
                    found.append(Import(full if full in modules() else child.module, when, child.lineno))
            visit(child, inside)

    visit(ast.parse(modules()[name].read_text(encoding="utf-8")), "start")
    return tuple(found)


def breaches(names, banned, whens=("start", "later")) -> list[str]:
    """`module:line imports what` for every import by one of `names` that `banned(imported)` refuses."""
    return [
        f"{name}:{item.line} imports {item.module}"
        for name in names
        for item in imports(name)
        if item.when in whens and banned(item.module)
    ]

"""Every public function, class and method has a caller outside the tests: what only a test calls is dead code.

Calls are found by name, without types, so that a name which two classes share hides an unused method of one of them.
"""

import ast
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from tree import ROOT, imports, modules

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
HOOKS = {
    *("forward", "extra_repr", "pin_memory", "training_step", "validation_step", "test_step", "predict_step"),
    *("configure_optimizers", "configure_gradient_clipping", "optimizer_step", "optimizer_zero_grad", "setup"),
    *("teardown", "train_dataloader", "val_dataloader", "test_dataloader", "predict_dataloader", "state_dict"),
    *("load_state_dict", "transfer_batch_to_device", "save_checkpoint", "load_checkpoint", "remove_checkpoint"),
    *("resolve", "invoke"),
}
"""Methods that Lightning, torch, PyYAML and Typer call by their names, beside every `on_…` hook of Lightning."""
KNOWN = {
    "seedream_core.quant.w4a8.QuantWeight.dequantised": "the definition that tests compare products with",
}
"""Functions that only tests call, and why they stay."""


@dataclass(frozen=True)
class Definition:
    """A public function, class or method: `owner` is the class of a method, else empty."""

    module: str
    owner: str
    name: str
    node: ast.AST


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


def definitions() -> list[Definition]:
    found = []
    for module in modules():
        for node in tree(module).body:
            if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not node.name.startswith("_"):
                found.append(Definition(module, "", node.name, node))
                found += [
                    Definition(module, node.name, part.name, part)
                    for part in (node.body if isinstance(node, ast.ClassDef) else ())
                    if isinstance(part, FUNCTIONS) and not part.name.startswith("_")
                ]
    return found


@cache
def uses(module: str) -> tuple[tuple[str, str, tuple[ast.AST, ...]], ...]:
    """(kind, name, the definitions around it) of each name that a module reads; kind is "name", "attribute" or "super"
    (`super().name`, which is no call of the method itself).
    """
    found = []

    def visit(node: ast.AST, around: tuple[ast.AST, ...]) -> None:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.append(("name", node.id, around))
        elif isinstance(node, ast.Attribute):
            found.append(("super" if ast.unparse(node.value) == "super()" else "attribute", node.attr, around))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(("attribute", node.value, around))  # getattr(config, "name")
        inside = (*around, node) if isinstance(node, (*FUNCTIONS, ast.ClassDef)) else around
        for child in ast.iter_child_nodes(node):
            visit(child, inside)
        for note in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if isinstance(note, ast.Constant) and isinstance(note.value, str):  # def f(batch: "Batch | None")
                visit(ast.parse(note.value, mode="eval"), inside)

    visit(tree(module), ())
    return tuple(found)


@cache
def imported(module: str) -> frozenset[str]:
    return frozenset(
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree(module))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    )


@cache
def read_elsewhere() -> frozenset[str]:
    """Words of page templates, of README's Python examples and of the entry points."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "seedream_core").rglob("*.html")]
    texts += re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    texts.append((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return frozenset(word for text in texts for word in re.findall(r"\w+", text))


def family_member(module: str, name: str) -> bool:
    """Whether a class is found by its file's name: `heun.py` holds `Heun`, `data/report.py` `DataReportStage`."""
    camel = "".join(part[:1].upper() + part[1:] for part in module.split(".")[-1].split("_"))
    return name.startswith(camel) or (".stages." in module and name.endswith(f"{camel}Stage"))


def called(definition: Definition) -> bool:
    name, node = definition.name, definition.node
    if name in read_elsewhere() or (definition.owner and (name in HOOKS or name.startswith("on_"))):
        return True
    if any(ast.unparse(decorator).startswith("app.") for decorator in node.decorator_list):  # a command of Typer
        return True
    for module in modules():
        direct = module == definition.module or f"{definition.module}.{name}" in imported(module)
        for kind, used, around in uses(module):
            reaches = kind == "attribute" or (kind == "name" and direct and not definition.owner)
            if used == name and reaches and not any(part is node for part in around):
                return True
    return False


def test_every_public_function_has_a_caller_outside_tests():
    dead = []
    for item in definitions():
        found = isinstance(item.node, ast.ClassDef) and family_member(item.module, item.name)
        if not found and not called(item):
            dead.append(f"{item.module}.{item.owner + '.' if item.owner else ''}{item.name}")
    dead = [name for name in dead if name not in KNOWN]
    assert not dead, "nothing outside the tests calls:\n" + "\n".join(dead)


def test_every_module_is_imported_outside_tests():
    used = {module for name in modules() for module in (item.module for item in imports(name)) if module != name}
    alone = [
        name
        for name, path in modules().items()
        if name not in used
        and path.name not in ("__init__.py", "__main__.py")
        and not any(isinstance(node, ast.ClassDef) and family_member(name, node.name) for node in tree(name).body)
        and "__main__" not in path.read_text(encoding="utf-8")
        and f"{name}:" not in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    ]
    assert not alone, "nothing outside the tests imports:\n" + "\n".join(alone)

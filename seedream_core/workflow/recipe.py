"""Reads a recipe (a graph of steps) and checks all of it before the first step runs.

For the command line:

    recipe = load(path, sets=("base.train.lr=2e-4",), out=None)  # ConfigError with every problem, exit code 2
    recipe.name, recipe.file, recipe.out, recipe.steps           # steps in an order that can run
    for item in plan(recipe):                                    # PlannedStep
        item.step.name, item.step.path                           # "base", "pretrain/mmdit"
        item.step.stage, item.step.folder
        item.step.facts          # what is known before it runs: parameters, flops, image_tokens, …
        item.step.sources        # inputs as the recipe names them: {field: ("latents", "runs/other/vae")}
        item.state               # "done", "partial", "new" or "stale"
        item.reasons             # why it is stale: ("train.lr: 0.001 -> 0.0002",)
        item.waits               # inputs that are not made yet; after them a done step may become stale
    stage = load_step("pretrain/mmdit", file, sets=())  # seedream pretrain mmdit --config step.yaml --set k=v
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seedream_core.errors import Problem, UserError
from seedream_core.workflow import artifact, states
from seedream_core.workflow import stage as stages
from seedream_core.workflow.config import ConfigError, Document, nearest, parse
from seedream_core.workflow.document import load_yaml, read_yaml
from seedream_core.workflow.packaged import packaged

_TOP = ("name", "shared", "steps", "out")


@dataclass(frozen=True)
class Step:
    """One step: a stage with its options, its inputs resolved to folders, and a folder of its own."""

    name: str
    stage: stages.Stage
    folder: Path
    line: int | None
    sources: dict[str, tuple[str, ...]]
    needs: tuple[str, ...]
    facts: dict = field(default_factory=dict)
    inputs: dict = field(default_factory=dict)
    """The facts of its inputs, as its stage's methods take them."""

    @property
    def path(self) -> str:
        return self.stage.path()


@dataclass(frozen=True)
class Recipe:
    """A checked recipe; `steps` stand in an order that can run."""

    file: str
    name: str
    out: Path
    steps: tuple[Step, ...]

    def step(self, name: str) -> Step:
        """The step of this name, or a ConfigError with the nearest one."""
        known = {step.name: step for step in self.steps}
        if name not in known:
            hint = nearest(name, known) or f"; the steps are {', '.join(known)}"
            raise ConfigError([Problem(self.file, None, "", f"no step {name!r}{hint}")])
        return known[name]


@dataclass(frozen=True)
class PlannedStep:
    """A step and the state its folder is in."""

    step: Step
    state: str
    reasons: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()


def load(path: Path | str, sets: Sequence[str] = (), out: Path | None = None, root: str = stages.ROOT) -> Recipe:
    """Read and check a recipe: every problem at once, before anything runs."""
    document, problems = read_yaml(path)
    if (
        not isinstance(document.tree, dict)
        or not isinstance(document.tree.get("steps"), dict)
        or not document.tree["steps"]
    ):
        problems = problems or [
            document.problem((), "a recipe is a mapping with `steps:`, each `name: {run: group/stage, …}`")
        ]
        raise ConfigError(problems)
    for key in document.tree:
        if key not in _TOP:
            problems.append(
                document.problem(
                    (key,), f"unknown key {key!r}{nearest(key, _TOP) or '; the keys are ' + ', '.join(_TOP)}"
                )
            )
    for key in ("name", "out"):
        if not isinstance(document.tree.get(key, ""), str):
            problems.append(document.problem((key,), "expected text"))
    name = str(document.tree.get("name", Path(path).stem))
    reader = _Reader(
        _override(document.at("steps"), sets, problems),
        out or Path(str(document.tree.get("out", f"runs/{Path(path).stem}"))),
        root,
    )
    steps = reader.read()
    # a value that could not be read (a tag, NaN) is reported once
    said = {_place(problem) for problem in problems}
    problems += [problem for problem in reader.problems if _place(problem) not in said]
    if problems:
        raise ConfigError(sorted(problems, key=lambda problem: problem.line or 0))
    return Recipe(str(path), name, reader.out, steps)


def plan(recipe: Recipe) -> list[PlannedStep]:
    """The state of every step, in order; what follows an unmade step waits for it."""
    planned, unmade = [], {}
    for step in recipe.steps:
        waits = tuple(name for name in step.needs if name in unmade)
        state = states.state(step.stage, step.folder, {unmade[name] for name in waits})
        planned.append(PlannedStep(step, state.name, state.reasons, waits))
        if state.name != "done" or waits:
            unmade[step.name] = step.folder
    return planned


def load_step(path: str, file: Path | str | None, sets: Sequence[str] = (), root: str = stages.ROOT) -> stages.Stage:
    """One stage from its own config file, or from `sets` alone; its inputs checked."""
    cls = stages.find(path, root)
    document = load_yaml(file) if file else Document({}, {}, f"seedream {path.replace('/', ' ')}")
    if not isinstance(document.tree, dict):
        raise ConfigError([document.problem((), "expected a mapping of options")])
    document = document.override(sets)
    options = dict(document.tree)
    run = options.pop("run", path)
    problems = [document.problem(("run",), f"this config is of {run}, not of {path}")] if run != path else []
    options, _ = _resolve(document, (), cls, options, lambda value, item: _outside(value, item), problems)
    stage = _parse(cls, options, document, (), problems)
    if problems:
        raise ConfigError(problems)
    return stage


class _Reader:
    """The steps of a recipe as they are read; problems are gathered, not raised."""

    def __init__(self, document: Document, out: Path, root: str):
        self.document, self.out, self.root = document, out, root
        self.problems: list[Problem] = []
        self.classes: dict[str, type[stages.Stage]] = {}
        self.steps: dict[str, Step] = {}
        self.needs: dict[str, set[str]] = {}

    def read(self) -> tuple[Step, ...]:
        for name, options in self.document.tree.items():
            self._find(name, options)
        for name in self.classes:
            self._read(name)
        order = self._order()
        facts: dict[Path, dict] = {}
        for name in order:
            if name in self.steps and all(
                need in self.steps and self.steps[need].folder in facts for need in self.steps[name].needs
            ):
                self._plan(name, facts)
        return tuple(self.steps[name] for name in order if name in self.steps)

    def _problem(self, path: tuple, message: str) -> None:
        self.problems.append(self.document.problem(path, message))

    def _find(self, name: str, options: Any) -> None:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
            self._problem((name,), "a step is named with letters, digits and _; it names the folder of what it makes")
        if not isinstance(options, dict) or not isinstance(options.get("run"), str):
            near = next((key for key in options if nearest(key, ["run"])), None) if isinstance(options, dict) else None
            self._problem(
                (name, near) if near else (name,),
                "a step needs `run: group/stage`" + (f", not {near!r}" if near else ""),
            )
            return
        try:
            self.classes[name] = stages.find(options["run"], self.root)
        except ConfigError as error:
            self._problem((name, "run"), error.problems[0].message)

    def _read(self, name: str) -> None:
        cls, needs = self.classes[name], []

        def look(value: str, item: stages.Input) -> Path:
            if "/" in value or (packaged(value) and value not in self.document.tree):
                return _outside(value, item)
            if value == name:
                raise UserError(f"{name} takes itself as input")
            if value not in self.document.tree:
                raise UserError(
                    f"no step {value!r}{nearest(value, self.document.tree) or '; a folder is written with a /'}"
                )
            needs.append(value)
            makes = self.classes[value].product(self.document.tree[value]) if value in self.classes else item.kind.name
            if item.kind.name not in ("folder", makes):
                raise UserError(f"{value} makes {artifact.article(makes)}, but {artifact.need(item.kind.name)}")
            return self.out / value

        options = {key: value for key, value in self.document.tree[name].items() if key != "run"}
        before = len(self.problems)
        options, sources = _resolve(self.document, (name,), cls, options, look, self.problems)
        stage = _parse(cls, options, self.document, (name,), self.problems)
        self.needs[name] = set(needs)
        if stage and len(self.problems) == before:
            line = self.document.lines.get((name,))
            self.steps[name] = Step(name, stage, self.out / name, line, sources, tuple(dict.fromkeys(needs)))

    def _order(self) -> list[str]:
        """Steps after their inputs, otherwise as they are written; each cycle is a problem."""
        left, order = {name: set(needs) for name, needs in self.needs.items()}, []
        while left:
            ready = next((name for name, needs in left.items() if not needs & left.keys()), None)
            if ready is None:
                cycle = [next(iter(left))]
                while cycle[-1] not in cycle[:-1]:
                    cycle.append(next(name for name in self.document.tree if name in left[cycle[-1]] & left.keys()))
                cycle = cycle[cycle.index(cycle[-1]) :]
                self._problem((cycle[0],), f"steps take each other as input: {' <- '.join(cycle)}")
                self.steps = {name: step for name, step in self.steps.items() if name not in cycle}
                ready = cycle[0]
            order.append(ready)
            del left[ready]
        return order

    def _plan(self, name: str, facts: dict[Path, dict]) -> None:
        step = self.steps[name]

        def look(folder: Path, kind: stages.Kind) -> dict:
            known = facts[folder] if folder in facts else {} if kind.name == "folder" else artifact.read(folder).facts
            return check_format(known, kind, folder)

        try:
            inputs = stages.gather(step.stage, look)
            known = step.stage.facts(inputs)
        except (UserError, ValueError) as error:
            self._problem((name,), str(error))
            return
        facts[step.folder] = known
        self.steps[name] = replace(step, facts=known, inputs=inputs)


def check_format(facts: dict, kind: stages.Kind, folder: Path) -> dict:
    """The facts, or a UserError where packed weights would have to be trained."""
    if kind.trainable and facts.get("format") == "w4a8":
        raise UserError(
            f"{folder.name} is packed in {facts['format']} and cannot be trained; name the generator it was made from"
        )
    return facts


def _outside(value: str, item: stages.Input) -> Path:
    folder = packaged(value) or Path(value)
    if item.kind.name != "folder":
        artifact.read(folder, item.kind.name)
    elif not folder.exists():
        raise states.absent(folder, str(folder))
    return folder


def _resolve(
    document: Document,
    prefix: tuple,
    cls: type[stages.Stage],
    options: dict,
    look: Callable[[str, stages.Input], Path],
    problems: list[Problem],
) -> tuple[dict, dict[str, tuple[str, ...]]]:
    """The options with folders for inputs, and what was named for each of these."""
    resolved, sources = dict(options), {}
    for name, item in stages.inputs(cls).items():
        value = options.get(name)
        if value is None:
            continue
        shape = {"one": str, "list": list, "map": dict}[item.shape]
        if not isinstance(value, shape):
            words = {
                "one": "a step or a folder",
                "list": "a list of steps or folders",
                "map": "a mapping to steps or folders",
            }
            problems.append(
                document.problem((*prefix, name), f"expected {words[item.shape]} ({artifact.need(item.kind.name)})")
            )
            resolved[name] = {"one": ".", "list": [], "map": {}}[item.shape]
            continue
        parts: dict = {(): value} if shape is str else dict(enumerate(value)) if shape is list else value
        found = {}
        for key, part in parts.items():
            try:
                if not isinstance(part, str):
                    raise UserError("expected a step or a folder")
                found[key] = str(look(part, item))
            except UserError as error:
                problems.append(document.problem((*prefix, name, *((key,) if shape is not str else ())), error.message))
                found[key] = "."
        resolved[name] = found[()] if shape is str else list(found.values()) if shape is list else found
        sources[name] = tuple(map(str, parts.values()))
    return resolved, sources


def _parse(
    cls: type[stages.Stage], options: dict, document: Document, prefix: tuple, problems: list[Problem]
) -> stages.Stage | None:
    try:
        return parse(cls, options, document=document, prefix=prefix)
    except ConfigError as error:
        problems += error.problems
        return None


def _override(document: Document, sets: Iterable[str], problems: list[Problem]) -> Document:
    good = []
    for assignment in sets:
        step, path = assignment.split(".")[0].split("=")[0], assignment.partition("=")[0]
        if step not in document.tree:
            problems.append(
                Problem(f"--set {assignment}", None, path, f"no step {step!r}{nearest(step, document.tree)}")
            )
            continue
        try:
            document.override([*good, assignment])
            good.append(assignment)
        except ConfigError as error:
            problems += error.problems
    return document.override(good)


def _place(problem: Problem) -> tuple:
    return problem.file, problem.line, problem.key.rpartition(".")[2]

"""Draws knowledge pictures (formulas, tables, charts, …) with exact captions in English and Chinese and a difficulty
level, as tar shards (Seedream 4.0).
"""

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Le

from seedream_core.data.storage.engines import Spread
from seedream_core.synthetic.documents import Knowledge, rating
from seedream_core.workflow.config import OUTSIDE
from seedream_core.workflow.host import Host
from seedream_core.workflow.stage import Stage

if TYPE_CHECKING:
    from seedream_core.synthetic.documents.pen import Face

STEP = 16
SMALLEST = 192


def _drawn() -> tuple[Knowledge, ...]:
    """All kinds that need no extra package."""
    return tuple(Knowledge.find(name)() for name in ("chart", "diagram", "table", "wireframe"))


@dataclass(frozen=True)
class Plan:
    """The plan of a sample before it is drawn."""

    kind: Knowledge
    size: tuple[int, int]
    load: float
    language: str


@dataclass(frozen=True, kw_only=True)
class KnowledgeStage(Spread, Stage):
    makes: ClassVar[str] = "shards"
    version: ClassVar[int] = 3
    renamed: ClassVar[Mapping[str, str]] = {"aspect": "max_aspect", "extreme": "keep_extreme"}
    samples: Annotated[int, Ge(1)]
    "pictures to make"
    seed: Annotated[int, Ge(0)] = 0
    "random seed; another seed gives other pictures with other keys"
    kinds: tuple[Knowledge, ...] = field(default_factory=_drawn)
    "kinds of picture, each with a weight; `formula` needs the extra: pip install 'seedream[data]'"
    sides: tuple[int, int] = (256, 768)
    "smallest and largest width and height in pixels; both sides are drawn at random in multiples of 16"
    max_aspect: Annotated[float, Ge(1)] = 2.0
    "largest ratio of the longer side to the shorter side"
    levels: dict[str, float] = field(default_factory=lambda: dict.fromkeys(rating.LEVELS, 1.0))
    "weights of the difficulty levels easy, medium and hard"
    keep_extreme: Annotated[float, Ge(0), Le(1)] = 0.25
    "share of the extremely hard pictures that is kept; the others are replaced by hard ones"
    chinese: Annotated[float, Ge(0), Le(1)] = 0.0
    "share of pictures with Chinese text; needs a font with Chinese characters"
    font: str = field(default="", metadata=OUTSIDE)
    """TrueType or OpenType file used for all text; if not set, Pillow's font is used for English and Noto Sans CJK is
    searched for Chinese"""
    samples_per_shard: Annotated[int, Ge(1)] = 5000
    "samples in one tar file"

    def __post_init__(self) -> None:
        least, largest = self.sides
        if not SMALLEST <= least <= largest <= 4096:
            raise ValueError(f"sides: {least} to {largest} is not a range between {SMALLEST} and 4096 pixels")
        if STEP * (largest // STEP) < least:
            raise ValueError(
                f"sides: there is no multiple of {STEP} from {least} to {largest}; {STEP * (largest // STEP)} or "
                f"{STEP * math.ceil(least / STEP)} would be one"
            )
        if unknown := sorted(self.levels.keys() - set(rating.LEVELS)):
            raise ValueError(f"levels: {unknown[0]!r} is not one of {', '.join(rating.LEVELS)}")
        if min(self.levels.values(), default=0) < 0 or not sum(self.levels.values()):
            raise ValueError("levels: weights must be zero or more, and one of them more")
        if not self.kinds or not sum(kind.weight for kind in self.kinds):
            raise ValueError("kinds: at least one needs a weight above zero")
        if len({kind.name() for kind in self.kinds}) < len(self.kinds):
            raise ValueError("kinds: one kind is listed twice")

    def facts(self, inputs: dict) -> dict:
        return {"samples": self.samples}

    def run(self, out: Path, host: Host) -> dict:
        from seedream_core.data.storage.resumable_writer import ResumableWriter
        from seedream_core.progress import track
        from seedream_core.records import Fate
        from seedream_core.workflow.config import dump

        started, faces = time.monotonic(), self.faces()
        for kind in self.kinds:
            kind.start()
        with (
            ResumableWriter(out, self.samples_per_shard, json.dumps(dump(self, free=False))) as journal,
            track("knowledge", self.samples, done=journal.done) as progress,
        ):
            before = journal.done
            for key, name, members, notes in self.engine(
                partial(made, self, faces), range(before, self.samples), host.workers
            ):
                journal.add(
                    Fate(key=key, name=name, source="knowledge", fate="kept", reason="", stage=self.path()),
                    members,
                    notes,
                )
                progress.advance()
        made_now = journal.done - before
        counts = {
            kind.name(): {level: journal.changes[f"{kind.name()} {level}"] for level in rating.LEVELS}
            for kind in self.kinds
        }
        return {
            "kinds": counts,
            **{name.replace(" ", "_"): journal.changes[name] for name in ("extremely hard", "other than planned")},
            "samples_per_second": round(made_now / (time.monotonic() - started), 1),
        }

    def faces(self) -> dict[str, "Face"]:
        from seedream_core.synthetic.documents import pen

        written = any(kind.written for kind in self.kinds)
        return {"en": pen.latin(self.font)} | ({"zh": pen.chinese(self.font)} if self.chinese and written else {})

    def key(self, index: int) -> str:
        return f"k{self.seed}-{index:07d}"

    def plan(self, index: int) -> Plan:
        from seedream_core.randomness import Rng

        draw = Rng("knowledge plan", self.seed, index)
        named = {kind.name(): kind for kind in self.kinds}
        kind = named[draw.weighted({name: one.weight for name, one in named.items()})]
        least, largest = self.sides
        width = _side(draw, least, largest)
        height = _side(draw, max(least, width / self.max_aspect), min(largest, width * self.max_aspect))
        level = draw.weighted(self.levels)
        bounds = dict(
            zip(
                rating.LEVELS,
                ((rating.LIGHTEST, rating.MEDIUM), (rating.MEDIUM, rating.HARD), (rating.HARD, rating.HEAVIEST)),
            )
        )
        load = _log_uniform(draw, *bounds[level])
        if load >= rating.EXTREME and draw.uniform(0, 1) >= self.keep_extreme:
            load = _log_uniform(draw, rating.HARD, rating.EXTREME)
        chinese = kind.written and draw.uniform(0, 1) < self.chinese
        return Plan(kind, (width, height), load, "zh" if chinese else "en")


def made(
    stage: KnowledgeStage, faces: dict[str, "Face"], index: int
) -> tuple[str, str, dict[str, bytes], tuple[str, ...]]:
    """Key, name and files of one sample, and its counters."""
    import io

    from seedream_core.records import Sample
    from seedream_core.synthetic.documents import make

    plan, key = stage.plan(index), stage.key(index)
    kind = plan.kind.name()
    figure = make(plan.kind, (stage.seed, index), plan.size, plan.load, faces[plan.language], plan.language)
    level, extreme = rating.level(figure.load), figure.load >= rating.EXTREME
    record = Sample(
        key=key,
        name=f"{kind} {index} of seed {stage.seed}",
        width=plan.size[0],
        height=plan.size[1],
        captions=figure.captions,
        source="knowledge",
        tags=("knowledge", kind, level, *(["extremely hard"] if extreme else [])),
        scores={"difficulty": round(rating.score(figure.load), 4)},
        truth={
            "kind": kind,
            "content": figure.content,
            "texts": figure.texts,
            "marks": figure.marks,
            "load": round(figure.load, 4),
            "difficulty": level,
            "language": plan.language,
        },
    )
    data = io.BytesIO()
    figure.picture.save(data, "PNG")
    notes = {f"{kind} {level}": True, "extremely hard": extreme, "other than planned": level != rating.level(plan.load)}
    return (
        key,
        record.name,
        {"png": data.getvalue(), "json": record.to_json()},
        tuple(note for note, there in notes.items() if there),
    )


def _side(draw, low: float, high: float) -> int:
    """A random multiple of STEP from `low` to `high`."""
    return STEP * min(max(round(draw.uniform(low, high) / STEP), math.ceil(low / STEP)), math.floor(high / STEP))


def _log_uniform(draw, low: float, high: float) -> float:
    """Draws uniformly on a logarithmic scale: a step from 20 marks to 40 counts as much as one from 200 to 400."""
    return low * math.exp(draw.uniform(0, math.log(high / low)))

"""Records that all rooms exchange: samples and their fates, batches, and one step of flow matching."""

import hashlib
import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal, Self

from seedream_core.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

JSON_BYTES = 64 * 1024
JSON_DEPTH = 20
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def valid_key(key: object) -> bool:
    """Keys are ASCII without dots or slashes: they become member names, never paths."""
    return isinstance(key, str) and _KEY.fullmatch(key) is not None


def safe_key(name: str) -> str:
    """The name itself if it is a valid key, else a stable key made from its hash."""
    return (
        name if valid_key(name) else "x" + hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=12).hexdigest()
    )


def load_json(data: bytes | str) -> Any:
    """Parse untrusted JSON: at most 64 KiB, 20 levels, UTF-8, no NaN; anything else is a DataError."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not a JSON number")

    if len(data) > JSON_BYTES:
        raise DataError(f"too large: json of {len(data)} bytes, over {JSON_BYTES}")
    try:
        tree = json.loads(data.decode("utf-8") if isinstance(data, bytes) else data, parse_constant=refuse)
    except RecursionError:
        raise DataError(f"not json: nested deeper than {JSON_DEPTH}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8: byte {error.start} of the json") from None
    except ValueError as error:
        raise DataError(f"not json: {error}") from None
    level, depth = [tree], 0
    while level := [
        child
        for node in level
        if isinstance(node, (dict, list))
        for child in (node.values() if isinstance(node, dict) else node)
    ]:
        depth += 1
        if depth > JSON_DEPTH:
            raise DataError(f"not json: nested deeper than {JSON_DEPTH}")
    return tree


def _is(value: object, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _finite(value: object) -> bool:
    return _is(value, (int, float)) and abs(value) <= sys.float_info.max  # isfinite raises at integers of 400 digits


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One sample's record: the `key.json` beside its picture or latents."""

    key: str
    name: str = ""
    """Its name in the source; never used as a path."""
    width: int
    height: int
    captions: Mapping[str, Mapping[str, str]]
    """Language -> field (short, long, ...) -> text."""
    task: str = "t2i"
    source: str = ""
    tags: tuple[str, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    boxes: tuple[Any, ...] = ()
    weight: float = 1.0
    truth: Any = None
    """The true content of the picture, where the source knows it (the synthetic scenes do)."""

    def __post_init__(self) -> None:
        captions = self.captions
        checks = {
            "key": valid_key(self.key),
            "name": isinstance(self.name, str),
            "width": _is(self.width, int) and self.width > 0,
            "height": _is(self.height, int) and self.height > 0,
            "captions": isinstance(captions, Mapping)
            and all(
                isinstance(texts, Mapping) and all(isinstance(text, str) for text in texts.values())
                for texts in captions.values()
            ),
            "task": isinstance(self.task, str),
            "source": isinstance(self.source, str),
            "tags": isinstance(self.tags, tuple) and all(isinstance(tag, str) for tag in self.tags),
            "scores": isinstance(self.scores, Mapping) and all(map(_finite, self.scores.values())),
            "boxes": isinstance(self.boxes, tuple),
            "weight": _finite(self.weight) and self.weight >= 0,
        }
        wrong = [f"{name} = {repr(getattr(self, name))[:60]}" for name, right in checks.items() if not right]
        if wrong:
            raise DataError(f"record: wrong: {', '.join(wrong)}")

    def to_json(self) -> bytes:
        """Compact UTF-8, the same bytes for the same record."""
        record = {f.name: getattr(self, f.name) for f in fields(self)}
        try:
            data = json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")
        except (TypeError, ValueError) as error:
            raise DataError(f"record: cannot be written as json: {error}") from None
        if len(data) > JSON_BYTES:
            raise DataError(f"record: too large: json of {len(data)} bytes, over {JSON_BYTES}")
        return data

    @classmethod
    def of(cls, members: Mapping[str, bytes]) -> "Sample":
        """The record among a sample's members; DataError if there is none, or a wrong one."""
        if "json" not in members:
            raise DataError("no json beside the picture", "run data/curate on these shards: it reports such samples")
        return cls.from_json(members["json"])

    @classmethod
    def from_json(cls, data: bytes | str) -> "Sample":
        """Parse and validate a record; DataError says what is wrong with it."""
        tree = load_json(data)
        if not isinstance(tree, dict):
            raise DataError("record: not a mapping")
        names = {f.name for f in fields(cls)}
        if unknown := sorted(set(tree) - names):
            raise DataError(f"record: unknown fields: {', '.join(unknown)[:80]}")
        if missing := [name for name in ("key", "width", "height", "captions") if name not in tree]:
            raise DataError(f"record: lacks {', '.join(missing)}")
        for name in ("tags", "boxes"):
            if isinstance(tree.get(name), list):
                tree[name] = tuple(tree[name])
        return cls(**tree)


@dataclass(frozen=True)
class Verdict:
    """A filter's decision on a sample; the reason gives the numbers behind it."""

    keep: bool
    reason: str = ""


FATES = ("kept", "dropped", "quarantined")


@dataclass(frozen=True, kw_only=True)
class Fate:
    """One line of fates.jsonl: what one stage did with one input sample."""

    key: str
    source: str
    fate: Literal["kept", "dropped", "quarantined"]
    reason: str
    stage: str
    name: str = ""
    """Its name in the source, where that is not its key."""

    def to_json(self) -> str:
        return json.dumps({f.name: getattr(self, f.name) for f in fields(self)}, ensure_ascii=False)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The rows of one (micro-)batch of one step, on this rank."""

    step: int
    keys: list[str]
    captions: list[str]
    """The caption chosen for this step; "" where it is dropped."""
    latents: "Tensor | None" = None
    """B×C×h×w, normalised."""
    images: "Tensor | None" = None
    """B×3×H×W in [-1, 1]."""
    mask: "Tensor | None" = None
    """B×1×h×w, 0 at latents that a defect covers; None where no sample of the batch has boxes."""

    def to(self, device: Any, **options: Any) -> Self:
        return self._each(lambda tensor: tensor.to(device, **options))

    def pin_memory(self) -> Self:
        """The batch in page-locked memory, so that a copy to a GPU need not wait."""
        return self._each(lambda tensor: tensor.pin_memory())

    def _each(self, change: "Callable[[Tensor], Tensor]") -> Self:
        from torch import Tensor

        return replace(self, **{name: change(part) for name, part in vars(self).items() if isinstance(part, Tensor)})


@dataclass(kw_only=True)
class FlowStep:
    """The inputs of a loss: one step of flow matching."""

    latents: "Tensor"
    noise: "Tensor"
    t: "Tensor"
    noisy: "Tensor"
    velocity: "Tensor"
    """Predicted by the network."""
    target: "Tensor"
    """noise - latents."""
    hidden: "list[Tensor]" = field(default_factory=list)
    """Image tokens after each block, B×N×width; empty where no loss reads them."""
    mask: "Tensor | None" = None
    """B×1×h×w, 0 at latents that a defect covers; None where there are no defects."""

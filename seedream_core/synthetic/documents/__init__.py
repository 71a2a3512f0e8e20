"""Synthetic knowledge documents (Seedream 4.0): formulas, charts, diagrams, wireframes and tables, with captions that
state all of their content.

Each file draws one kind from an `Rng` alone, with varied layout, density and size. All text on a picture is quoted in
its long captions, in both languages, and `read` recovers the content from such a caption.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge

from seedream_core.errors import UserError
from seedream_core.randomness import Rng
from seedream_core.synthetic.documents import rating
from seedream_core.workflow.config import Component

if TYPE_CHECKING:
    from PIL import Image

    from seedream_core.synthetic.documents.pen import Face

LANGUAGES = ("en", "zh")
LONGEST = 6000
"""Longest caption in characters, because a record holds at most 64 KiB."""


class Crowded(Exception):
    """The content does not fit the picture; the caller draws again."""


@dataclass(frozen=True)
class Order:
    """The picture that is wanted; `draw` decides everything else."""

    draw: Rng
    size: tuple[int, int]
    marks: float
    """Approximate number of marks, see `rating`."""
    face: "Face"
    language: str = "en"
    """Language of the text on the picture; captions are in both languages."""


@dataclass(frozen=True)
class Figure:
    picture: "Image.Image"
    captions: dict[str, dict[str, str]]
    """Language -> short and long."""
    content: dict[str, Any]
    """The content of the picture; `read` of a long caption gives the same."""
    texts: tuple[tuple[str, tuple[int, int, int, int]], ...]
    """All texts on the picture, each with its box in pixels."""
    marks: int

    @property
    def load(self) -> float:
        return rating.load(self.marks, *self.picture.size)


@dataclass(frozen=True, kw_only=True)
class Knowledge(Component):
    """Contract: `figure(order)` draws, or raises Crowded; `read(long caption)` returns the content, or None."""

    written: ClassVar[bool] = True
    """Whether its text can be Chinese."""
    weight: Annotated[float, Ge(0)] = 1.0
    """How often this kind is drawn, relative to the others."""

    def start(self) -> None:
        """Raise UserError where software that this kind needs is not installed."""

    def figure(self, order: Order) -> Figure:
        raise NotImplementedError

    @staticmethod
    def read(caption: str) -> dict[str, Any] | None:
        raise NotImplementedError


def make(
    kind: Knowledge,
    key: tuple[object, ...],
    size: tuple[int, int],
    wanted: float,
    face: "Face",
    language: str = "en",
    tries: int = 20,
) -> Figure:
    """A figure of the wanted level and about the wanted load; if no try reaches the level, the nearest one.

    The key decides all draws. UserError where nothing fits a picture of that size.
    """
    goal, best = rating.marks(wanted, *size), None
    for attempt in range(tries):
        try:
            figure = kind.figure(Order(Rng("knowledge", kind.name(), *key, attempt), size, goal, face, language))
        except Crowded:
            goal *= 0.95 if attempt < tries // 2 else 0.75  # other layouts first, then less and less
            continue
        if max(len(texts["long"]) for texts in figure.captions.values()) > LONGEST:
            goal *= 0.9
            continue
        if best is None or abs(figure.load - wanted) < abs(best.load - wanted):
            best = figure
        if _place(figure.load) == _place(wanted):
            return figure
        goal *= max(0.5, min(2.0, wanted / figure.load))
    if best is None:
        at = "/".join(map(str, key))
        raise UserError(
            f"{kind.name()}: no picture of load {wanted:.2f} fits {size[0]}×{size[1]} pixels in {tries} tries ({at})",
            "make the pictures larger, or fewer of them hard",
        )
    return best


def _place(load: float) -> tuple[str, bool]:
    return rating.level(load), load >= rating.EXTREME

"""Synthetic knowledge documents (Seedream 4.0): formulas, charts, diagrams, wireframes and tables, with captions that
state all of their content.

Each file draws one kind, from a `Draw` alone, with varied layout, density and size; whatever is written on a picture
stands in quotes in its long captions, in both languages, and `read` gets the content back from one of them.
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
"""Characters of a caption: a record holds 64 KiB, and nothing reads more."""


class Crowded(Exception):
    """What was asked for does not fit: another draw is made."""


@dataclass(frozen=True)
class Order:
    """What picture is wanted; `draw` decides all the rest."""

    draw: Rng
    size: tuple[int, int]
    marks: float
    """About so many, see `rating`."""
    face: "Face"
    language: str = "en"
    """Of what is written on the picture; captions are in both."""


@dataclass(frozen=True)
class Figure:
    picture: "Image.Image"
    captions: dict[str, dict[str, str]]
    """Language -> short and long."""
    content: dict[str, Any]
    """What the picture says; `read` of a long caption gives the same."""
    texts: tuple[tuple[str, tuple[int, int, int, int]], ...]
    """Everything written on it, with its box in pixels."""
    marks: int

    @property
    def load(self) -> float:
        return rating.load(self.marks, *self.picture.size)


@dataclass(frozen=True, kw_only=True)
class Knowledge(Component):
    """Contract: `figure(order)` draws, or raises Crowded; `read(long caption)` gives the content, or None."""

    written: ClassVar[bool] = True
    """Whether what it writes can be Chinese."""
    weight: Annotated[float, Ge(0)] = 1.0
    """How often this kind is drawn, against the others."""

    def start(self) -> None:
        """Raise UserError where what this kind needs is not installed."""

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
    """A figure of the level and about the load that is wanted; of several tries, where none has the level, the nearest.

    The key decides it. UserError where nothing fits a picture of that size.
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

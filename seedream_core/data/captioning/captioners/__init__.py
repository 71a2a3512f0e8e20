"""Captioners: each file writes captions by language and field (Seedream 2.0: generic and specialised captions)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.sources.raw_captions import Captions
from seedream_core.workflow.config import Component
from seedream_core.workflow.host import Host

FIELDS = ("short", "long", "artistic", "textual", "surreal", "aesthetics", "style", "layout")
"""Generic captions; specialised captions of pre-training; captions of later stages."""
Caption = Callable[[Sequence[LazySample]], list[Captions]]


@dataclass(frozen=True, kw_only=True)
class Captioner(Component):
    """Contract: `start(host)` gives a function that captions a chunk of samples; the chunk size does not change the
    captions.

    A captioner writes those of `fields` that it knows, and for a picture only what applies: an empty result is not an
    error.
    """

    suffix: ClassVar[str] = "Captioner"

    fields: tuple[str, ...] = ()
    """Fields to write; an empty list means all that the captioner knows."""

    def __post_init__(self) -> None:
        if unknown := set(self.fields) - set(self.known()):
            raise ValueError(f"fields: {', '.join(sorted(unknown))}: {self.name()} knows {', '.join(self.known())}")

    def known(self) -> tuple[str, ...]:
        """Fields that the captioner can write."""
        raise NotImplementedError

    def wanted(self) -> tuple[str, ...]:
        return self.fields or self.known()

    def start(self, host: Host) -> Caption:
        raise NotImplementedError

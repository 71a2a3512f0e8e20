"""Filter of pictures that a classifier rates as unsafe (scorer `unsafe`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le

from seedream_core.data.curation.filters import Filter, LazySample
from seedream_core.records import Verdict


@dataclass(frozen=True, kw_only=True)
class UnsafeFilter(Filter):
    needs: ClassVar[tuple[str, ...]] = ("unsafe",)
    renamed: ClassVar[Mapping[str, str]] = {"most": "max_probability"}
    max_probability: Annotated[float, Ge(0), Le(1)] = 0.5
    """Maximum probability of being unsafe."""

    def __call__(self, view: LazySample) -> Verdict:
        found = view.scores["unsafe"]
        return Verdict(found <= self.max_probability, f"unsafe with {found:.2f}, over {self.max_probability:.2f}")

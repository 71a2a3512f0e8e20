"""Pictures that a classifier takes for unsafe (scorer `unsafe`)."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le

from seedream_core.data.curation.filters import Filter, LazySample
from seedream_core.records import Verdict


@dataclass(frozen=True, kw_only=True)
class UnsafeFilter(Filter):
    needs: ClassVar[tuple[str, ...]] = ("unsafe",)
    most: Annotated[float, Ge(0), Le(1)] = 0.5
    """Largest probability that is kept."""

    def __call__(self, view: LazySample) -> Verdict:
        found = view.scores["unsafe"]
        return Verdict(found <= self.most, f"unsafe with {found:.2f}, over {self.most:.2f}")

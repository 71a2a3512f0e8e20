"""Filter of blurred pictures: drops a picture if even its sharpest edges are soft."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le

from seedream_core.data.curation.filters import Filter, LazySample
from seedream_core.records import Verdict


@dataclass(frozen=True, kw_only=True)
class BlurredFilter(Filter):
    needs: ClassVar[tuple[str, ...]] = ("sharpness",)
    renamed: ClassVar[Mapping[str, str]] = {"least": "min_sharpness"}
    min_sharpness: Annotated[float, Ge(0), Le(1)] = 0.5
    """Minimum sharpness: 1 for no blur, 0.5 at the limit of `scorers/clarity.py`, 0 if there are no edges."""

    def __call__(self, view: LazySample) -> Verdict:
        found = view.scores["sharpness"]
        return Verdict(found >= self.min_sharpness, f"sharpness {found:.2f} is under {self.min_sharpness:.2f}")

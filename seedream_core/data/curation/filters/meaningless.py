"""Filter of meaningless texture: noise, one repeated tile, or no structure at all (first stage of Seedream 2.0's data
filtering).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le

from seedream_core.data.curation.filters import Filter, LazySample
from seedream_core.records import Verdict


@dataclass(frozen=True, kw_only=True)
class MeaninglessFilter(Filter):
    needs: ClassVar[tuple[str, ...]] = ("texture",)
    renamed: ClassVar[Mapping[str, str]] = {"most": "max_texture"}
    max_texture: Annotated[float, Ge(0), Le(1)] = 0.6
    """Maximum texture score: 1 for white noise, an exact tile and a smooth ramp. Synthetic scenes and scikit-image's
    photographs reach 0.47; 160 tilings after JPEG at quality 85 have at least 0.72."""

    def __call__(self, view: LazySample) -> Verdict:
        found = view.scores["texture"]
        return Verdict(
            found <= self.max_texture,
            f"texture {found:.2f} is over {self.max_texture:.2f}: noise, one tile repeated, or no structure",
        )

"""Filter of defect area: a picture with little of it is kept and masked in training, a picture with much is dropped
(Seedream 3.0: under 20% is kept).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le

from seedream_core.data.curation.filters import Filter, LazySample
from seedream_core.records import Verdict


@dataclass(frozen=True, kw_only=True)
class DefectAreaFilter(Filter):
    needs: ClassVar[tuple[str, ...]] = ("defect_area",)
    renamed: ClassVar[Mapping[str, str]] = {"most": "max_area"}
    max_area: Annotated[float, Ge(0), Le(1)] = 0.2
    """Share of the picture under defects from which it is dropped; 0 drops every picture with a defect."""

    def __call__(self, view: LazySample) -> Verdict:
        area = view.scores["defect_area"]
        kinds = ", ".join(sorted({box["kind"] for box in view.boxes}))
        return Verdict(
            area == 0 or area < self.max_area,
            f"{area:.1%} under defects ({kinds}), {self.max_area:.1%} and more is too much",
        )

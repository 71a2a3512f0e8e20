"""Filter of pictures of nearly one colour: most pixels are close to the median."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le

from seedream_core.data.curation.filters import Filter, LazySample
from seedream_core.records import Verdict


@dataclass(frozen=True, kw_only=True)
class UniformFilter(Filter):
    needs: ClassVar[tuple[str, ...]] = ("uniform",)
    renamed: ClassVar[Mapping[str, str]] = {"most": "max_share"}
    max_share: Annotated[float, Ge(0), Le(1)] = 0.99
    """Maximum share of pixels near the median colour (the emptiest synthetic scene measured 0.986)."""

    def __call__(self, view: LazySample) -> Verdict:
        share = view.scores["uniform"]
        return Verdict(
            share <= self.max_share, f"{share:.1%} of the pixels are of one colour, over {self.max_share:.1%}"
        )

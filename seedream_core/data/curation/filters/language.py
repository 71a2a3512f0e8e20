"""Filter of captions in another language than declared: English under zh, Japanese as Chinese, French as English."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le

from seedream_core.data.curation.filters import Filter, LazySample
from seedream_core.records import Verdict


@dataclass(frozen=True, kw_only=True)
class LanguageFilter(Filter):
    needs: ClassVar[tuple[str, ...]] = ("language",)
    renamed: ClassVar[Mapping[str, str]] = {"least": "min_share"}
    min_share: Annotated[float, Ge(0), Le(1)] = 0.5
    """Minimum share of words in the declared language, in the caption with the smallest share."""

    def __call__(self, view: LazySample) -> Verdict:
        found = view.scores["language"]
        return Verdict(
            found >= self.min_share, f"{found:.0%} of a caption's words are in its language, under {self.min_share:.0%}"
        )

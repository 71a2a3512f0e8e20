"""Filter of noisy pictures: grain over the whole picture that does not belong to its texture."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le

from seedream_core.data.curation.filters import Filter, LazySample
from seedream_core.records import Verdict


@dataclass(frozen=True, kw_only=True)
class NoisyFilter(Filter):
    needs: ClassVar[tuple[str, ...]] = ("noise",)
    renamed: ClassVar[Mapping[str, str]] = {"most": "max_noise"}
    max_noise: Annotated[float, Ge(0), Le(1)] = 0.0255
    """Maximum standard deviation of the noise in brightness, as a share of white (0.0255 is 6.5 of 255 levels): film
    grain of 5 levels passes; noise of 20 levels per channel (13.4 in brightness if the channels differ) is found
    even after JPEG at quality 75."""

    def __call__(self, view: LazySample) -> Verdict:
        found = view.scores["noise"]
        return Verdict(found <= self.max_noise, f"noise of {255 * found:.1f} levels is over {255 * self.max_noise:.1f}")

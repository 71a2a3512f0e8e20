"""A member with a range."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le

from toy_paint import Paint


@dataclass(frozen=True, kw_only=True)
class SkyBlue(Paint):
    depth: Annotated[float, Ge(0), Le(1)] = 0.5
    "how deep the blue is"

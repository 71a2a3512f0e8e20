"""A member without options of its own."""

from dataclasses import dataclass

from toy_paint import Paint


@dataclass(frozen=True, kw_only=True)
class Red(Paint):
    pass

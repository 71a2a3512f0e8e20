"""A toy family for tests of configs."""

from dataclasses import dataclass

from seedream_core.workflow.config import Component


@dataclass(frozen=True, kw_only=True)
class Paint(Component):
    coats: int = 1

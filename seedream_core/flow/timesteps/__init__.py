"""Training times: each file is one distribution over t in (0, 1)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seedream_core.workflow.config import Component

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Timesteps(Component):
    """Contract: uniform numbers -> times. The caller draws the numbers per sample, so that order and batch do not
    matter.
    """

    def __call__(self, uniform: "Tensor", tokens: float) -> "Tensor":
        """B numbers in (0, 1) and the image tokens of a picture -> B times in (0, 1), float32."""
        raise NotImplementedError

"""Classifier-free guidance: each file is one rule that combines the conditional and unconditional velocities."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from seedream_core.workflow.config import Component

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class GuidanceRule(Component):
    """Contract: at scale 1 every rule returns the conditional velocity, so that one evaluation is enough there."""

    suffix: ClassVar[str] = "Guidance"

    def guide(self, unconditional: "Tensor", conditional: "Tensor", scale: "float | Tensor") -> "Tensor":
        """The guided velocity from those of the null caption and of the text, each B x C x h x w; `scale` is one number
        or B x 1 x 1 x 1."""
        raise NotImplementedError

    def active(self, t: "Tensor") -> "Tensor | None":
        """B times -> B booleans, False where the conditional velocity is used without guidance; None for guidance at
        all times.
        """
        return None


def check_request(
    scale: float | None, rule: GuidanceRule | None, *, distilled: bool, scales: Sequence[float] | None
) -> None:
    """ValueError where a model cannot draw with this guidance; None stands for the model's default.

    `scales` are the lowest and the highest scale that a distilled model takes; None where it takes no scale.
    """
    if not distilled:
        return
    if scales and scale is not None and not scales[0] <= scale <= scales[1]:
        raise ValueError(f"guidance {scale:g}: this model was distilled for {scales[0]:g} to {scales[1]:g}")
    if not scales and scale not in (None, 1):
        raise ValueError(f"guidance {scale:g}: this model was distilled to draw without guidance")
    if rule is not None and rule.name() != "plain":
        raise ValueError(f"guidance_rule {rule.name()}: a distilled model takes no guidance rule")

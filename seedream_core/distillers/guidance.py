"""Guidance distillation: the student learns the guided velocity in one evaluation instead of two (Seedream 2.0; arXiv
2210.03142).

The student regresses v_null + w (v_text - v_null): at one fixed w, or at each sample's own w, which a guidance
embedding tells it (`guidance_scales` of distill/student). Times are spread over the sampler's shifted grid, t = 1
included, where every picture begins.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seedream_core.distillers import Distiller, DistillStep, distance

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Guidance(Distiller):
    def student_loss(self, step: DistillStep) -> "Tensor":
        from seedream_core.flow.path import interpolate
        from seedream_core.flow.shift import shift

        t = shift(1 - step.draws[0], step.shift)
        z = interpolate(step.latents, step.noise, t)
        return distance(step.student(z, t), step.teacher(z, t), step.mask)

    @property
    def evaluations(self) -> tuple[int, int]:
        return 1, 0

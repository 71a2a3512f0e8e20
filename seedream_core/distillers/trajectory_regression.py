"""Trajectory regression: the student's jump to the end of a segment is held against the teacher's own way there.

From z_n at grid time t_n the teacher's ODE leads to the segment's end in `substeps` Euler steps, and the student's one
Euler jump must land where they do: L = |v(z_n) - (z_n - z_end) / (t_n - t_end)|^2. It is progressive distillation
(arXiv 2202.00512) of many steps into one at once. The student's average enters only where samples start, by backward
simulation; a target that rests on it is `segmented_consistency`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seedream_core.distillers import DistillStep
from seedream_core.distillers.segments import SegmentedDistiller

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class TrajectoryRegression(SegmentedDistiller):
    @property
    def evaluations(self) -> tuple[int, int]:
        return self.substeps, self.jumps

    def landing(self, step: DistillStep, z: "Tensor", index: "Tensor", end: "Tensor") -> "Tensor":
        return self.teacher_path(step, z, self.time(index, step.shift), self.time(end, step.shift))

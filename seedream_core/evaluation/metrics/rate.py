"""A share of right pictures with its 95% interval."""

from dataclasses import dataclass
from math import sqrt


@dataclass(frozen=True)
class Rate:
    right: int
    count: int

    @property
    def share(self) -> float:
        return self.right / self.count

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval (Wilson), which is valid near 0 and 1 too, where accuracies of good models lie."""
        z, n, p = 1.959964, self.count, self.share
        middle, half = p + z * z / (2 * n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, (middle - half) / (1 + z * z / n)), min(1.0, (middle + half) / (1 + z * z / n))

    def to_json(self) -> dict:
        low, high = self.interval
        return {"share": self.share, "low": low, "high": high, "right": self.right, "count": self.count}

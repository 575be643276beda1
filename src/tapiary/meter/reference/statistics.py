"""Running minimum, mean, sample standard deviation and maximum."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class Summary:
    """Welford's method, one value after the other; all four are 0 before the first value."""

    count: int = 0
    min: int = 0
    max: int = 0
    mean: float = 0.0
    _squares: float = 0.0

    def add(self, value: int) -> None:
        """Take one more value in."""
        self.min = min(self.min, value) if self.count else value
        self.max = max(self.max, value) if self.count else value
        self.count += 1
        before = self.mean
        self.mean += (value - before) / self.count
        self._squares += (value - before) * (value - self.mean)

    @property
    def std(self) -> float:
        """Sample standard deviation (n − 1), 0 for fewer than two values."""
        return math.sqrt(self._squares / (self.count - 1)) if self.count > 1 else 0.0

    def columns(self, stem: str, most: int | None = None) -> dict[str, int | float]:
        """The four values under their column names, minimum and maximum held at `most`."""
        least, greatest = (value if most is None else min(value, most) for value in (self.min, self.max))
        return {f"{stem}_min": least, f"{stem}_mean": self.mean, f"{stem}_std": self.std, f"{stem}_max": greatest}

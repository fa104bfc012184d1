"""What a few runs with different seeds tell: mean, deviation and an interval of Student's t."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

# Two-sided 95 % points of Student's t for 1 to 30 degrees of freedom; from there on the normal's is near enough.
_STUDENT = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
_NORMAL = 1.960


@dataclass(frozen=True)
class OverSeeds:
    """A score, or a difference of two, over runs.

    Attributes:
        deviation: Sample standard deviation; None for a single run.
        low, high: 95 % interval of the mean; None for a single run.
    """

    mean: float
    deviation: float | None
    low: float | None
    high: float | None

    @property
    def spread(self) -> str:
        """`mean ± deviation`."""
        return f"{self.mean:.2f}" if self.deviation is None else f"{self.mean:.2f} ± {self.deviation:.2f}"

    @property
    def difference(self) -> str:
        """`+mean [low, high]`, with signs."""
        if self.low is None or self.high is None:
            return f"{self.mean:+.2f}"
        return f"{self.mean:+.2f} [{self.low:+.2f}, {self.high:+.2f}]"


def over_seeds(values: Sequence[float]) -> OverSeeds:
    """Summarise one value a run; for a comparison, the differences paired by seed.

    Raises:
        ValueError: No values.
    """
    if not values:
        raise ValueError("there is no run to summarise.")
    middle = mean(values)
    if len(values) == 1:
        return OverSeeds(middle, None, None, None)
    deviation = stdev(values)
    freedom = len(values) - 1
    half = (_STUDENT[freedom - 1] if freedom <= len(_STUDENT) else _NORMAL) * deviation / math.sqrt(len(values))
    return OverSeeds(middle, deviation, middle - half, middle + half)

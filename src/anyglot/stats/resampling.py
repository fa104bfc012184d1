"""How far would a score move on another test set? A Poisson bootstrap that reads its units once, as they come.

In a resample of a bootstrap a unit (an example, a sentence, a query) occurs a number of times; for all but the smallest
test sets these numbers are as good as independent draws from the Poisson distribution with mean 1 (Hanley and
MacGibbon, 2006; Chamandy et al., 2012). So each unit is drawn as it goes by, and what is kept is one sum for each
resample and statistic: memory does not grow with the test set.

How often unit i occurs depends on the seed and i alone. Two systems scored on one test set, today or on another day,
so have the same resamples, and so have test sets that say the same in several languages: their differences and means
are paired, from the resampled values alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
SEED = 12345
BLOCK = 256

# Differences closer than this are ties: sums of the same terms in another order.
_ROUNDING = 1e-9


def _poisson_table() -> NDArray[np.uint8]:
    """(65536,): the Poisson distribution with mean 1 as equally likely counts.

    Drawn through a table because numpy promises to keep its generators' bits as they are, but not how it makes
    Poisson numbers of them; stored resamples must fit new ones.
    """
    size = 1 << 16
    below = np.cumsum([math.exp(-1.0) / math.factorial(count) for count in range(16)])
    return np.searchsorted(np.rint(below * size), np.arange(size), side="right").astype(np.uint8)


_COUNTS = _poisson_table()


@dataclass(slots=True)
class Resampler:
    """Sums the statistics of a test set and of its resamples.

    Args:
        seed: Of the draws; resamples of the same seed are paired.
        resamples: How many; the first ones are the same whatever their number.

    Shape:
        sums: (statistics,)    resampled: (resamples, statistics)
    """

    seed: int = SEED
    resamples: int = RESAMPLES
    _units: int = field(default=0, init=False)
    # The test set in the first row, its resamples below; in one more column how many units they have. And rows of
    # units whose block is not whole yet.
    _found: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)), init=False, repr=False)
    _waiting: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)), init=False, repr=False)

    @property
    def units(self) -> int:
        """How many have gone by."""
        return self._units

    def add(self, statistics: NDArray[np.float64]) -> None:
        """Take the next units, in order.

        Shape:
            statistics: (units, statistics)

        Raises:
            ValueError: They have another number of statistics than those before.
        """
        rows = np.asarray(statistics, dtype=np.float64)
        rows = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
        if not self._found.size:
            self._waiting = np.zeros((0, rows.shape[1]))
            self._found = np.zeros((1 + self.resamples, rows.shape[1]))
        # Whole blocks only, so that sums are made of the same terms in the same order however units come.
        rows = np.concatenate([self._waiting, rows])
        first = self._units // BLOCK
        whole = len(rows) // BLOCK
        self._units += len(rows) - len(self._waiting)
        for block in range(whole):
            self._found += self._times(first + block) @ rows[block * BLOCK : (block + 1) * BLOCK]
        self._waiting = rows[whole * BLOCK :].copy()

    def sums(self) -> NDArray[np.float64]:
        """Return the sums over all units so far.

        Raises:
            ValueError: There were none.
        """
        return self._all()[0, :-1]

    def resampled(self) -> NDArray[np.float64]:
        """Return the sums over each resample.

        A resample without any unit, which a test set of a handful of units can have, is the test set itself.

        Raises:
            ValueError: There were no units.
        """
        found = self._all()
        return np.where(found[1:, -1:] > 0, found[1:, :-1], found[:1, :-1])

    def _all(self) -> NDArray[np.float64]:
        if not self._units:
            raise ValueError("there are no sums of no units; add some first")
        times = self._times(self._units // BLOCK)[:, : len(self._waiting)]
        return np.add(self._found, times @ self._waiting)

    def _times(self, block: int) -> NDArray[np.float64]:
        """How often the test set, which is once, and each resample have each unit of a block. (1 + resamples, BLOCK)"""
        bits = np.random.Philox(key=np.array([self.seed, block], dtype=np.uint64))
        words = bits.random_raw(self.resamples * BLOCK // 4).astype("<u8").view("<u2")
        times = np.ones((1 + self.resamples, BLOCK))
        times[1:] = _COUNTS[words].reshape(self.resamples, BLOCK)
        return times


@dataclass(frozen=True, slots=True)
class Difference:
    """A system's score minus a baseline's on the same test set.

    Args:
        value: Difference of the scores.
        low: Lower end of its 95 % interval.
        high: Upper end.
        p: Share of resamples whose difference strays from their mean by the difference found or more (two-sided).
    """

    value: float
    low: float
    high: float
    p: float

    def __str__(self) -> str:
        return f"{self.value:+.1f} [{self.low:+.1f}, {self.high:+.1f}]"


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the central 95 % of a score's values on resamples: a fortieth of them is off at either end.

    Shape:
        values: (resamples,)
    """
    ordered = np.sort(values)
    cut = len(ordered) // 40
    return float(ordered[cut]), float(ordered[len(ordered) - cut - 1])


def difference(
    system: NDArray[np.float64], baseline: NDArray[np.float64], system_value: float, baseline_value: float
) -> Difference:
    """Compare two scores by their values on the same resamples (paired bootstrap).

    Args:
        system: Its score on each resample.
        baseline: The baseline's.
        system_value: Its score on the test set.
        baseline_value: The baseline's.

    Shape:
        system, baseline: (resamples,)

    Raises:
        ValueError: They have not as many resamples.
    """
    if system.shape != baseline.shape:
        raise ValueError(f"{len(system)} and {len(baseline)} resamples are not paired")
    found = system - baseline
    value = system_value - baseline_value
    low, high = interval(found)
    stray = np.abs(found - found.mean()) >= abs(value) - _ROUNDING
    # One more on both sides: the test set as it is was a possible resample too, so p is never zero.
    return Difference(value, low, high, float((stray.sum() + 1) / (len(found) + 1)))


def mean_over(values: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the unweighted mean over languages, or tasks, on each resample; `interval` and `difference` take it.

    Where test sets say the same in each language, unit by unit, their resamples are the same, and what languages have
    in common stays in the interval. Where they do not, unit i of one has nothing to do with unit i of another, and
    sharing its draws changes nothing on average.

    Shape:
        values: languages times (resamples,)
        returns: (resamples,)
    """
    mean: NDArray[np.float64] = np.mean(np.stack(list(values)), axis=0)
    return mean


def mean_interval(values: Sequence[NDArray[np.float64]]) -> tuple[float, float]:
    """Return the interval of the unweighted mean over languages.

    Shape:
        values: languages times (resamples,)
    """
    return interval(mean_over(values))

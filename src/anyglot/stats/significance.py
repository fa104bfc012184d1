"""Is one system better than another on the same sentences? Paired bootstrap and approximate randomisation.

| Source | Function |
|---|---|
| paired bootstrap resampling (Koehn, 2004), as in Moses and `sacrebleu --paired-bs` | `bootstrap_p_value` |
| approximate randomisation (Riezler and Maxwell, 2005), as in `sacrebleu --paired-ar` | `randomisation_p_value` |

Both work on the sentences' sufficient statistics: a resample is a row of a matrix product, nothing is scored again.
The draws are sacrebleu's for the same seed. One thing is not: sacrebleu counts the trials whose difference is *larger*
than the one found, which calls a system different from itself (p = 1 / (trials + 1)); here, as in the papers, those
that are *at least as large*. The two agree wherever no trial ties with the difference found.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anyglot.errors import UserError
from anyglot.stats.bootstrap import interval
from anyglot.stats.scores import RESAMPLES, SEED, Statistics, bootstrap_values

# sacrebleu's own defaults stand in this proportion: 1,000 resamples and 10,000 trials.
TRIALS_PER_RESAMPLE = 10

# Bounds the table of swaps: 4 million of 8 bytes at a time.
_SWAPS_AT_ONCE = 4_000_000
# Rows are drawn 32 at a time: numpy draws bits by words of 32, so that draws in parts are the draws of one go.
_WORD = 32
# Differences closer than this are ties: sums of the same terms in another order.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Difference:
    """A system's score minus a baseline's on the same sentences.

    Attributes:
        value: Difference of the point scores.
        low: Lower end of the 95 % interval of the difference (paired bootstrap).
        high: Upper end.
        p_bootstrap: p-value of the paired bootstrap, two-sided.
        p_randomisation: p-value of approximate randomisation, two-sided.
    """

    value: float
    low: float
    high: float
    p_bootstrap: float
    p_randomisation: float

    def __str__(self) -> str:
        return f"{self.value:+.1f} [{self.low:+.1f}, {self.high:+.1f}]"


def compare(system: Statistics, baseline: Statistics, *, resamples: int = RESAMPLES, seed: int = SEED) -> Difference:
    """Compare two systems over the same resamples, and over ten times as many random exchanges, of one test set.

    Raises:
        UserError: They were counted over different numbers of sentences or with different metrics.
    """
    sizes = len(system.sums_per_sentence), len(baseline.sums_per_sentence)
    if sizes[0] != sizes[1] or system.name != baseline.name:
        raise UserError(
            f"{system.name} over {sizes[0]} sentences cannot be compared with {baseline.name} over {sizes[1]}; "
            "compare two systems over the same test set with the same metric"
        )
    own = bootstrap_values(system, resamples=resamples, seed=seed)
    other = bootstrap_values(baseline, resamples=resamples, seed=seed)
    value = system.point - baseline.point
    low, high = interval(own - other, value)
    exchanged = exchanged_differences(system, baseline, trials=TRIALS_PER_RESAMPLE * resamples, seed=seed)
    return Difference(value, low, high, bootstrap_p_value(own, other, value), randomisation_p_value(exchanged, value))


def bootstrap_p_value(own: NDArray[np.float64], other: NDArray[np.float64], value: float) -> float:
    """Return the share of resamples whose difference strays from their mean by the difference found or more.

    Args:
        own: The system's score on each resample.
        other: The baseline's.
        value: Difference of the point scores.

    Shape:
        own, other: (resamples,)
    """
    sizes = np.abs(own - other)
    return _share(sizes - sizes.mean(), value)


def randomisation_p_value(exchanged: NDArray[np.float64], value: float) -> float:
    """Return the share of random exchanges that leave a difference as large as the one found.

    Shape:
        exchanged: (trials,), from `exchanged_differences`
    """
    return _share(np.abs(exchanged), value)


def _share(found: NDArray[np.float64], value: float) -> float:
    # One more on both sides: the pairing as it is was a possible draw too (Noreen, 1989), so p is never zero.
    return float((np.sum(found >= abs(value) - _ROUNDING) + 1) / (len(found) + 1))


def exchanged_differences(
    system: Statistics, baseline: Statistics, *, trials: int, seed: int = SEED
) -> NDArray[np.float64]:
    """Exchange the two systems' outputs for each sentence with probability one half, and return what differs then.

    Shape:
        returns: (trials,): baseline minus system after the exchange, as sacrebleu takes it; the sign means nothing
    """
    both = system.sums_per_sentence.sum(axis=0) + baseline.sums_per_sentence.sum(axis=0)
    found = []
    for swaps in _swaps(trials, len(system.sums_per_sentence), seed):
        first = swaps @ baseline.sums_per_sentence + (1.0 - swaps) @ system.sums_per_sentence
        found.append(system.formula(first) - system.formula(both - first))
    return np.concatenate(found) if found else np.empty(0)


def _swaps(trials: int, sentences: int, seed: int) -> Iterator[NDArray[np.float64]]:
    generator = np.random.default_rng(seed)
    rows = max(_WORD, _SWAPS_AT_ONCE // sentences // _WORD * _WORD)
    for start in range(0, trials, rows):
        drawn = generator.integers(2, size=(min(rows, trials - start), sentences), dtype=np.bool_)
        yield drawn.astype(np.float64)

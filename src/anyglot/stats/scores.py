"""Scores of a test set from the sufficient statistics of its sentences, whatever the metric.

A metric counts once what it needs of every sentence. Its score is a formula of the sum, so that a bootstrap resample, a
part of the test set and a comparison of two systems are sums of the same rows (Koehn, 2004).
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anyglot.runtime.arguments import whole
from anyglot.stats.bootstrap import interval, resampled_sums

RESAMPLES = 1000
# sacrebleu's own default seed, so that the intervals can be compared with its command line's.
SEED = 12345


@dataclass(frozen=True)
class Score:
    """One metric over one test set.

    Attributes:
        name: "BLEU", "chrF", "chrF++", "COMET", "off-target".
        value: The point score, 0 to 100; exactly sacrebleu's where the metric is.
        low: Lower end of the 95 % bootstrap interval; equal to `value` when no resamples were asked for.
        high: Upper end of the interval.
        signature: How the number was made; sacrebleu's own where the metric is.
        sentences: How many sentences it was made from.
    """

    name: str
    value: float
    low: float
    high: float
    signature: str
    sentences: int

    def __str__(self) -> str:
        return f"{self.value:.1f} [{self.low:.1f}, {self.high:.1f}]"


@dataclass(frozen=True)
class Statistics:
    """The sufficient statistics of a test set under one metric: rows that can be summed, and what their sum scores.

    Attributes:
        name: The metric.
        sums_per_sentence: BLEU: hypothesis length, reference length, 4 matches, 4 totals. chrF: hypothesis count,
            reference count and matches for each n-gram order. A mean of sentence scores: the score and a one.
        point: The score of the whole set; for BLEU and chrF sacrebleu's own.
        formula: From summed rows, (sets, fields), to scores, (sets,).
        sign: From the number of resamples and their seed (0 and None without any) to the signature.

    Shape:
        sums_per_sentence: (sentences, fields): 10 fields for BLEU, 18 for chrF, 24 for chrF++, 2 for a mean
    """

    name: str
    sums_per_sentence: NDArray[np.float64]
    point: float
    formula: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    sign: Callable[[int, int | None], str]

    def part(self, rows: NDArray[np.bool_]) -> "Statistics":
        """Return the statistics of some of the sentences: of those where `rows`, (sentences,), is True."""
        kept = self.sums_per_sentence[rows]
        return dataclasses.replace(
            self, sums_per_sentence=kept, point=float(self.formula(kept.sum(axis=0, keepdims=True))[0])
        )


def mean_statistics(name: str, values: Sequence[float], sign: Callable[[int, int | None], str]) -> Statistics:
    """Return the statistics of a metric that is the mean of its sentence scores."""
    rows = np.stack([np.asarray(values, dtype=np.float64), np.ones(len(values))], axis=1)
    return Statistics(name, rows, float(np.mean(rows[:, 0])), _mean_from_statistics, sign)


def _mean_from_statistics(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(sums[:, 0] / np.maximum(sums[:, 1], 1.0))


def score_statistics(counted: Statistics, *, resamples: int = RESAMPLES, seed: int = SEED) -> Score:
    """Turn counted statistics into a score with its interval and signature.

    Args:
        counted: What `statistics` returned.
        resamples: Bootstrap resamples; 0 leaves the interval out.
        seed: Seed of the resampling. The same seed draws the same sentences as sacrebleu does.
    """
    whole("resamples", resamples, 0, 1_000_000)
    whole("seed", seed, 0, (1 << 63) - 1)
    signature = counted.sign(resamples, seed if resamples else None)
    low = high = counted.point
    if resamples:
        low, high = interval(bootstrap_values(counted, resamples=resamples, seed=seed), counted.point)
    return Score(counted.name, counted.point, low, high, signature, len(counted.sums_per_sentence))


def bootstrap_values(counted: Statistics, *, resamples: int = RESAMPLES, seed: int = SEED) -> NDArray[np.float64]:
    """Score every bootstrap resample of a test set.

    Shape:
        returns: (resamples,)
    """
    sums = resampled_sums(counted.sums_per_sentence, resamples=resamples, seed=seed)
    return counted.formula(sums)

"""Bootstrap over sufficient statistics: resampled sums as one matrix product, metrics over all of them at once."""

import numpy as np
from numpy.typing import NDArray

BLEU_ORDER = 4
CHRF_BETA = 2

# Bounds the table of drawn indices: 4 million of 8 bytes at a time.
_INDICES_AT_ONCE = 4_000_000


def resampled_sums(statistics: NDArray[np.float64], *, resamples: int, seed: int) -> NDArray[np.float64]:
    """Sum the statistics of `resamples` sets of sentences drawn with replacement.

    The draws are those of sacrebleu's bootstrap for the same seed, so both see the same resamples. Integer counts in
    float64 sum exactly.

    Shape:
        statistics: (sentences, fields)
        returns: (resamples, fields)
    """
    sentences = len(statistics)
    generator = np.random.default_rng(seed)
    sums = np.empty((resamples, statistics.shape[1]))
    rows = max(1, _INDICES_AT_ONCE // sentences)
    for start in range(0, resamples, rows):
        count = min(rows, resamples - start)
        drawn = generator.choice(sentences, size=(count, sentences), replace=True)
        drawn += np.arange(count)[:, None] * sentences
        times = np.bincount(drawn.ravel(), minlength=count * sentences).reshape(count, sentences)
        sums[start : start + count] = times.astype(np.float64) @ statistics
    return sums


def bleu_from_statistics(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """BLEU with sacrebleu's default "exp" smoothing, for many sets of summed statistics.

    Shape:
        sums: (sets, 10): hypothesis length, reference length, 4 matches, 4 totals
        returns: (sets,)
    """
    lengths, references = sums[:, 0], sums[:, 1]
    matches, totals = sums[:, 2 : 2 + BLEU_ORDER], sums[:, 2 + BLEU_ORDER : 2 + 2 * BLEU_ORDER]
    # The k-th order without a match counts as 1 / 2^k match. Orders from the first without any n-gram on are zero.
    halvings = np.cumsum((matches == 0) & (totals > 0), axis=1)
    smoothed = np.where(matches > 0, matches, 0.5**halvings)
    precisions = 100.0 * smoothed / np.maximum(totals, 1.0)
    possible = np.logical_and.accumulate(totals > 0, axis=1)
    with np.errstate(divide="ignore"):
        geometric = np.exp(np.mean(np.log(np.where(possible, precisions, 0.0)), axis=1))
    ratio = references / np.maximum(lengths, 1.0)
    brevity = np.where(lengths < references, np.exp(np.minimum(0.0, 1.0 - ratio)), 1.0)
    return np.where(matches.any(axis=1), brevity * geometric, 0.0)


def chrf_from_statistics(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """chrF or chrF++ with sacrebleu's effective order, for many sets of summed statistics.

    Shape:
        sums: (sets, 3 * orders): for each n-gram order hypothesis count, reference count, matches
        returns: (sets,)
    """
    counts = sums.reshape(len(sums), -1, 3)
    hypothesis, reference, matches = counts[..., 0], counts[..., 1], counts[..., 2]
    effective = (hypothesis > 0) & (reference > 0)
    orders = np.maximum(effective.sum(axis=1), 1)
    precision = np.where(effective, matches / np.maximum(hypothesis, 1.0), 0.0).sum(axis=1) / orders
    recall = np.where(effective, matches / np.maximum(reference, 1.0), 0.0).sum(axis=1) / orders
    factor = CHRF_BETA**2
    weighted = factor * precision + recall
    return np.where(
        weighted > 0, 100.0 * (1 + factor) * precision * recall / np.where(weighted > 0, weighted, 1.0), 0.0
    )


def interval(values: NDArray[np.float64], point: float) -> tuple[float, float]:
    """Return the central 95 % of the values, widened to hold the point where all resamples fell to one side of it.

    The cuts are sacrebleu's: a fortieth of the sorted values off either end.
    """
    ordered = np.sort(values)
    cut = len(ordered) // 40
    return min(float(ordered[cut]), point), max(float(ordered[len(ordered) - cut - 1]), point)

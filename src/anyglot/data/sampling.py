"""How often each corpus is drawn from (SixT+, equation 1)."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray


def temperature_weights(
    sizes: Sequence[int], temperature: float, groups: Sequence[Hashable] | None = None
) -> NDArray[np.float64]:
    """Probability of drawing from each corpus: q_i = p_i^alpha / sum_j p_j^alpha, alpha = 1 / temperature.

    SixT+ equation 1 with p_i the share of language i in all sentences. Temperature 1 keeps the shares, larger ones
    move towards uniform.

    Args:
        sizes: Sentences of each corpus.
        temperature: T >= 1 in the papers (5 in SixT+); any positive number.
        groups: Language (or pair) of each corpus. The law then weighs the languages, and the corpora of one language
            share its weight by size. None: every corpus is a language of its own.

    Shape:
        returns: (corpora,), sums to 1
    """
    if temperature <= 0 or not sizes or min(sizes) <= 0:
        raise ValueError(f"need positive sizes and a positive temperature, got {list(sizes)} and {temperature}")
    keys = list(range(len(sizes))) if groups is None else list(groups)
    counts = np.asarray(sizes, dtype=np.float64)
    distinct = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    place = np.array([distinct[key] for key in keys])
    language = np.bincount(place, weights=counts)
    # In logarithms: shares of tiny corpora must not underflow under a small temperature.
    powered = np.exp(
        np.log(language / language.sum()) / temperature - np.log(language.max() / language.sum()) / temperature
    )
    return np.asarray((powered / powered.sum())[place] * counts / language[place])


def samples_per_corpus(weights: NDArray[np.float64], total: int) -> NDArray[np.int64]:
    """Split `total` samples by weight, rounded so that they add up (largest remainder) and no corpus is left out.

    Shape:
        weights, returns: (corpora,)
    """
    if total < len(weights):
        raise ValueError(f"an epoch of {total} samples cannot hold {len(weights)} corpora")
    exact = weights * total
    counts = np.floor(exact).astype(np.int64)
    left = total - int(counts.sum())
    # Stable sort: equal remainders go to the earlier corpus on every machine.
    counts[np.argsort(-(exact - counts), kind="stable")[:left]] += 1
    for empty in np.flatnonzero(counts == 0):
        counts[int(np.argmax(counts))] -= 1
        counts[empty] = 1
    return counts

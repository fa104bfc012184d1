"""The order of the data: a pure function of (seed, epoch, position).

Corpus i gives `counts[i]` samples to every epoch. They come from its own endless stream: one seeded permutation of the
corpus after the other. Epoch e takes the stream's positions e * counts[i] to (e + 1) * counts[i], so nothing has to be
replayed or remembered. The epoch's samples are shuffled, cut into windows, sorted by length inside a window, cut into
batches under a token budget, and the batches are shuffled.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Separate the random streams that share the run's seed.
_STREAM, _SHUFFLE, _BATCHES = 1, 2, 3


@dataclass(frozen=True, eq=False)
class EpochPlan:
    """The batches of one epoch.

    Shape:
        corpora, samples: (samples of the epoch,)    starts, ends: (batches,)
    """

    corpora: NDArray[np.int32]
    samples: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    @property
    def batches(self) -> int:
        """Number of batches."""
        return len(self.starts)

    def indices(self, batch: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Corpus and sample number of each row of a batch."""
        span = slice(int(self.starts[batch]), int(self.ends[batch]))
        return self.corpora[span], self.samples[span]


def plan_epoch(
    lengths: Sequence[NDArray[np.int32]],
    counts: NDArray[np.int64],
    *,
    seed: int,
    epoch: int,
    batch_tokens: int,
    max_sentences: int | None = None,
    window: int = 65_536,
) -> EpochPlan:
    """Lay out one epoch.

    Args:
        lengths: Tokens of each sample of each corpus with its specials, one column for each side.
        counts: Samples each corpus gives to an epoch.
        batch_tokens: No batch has more padded tokens than this on any side.
        max_sentences: No batch has more rows than this. None: the token budget alone decides.
        window: Samples that are sorted by length together. Larger windows pad less and mix less.

    Shape:
        lengths[i]: (samples of corpus i, sides)    counts: (corpora,)
    """
    drawn = [_draw(len(sizes), int(counts[i]), seed, i, epoch) for i, sizes in enumerate(lengths)]
    corpora = np.repeat(np.arange(len(lengths), dtype=np.int32), counts)
    samples = np.concatenate(drawn)
    size = np.concatenate([sizes[take] for sizes, take in zip(lengths, drawn, strict=True)])
    longest, sum_of_sides = size.max(axis=1), size.sum(axis=1)
    if len(longest) and int(longest.max()) > batch_tokens:
        raise ValueError(f"a sample of {int(longest.max())} tokens does not fit a batch of {batch_tokens}")

    order = np.random.default_rng([seed, _SHUFFLE, epoch]).permutation(len(samples))
    starts: list[int] = []
    ends: list[int] = []
    for begin in range(0, len(order), window):
        inside = order[begin : begin + window]
        inside = inside[np.lexsort((sum_of_sides[inside], longest[inside]))]
        order[begin : begin + window] = inside
        for start, end in _cut(longest[inside], batch_tokens, max_sentences):
            starts.append(begin + start)
            ends.append(begin + end)
    shuffled = np.random.default_rng([seed, _BATCHES, epoch]).permutation(len(starts))
    return EpochPlan(
        corpora[order],
        samples[order],
        np.asarray(starts, dtype=np.int64)[shuffled],
        np.asarray(ends, dtype=np.int64)[shuffled],
    )


def _draw(size: int, count: int, seed: int, corpus: int, epoch: int) -> NDArray[np.int64]:
    """Positions `epoch * count` to `(epoch + 1) * count` of a corpus's endless stream of permutations."""
    position, end = epoch * count, (epoch + 1) * count
    parts: list[NDArray[np.int64]] = []
    while position < end:
        permutation, offset = divmod(position, size)
        taken = min(end - position, size - offset)
        generator = np.random.default_rng([seed, _STREAM, corpus, permutation])
        parts.append(generator.permutation(size)[offset : offset + taken])
        position += taken
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def _cut(longest: NDArray[np.int32], batch_tokens: int, max_sentences: int | None) -> list[tuple[int, int]]:
    """Cut ascending lengths greedily so that rows times the longest row stays within the budget."""
    spans: list[tuple[int, int]] = []
    start = 0
    while start < len(longest):
        most = batch_tokens // int(longest[start])
        most = most if max_sentences is None else min(most, max_sentences)
        here = longest[start : start + most]
        fits = int(np.count_nonzero(here * np.arange(1, len(here) + 1, dtype=np.int64) <= batch_tokens))
        spans.append((start, start + fits))
        start += fits
    return spans

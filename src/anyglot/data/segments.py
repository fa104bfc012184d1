"""Pairs of segments: neighbours in a document, or the two sides of a sentence pair (VECO section 2.2)."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from anyglot.data.samples import Overlong, chosen_rows, packed, refuse_empty
from anyglot.data.store import TokenisedCorpus

Segment = list[NDArray[np.int32]]


class AdjacentSegments:
    """Two neighbouring segments of a document, every segment `<s> a </s> b </s> ...` of consecutive sentences.

    A document's segments are taken two by two; of an odd number the last pair shares a segment with the one before.
    A document of one segment is cut between the two sentences nearest its middle, and left out if it has but one.

    Attributes:
        lengths: (samples, 2) tokens with specials.
        dropped, truncated: Sentences left out or cut because they are too long.
        alone: Sentences left out because their document has no other.
    """

    def __init__(self, corpus: TokenisedCorpus, max_length: int, overlong: Overlong, pack: bool) -> None:
        self.corpus = corpus
        room = max_length - 2
        plain = corpus.sides[0].lengths
        self._rows, self.dropped, self.truncated = chosen_rows(plain <= room, overlong)
        self._cut = np.minimum(plain[self._rows], room)
        sizes = self._cut + 1
        spans: list[tuple[int, int, int]] = []
        self.alone = 0
        # Where each document begins among the sentences that are kept.
        starts = np.searchsorted(self._rows, np.append(corpus.documents, len(plain)))
        for start, stop in pairwise(starts.tolist()):
            if stop - start < 2:
                self.alone += stop - start
                continue
            bounds = packed(sizes[start:stop], max_length - 1) if pack else np.arange(stop - start + 1)
            spans += _paired((start + bounds).tolist(), np.cumsum(sizes[start:stop]))
        refuse_empty(len(spans), corpus, max_length, "neighbouring sentences")
        self._spans = np.asarray(spans, dtype=np.int64)
        ends = np.concatenate([[0], np.cumsum(sizes)])
        self.lengths = (1 + np.diff(ends[self._spans], axis=1)).astype(np.int32)

    def __getitem__(self, sample: int) -> tuple[Segment, Segment]:
        start, middle, stop = self._spans[sample].tolist()
        return self._segment(start, middle), self._segment(middle, stop)

    def _segment(self, start: int, stop: int) -> Segment:
        side = self.corpus.sides[0]
        return [side[int(self._rows[place])][: int(self._cut[place])] for place in range(start, stop)]


class ParallelSegments:
    """The two sides of a sentence pair, each `<s> x </s>`.

    Attributes:
        lengths: (samples, 2) tokens with specials.
        dropped, truncated: Pairs left out or cut because a side is longer than `max_length`.
    """

    def __init__(self, corpus: TokenisedCorpus, max_length: int, overlong: Overlong) -> None:
        self.corpus = corpus
        self._room = max_length - 2
        plain = np.stack([side.lengths for side in corpus.sides], axis=1)
        self._rows, self.dropped, self.truncated = chosen_rows(np.all(plain <= self._room, axis=1), overlong)
        refuse_empty(len(self._rows), corpus, max_length)
        self.lengths = (np.minimum(plain[self._rows], self._room) + 2).astype(np.int32)

    def __getitem__(self, sample: int) -> tuple[Segment, Segment]:
        row = int(self._rows[sample])
        first, second = (side[row][: self._room] for side in self.corpus.sides)
        return [first], [second]


def _paired(bounds: list[int], ends: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """Start, middle and stop of each pair of segments that these bounds cut a document into.

    Args:
        ends: Tokens up to the end of each sentence of the document, for halving its only segment.
    """
    segments = len(bounds) - 1
    if segments == 1:
        middle = int(np.abs(ends[:-1] - ends[-1] / 2).argmin()) + 1
        return [(bounds[0], bounds[0] + middle, bounds[1])]
    pairs = [(bounds[place], bounds[place + 1], bounds[place + 2]) for place in range(0, segments - 1, 2)]
    if segments % 2:
        pairs.append((bounds[-3], bounds[-2], bounds[-1]))
    return pairs

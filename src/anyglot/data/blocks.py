"""Rows of consecutive sentences of one document, for restoring (mBART; Liu et al., 2020, section 2.2)."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from anyglot.data.samples import Overlong, chosen_rows, packed, refuse_empty
from anyglot.data.store import TokenisedCorpus
from anyglot.text.templates import Frame


class DocumentBlocks:
    """Blocks `a </s> b </s> c` of consecutive sentences, as many whole ones as fit, none over a document's border.

    Attributes:
        lengths: (samples, 2) tokens of source (at most; noise shortens it) and target, with what stands around them.
        dropped, truncated: Sentences left out or cut because they are too long.
    """

    def __init__(self, corpus: TokenisedCorpus, max_length: int, overlong: Overlong, pack: bool, frame: Frame) -> None:
        self.corpus = corpus
        around = np.array(frame.sizes)
        room = max_length - int(around.max())
        plain = corpus.sides[0].lengths
        self._rows, self.dropped, self.truncated = chosen_rows(plain <= room, overlong)
        refuse_empty(len(self._rows), corpus, max_length)
        self._cut = np.minimum(plain[self._rows], room)
        sizes = self._cut + 1
        bounds: list[int] = []
        # Where each document begins among the sentences that are kept.
        starts = np.searchsorted(self._rows, np.append(corpus.documents, len(plain)))
        for start, stop in pairwise(starts.tolist()):
            inside = packed(sizes[start:stop], room + 1) if pack else np.arange(stop - start + 1)
            bounds += (start + inside[:-1]).tolist()
        self._bounds = np.array([*bounds, len(sizes)])
        text = np.add.reduceat(sizes, self._bounds[:-1]) - 1
        self.lengths = (text[:, None] + around).astype(np.int32)

    def __getitem__(self, sample: int) -> list[NDArray[np.int32]]:
        first, last = int(self._bounds[sample]), int(self._bounds[sample + 1])
        side = self.corpus.sides[0]
        return [side[int(self._rows[place])][: int(self._cut[place])] for place in range(first, last)]

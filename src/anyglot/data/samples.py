"""What counts as one sample: a sentence pair, a sentence, or a block of consecutive sentences."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from anyglot.data.store import TokenisedCorpus
from anyglot.errors import UserError

Overlong = Literal["drop", "truncate"]


class TranslationSamples:
    """The pairs of a parallel corpus that fit.

    Args:
        around: Positions that source and target need beside their text; `<s> x </s>` and `y </s>` if not said.

    Attributes:
        lengths: (samples, 2) tokens with specials.
        dropped, truncated: Pairs left out or cut because a side is longer than `max_length`.
    """

    def __init__(
        self, corpus: TokenisedCorpus, max_length: int, overlong: Overlong, around: tuple[int, int] = (2, 1)
    ) -> None:
        self.corpus = corpus
        self._room = (max_length - around[0], max_length - around[1])
        plain = np.stack([side.lengths for side in corpus.sides], axis=1)
        fits = np.all(plain <= np.array(self._room), axis=1)
        self._rows, self.dropped, self.truncated = chosen_rows(fits, overlong)
        self.lengths = (np.minimum(plain[self._rows], self._room) + np.array(around)).astype(np.int32)
        refuse_empty(len(self.lengths), corpus, max_length)

    def __getitem__(self, sample: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        row = int(self._rows[sample])
        source, target = self.corpus.sides
        return source[row][: self._room[0]], target[row][: self._room[1]]


class TextSamples:
    """Rows for masked language modelling.

    A monolingual corpus gives sentences, or with `pack` blocks `<s> a </s> b </s> ...` of consecutive sentences, each
    block as many whole sentences as fit (so hardly anything is padding). A parallel corpus gives rows
    `<s> x </s> y </s>`, in which a model can look up one language in the other.

    Attributes:
        lengths: (samples, 1) tokens with specials.
        dropped, truncated: Sentences or pairs left out or cut because they are too long.
    """

    def __init__(self, corpus: TokenisedCorpus, max_length: int, overlong: Overlong, pack: bool) -> None:
        self.corpus = corpus
        sides = len(corpus.sides)
        room = max_length - 1 - sides
        if room < sides:
            raise UserError(f"max_length {max_length} leaves no room for text; set at least 16.")
        plain = np.stack([side.lengths for side in corpus.sides], axis=1)
        self._rows, self.dropped, self.truncated = chosen_rows(plain.sum(axis=1) <= room, overlong)
        # A truncated pair gives each side its half, and what one side leaves over to the other.
        half = room // sides
        kept = plain[self._rows]
        spare = room - np.minimum(kept, half).sum(axis=1, keepdims=True)
        self._cut = np.minimum(kept, np.minimum(kept, half) + spare)
        over = self._cut.sum(axis=1) - room
        if sides == 2:
            self._cut[:, 1] -= np.maximum(over, 0)
        sizes = self._cut.sum(axis=1) + sides
        refuse_empty(len(sizes), corpus, max_length)
        self._bounds = packed(sizes, max_length - 1) if pack and sides == 1 else np.arange(len(sizes) + 1)
        self.lengths = (1 + np.add.reduceat(sizes, self._bounds[:-1]))[:, None].astype(np.int32)

    def __getitem__(self, sample: int) -> list[NDArray[np.int32]]:
        first, last = int(self._bounds[sample]), int(self._bounds[sample + 1])
        return [
            side[int(self._rows[place])][: int(self._cut[place, number])]
            for place in range(first, last)
            for number, side in enumerate(self.corpus.sides)
        ]


def chosen_rows(fits: NDArray[np.bool_], overlong: Overlong) -> tuple[NDArray[np.int64], int, int]:
    """Rows to keep, how many are dropped, how many are cut."""
    too_long = int(len(fits) - fits.sum())
    if overlong == "drop":
        return np.flatnonzero(fits), too_long, 0
    return np.arange(len(fits)), 0, too_long


def packed(sizes: NDArray[np.int64], room: int) -> NDArray[np.int64]:
    """Bounds of greedy runs of consecutive sizes that add up to at most `room`."""
    ends = np.cumsum(sizes)
    bounds = [0]
    while bounds[-1] < len(sizes):
        used = int(ends[bounds[-1] - 1]) if bounds[-1] else 0
        bounds.append(int(np.searchsorted(ends, used + room, side="right")))
    return np.asarray(bounds, dtype=np.int64)


def refuse_empty(samples: int, corpus: TokenisedCorpus, max_length: int, what: str = "samples") -> None:
    """Raise a UserError if nothing of a corpus is left."""
    if samples:
        return
    if what != "samples":
        raise UserError(f"{corpus.name} has no {what} of at most {max_length} tokens in its {len(corpus)} sentences.")
    raise UserError(
        f"All {len(corpus)} samples of {corpus.name} are longer than {max_length} tokens; "
        "raise max_length or set overlong: truncate."
    )

"""Validation text split off the training corpora by a hash of the text, the same in every process and on resuming.

A line is held out if the hash of its text, of a pair its target, lies below the corpus' threshold, which is `share` or,
in a large corpus, what leaves about `most` lines. Training begins at the highest threshold of all corpora, so a target
sentence that is validated in one of them is learned from in none, whatever their languages and order. (What lies
between its corpus' threshold and the highest is used for neither.)
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from anyglot.data.build import Progress
from anyglot.data.corpus import Source, nothing_left, place_of, rows
from anyglot.errors import UserError
from anyglot.training.recipe.schema import Recipe

# So many lines are hashed in some tenths of a second.
_CHUNK = 100_000


def split_off(recipe: Recipe, say: Callable[[str], None], progress: Progress | None = None) -> Recipe:
    """The recipe with corpora in place of `data.validation_split`; one without it as it is.

    Every corpus is read once. What is kept of it is eight bytes for each line whose hash lies below `share`.

    Args:
        progress: Called with what is done to which corpus, and the lines read so far (of a number nobody knows).

    Raises:
        UserError: A fault of the corpora (see `corpus`), or nothing to validate on or to learn from is left.
    """
    split = recipe.data.validation_split
    if split is None:
        return recipe
    sources = recipe.data.train
    found = [_low_places(source, split.share, progress) for source in sources]
    thresholds = [min(split.share, split.most / each.lines) for each in found]
    highest = max(thresholds)
    held = [int((each.low < limit).sum()) for each, limit in zip(found, thresholds, strict=True)]
    learned = [each.lines - int((each.low < highest).sum()) for each in found]
    for source, left in zip(sources, learned, strict=True):
        if not left:
            raise UserError(
                f"{' and '.join(source.locations)}: nothing is left to learn from once validation text is split off; "
                "give `validation`, or more text."
            )
    lines = sum(each.lines for each in found)
    if not any(held):
        raise UserError(
            f"{lines:,} lines are too few to split {split.share:.1%} off for validation; give "
            "`validation`, or raise data.validation_split.share."
        )
    unused = lines - sum(held) - sum(learned)
    say(
        f"validation: {sum(held):,} of {lines:,} lines split off by a hash of the text "
        f"({split.share:.1%} of a corpus, about {split.most:,} at most); {sum(learned):,} to learn from"
        + (f", {unused:,} used for neither" if unused else "")
    )
    train = tuple(source.model_copy(update={"hash_part": (highest, 1.0)}) for source in sources)
    validation = tuple(
        source.model_copy(update={"hash_part": (0.0, limit)})
        for source, limit, count in zip(sources, thresholds, held, strict=True)
        if count
    )
    data = recipe.data.model_copy(update={"train": train, "validation": validation, "validation_split": None})
    return recipe.model_copy(update={"data": data})


@dataclass(frozen=True)
class _Low:
    """Of a corpus the lines that are not blank, and where the hashes of those lie that may be held out.

    Shape:
        low: (lines below the share,) float64
    """

    lines: int
    low: NDArray[np.float64]


def _low_places(source: Source, share: float, progress: Progress | None) -> _Low:
    """No threshold is above the share, so a line whose hash is not below it is learned from whatever the others say."""
    if source.hash_part is not None:
        raise UserError(
            f"{' and '.join(source.locations)} has a hash_part of its own, so validation_split cannot split it; "
            "keep one of the two."
        )
    low = array("d")
    blank = number = 0
    tell = None if progress is None else partial(progress, f"hashing {source.name}")
    for number, row in enumerate(rows(source), start=1):
        if tell is not None and number % _CHUNK == 1:
            tell(number - 1, None)
        if all(text.strip() for text in row):
            place = place_of(row[-1])
            if place < share:
                low.append(place)
        else:
            blank += 1
    if number == blank:
        raise nothing_left(source, number)
    return _Low(number - blank, np.asarray(low, dtype=np.float64))

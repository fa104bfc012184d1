"""Validation text split off the training corpora by a hash of the text, the same in every process and on resuming.

A line is held out if the hash of its text, of a pair its target, lies below the corpus' threshold, which is `share` or,
in a large corpus, what leaves about `most` lines. Training begins at the highest threshold of all corpora, so a target
sentence that is validated in one of them is learned from in none, whatever their languages and order. (What lies
between its corpus' threshold and the highest is used for neither.)
"""

from __future__ import annotations

from collections.abc import Callable

from anyglot.data.corpus import Source, nothing_left, place_of, rows
from anyglot.errors import UserError
from anyglot.recipe.schema import Recipe


def split_off(recipe: Recipe, say: Callable[[str], None]) -> Recipe:
    """The recipe with corpora in place of `data.validation_split`; one without it as it is.

    Raises:
        UserError: A fault of the corpora (see `corpus`), or nothing to validate on or to learn from is left.
    """
    split = recipe.data.validation_split
    if split is None:
        return recipe
    sources = recipe.data.train
    places = [_places(source) for source in sources]
    thresholds = [min(split.share, split.most / len(each)) for each in places]
    highest = max(thresholds)
    held = [sum(place < limit for place in each) for each, limit in zip(places, thresholds, strict=True)]
    learned = [sum(place >= highest for place in each) for each in places]
    for source, left in zip(sources, learned, strict=True):
        if not left:
            raise UserError(
                f"{' and '.join(source.locations)}: nothing is left to learn from once validation text is split off; "
                "give --validation, or more text."
            )
    if not any(held):
        raise UserError(
            f"{sum(map(len, places)):,} lines are too few to split {split.share:.1%} off for validation; give "
            "--validation, or raise data.validation_split.share."
        )
    unused = sum(map(len, places)) - sum(held) - sum(learned)
    say(
        f"validation: {sum(held):,} of {sum(map(len, places)):,} lines split off by a hash of the text "
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


def _places(source: Source) -> list[float]:
    """Where the hash of every line that is not blank lies."""
    if source.hash_part is not None:
        raise UserError(
            f"{' and '.join(source.locations)} has a hash_part of its own, so validation_split cannot split it; "
            "keep one of the two."
        )
    lines = 0
    places = []
    for row in rows(source):
        lines += 1
        if all(text.strip() for text in row):
            places.append(place_of(row[-1]))
    if not places:
        raise nothing_left(source, lines)
    return places

"""The tokens a recipe lets its model write, chosen from the training data or as the recipe says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray

from anyglot.data.corpus import ParallelSource
from anyglot.data.store import TokenisedSide, tokenise
from anyglot.errors import UserError
from anyglot.models.store import kept_rows
from anyglot.text.protocols import TextTokenizer
from anyglot.text.readers import read_lines
from anyglot.text.vocabulary import Vocabulary, choose_by_counts, choose_by_scripts, count_tokens
from anyglot.training.loop.plan import OutputRows
from anyglot.training.recipe.schema import Recipe, TargetVocabulary

_OF_RECIPE = "raise its coverage, or set vocabulary.target.outside=unknown to learn <unk> in such places."
_OF_START = "set vocabulary.target='{}' to keep the tokens of this data, or vocabulary.target='{outside: unknown}' too."


def output_rows(recipe: Recipe, tokenizer: TextTokenizer, say: Callable[[str], None]) -> OutputRows | None:
    """The rows of the recipe's output, checked against every target of its data; None for the full table.

    A start that writes some tokens only goes on writing those, unless the recipe chooses others.

    Raises:
        UserError: A target is not kept and the recipe does not say that it may become <unk>: names token and sentence.
    """
    options = recipe.vocabulary.target
    if options is None:
        _check_start(recipe, tokenizer)
        return None
    vocabulary = _chosen(recipe, options, tokenizer)
    tokens = lost = 0
    for source, side in _targets(recipe, tokenizer, validation=True):
        missing = ~vocabulary.holds(side.tokens)
        tokens, lost = tokens + len(missing), lost + int(missing.sum())
        if missing.any() and options.outside == "refuse":
            raise _outside(source, side, int(np.argmax(missing)), tokenizer)
    share = f", {lost:,} of {tokens:,} target tokens ({lost / max(tokens, 1):.3%}) are learned as <unk>" if lost else ""
    say(f"output vocabulary: {len(vocabulary):,} of {vocabulary.full_size:,} rows{share}")
    unknown = tokenizer.unknown_id if options.outside == "unknown" else None
    return OutputRows(torch.from_numpy(vocabulary.ids.copy()), unknown, vocabulary.fingerprint)


def _check_start(recipe: Recipe, tokenizer: TextTokenizer) -> None:
    """A recipe that names no vocabulary keeps its start's: no target may lie outside it."""
    is_translation = recipe.kind == "translation"
    kept = kept_rows(recipe.start) if recipe.start is not None and is_translation else None
    if kept is None:
        return
    holds = np.zeros(tokenizer.vocabulary_size, dtype=np.bool_)
    holds[kept[kept < len(holds)].numpy()] = True
    for source, side in _targets(recipe, tokenizer, validation=True):
        missing = ~holds[side.tokens]
        if missing.any():
            where = f"the start {recipe.start}, which writes {len(kept):,} tokens,"
            raise _outside(source, side, int(np.argmax(missing)), tokenizer, where, _OF_START)


def _chosen(recipe: Recipe, options: TargetVocabulary, tokenizer: TextTokenizer) -> Vocabulary:
    if options.file is not None:
        return Vocabulary.load(options.file, tokenizer)
    if options.scripts is not None:
        return choose_by_scripts(options.scripts, tokenizer)
    if options.files is not None:
        counts = count_tokens(chain.from_iterable(map(read_lines, options.files)), tokenizer.encode_target, tokenizer)
    else:
        counts = np.zeros(tokenizer.vocabulary_size, dtype=np.int64)
        # What is refused must be kept: validation text has words that training text has not.
        for _, side in _targets(recipe, tokenizer, validation=options.outside == "refuse"):
            counts += _counts(side, tokenizer)
    return choose_by_counts(counts, tokenizer, share=options.coverage, minimum=options.minimum_count)


def _targets(
    recipe: Recipe, tokenizer: TextTokenizer, *, validation: bool
) -> Iterator[tuple[ParallelSource, TokenisedSide]]:
    """The target side of every pair of languages, from the cache the loader uses."""
    for source in (*recipe.data.train, *(recipe.data.validation if validation else ())):
        assert isinstance(source, ParallelSource)  # a recipe with a restricted output learns from pairs
        yield source, tokenise(source, tokenizer, recipe.data.cache).sides[1]


def _counts(side: TokenisedSide, tokenizer: TextTokenizer) -> NDArray[np.int64]:
    return np.bincount(side.tokens, minlength=tokenizer.vocabulary_size)


def _outside(
    source: ParallelSource,
    side: TokenisedSide,
    place: int,
    tokenizer: TextTokenizer,
    keeper: str = "vocabulary.target",
    cure: str = _OF_RECIPE,
) -> UserError:
    row = int(np.searchsorted(side.offsets, place, side="right")) - 1
    [piece] = tokenizer.pieces([int(side.tokens[place])])
    [sentence] = tokenizer.decode([side[row].tolist()])
    return UserError(
        f"{source.locations[-1]}: the sentence '{sentence[:80]}' holds '{piece}', which {keeper} does not keep; {cure}"
    )

"""mBART's noise: sentences out of order, and spans of words behind one mask each (Liu et al., 2020, section 2.2).

| mBART                                           | here                    |
|-------------------------------------------------|-------------------------|
| "permute the order of sentences"                | `permute_sentences`     |
| "remove spans of text", 35 % of the words       | `words`                 |
| span lengths from a Poisson distribution of 3.5 | `span`                  |
| "replace them with a mask token"                | one mask a span, however long |
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from anyglot.errors import UserError
from anyglot.text.protocols import TextTokenizer
from anyglot.text.scripts import script_of

Tokens = NDArray[np.integer]
# Written without spaces between words: there a piece counts as a word.
_WITHOUT_SPACES = {"Han", "Hiragana", "Katakana", "Bopomofo", "Thai", "Lao", "Khmer", "Myanmar", "Tibetan", "Yi"}
_WORD_MARKS = ("▁", "Ġ")
_INSIDE_WORD = "##"


class InfillingOptions(BaseModel):
    """How much a text is damaged. Defaults: mBART's.

    Args:
        words: Share of the words hidden.
        span: Mean length of the hidden spans, in words; lengths follow a Poisson distribution.
        permute_sentences: Whether the sentences of a row are put in a random order.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    words: float = Field(0.35, ge=0, le=1)
    span: float = Field(3.5, ge=0.5, le=100)
    permute_sentences: bool = True


class Infilling:
    """Damages rows of sentences. What comes out is never longer than what goes in.

    A span of length 0 puts a mask between two words, as in BART, as long as the others have made room for it. The
    end of a sentence inside a row counts as a word, as in the released code, so a span may hide it.

    Args:
        mask_id: The mask token.
        end_id: What stands between two sentences of a row.
        starts: Whether a token begins a word.

    Shape:
        starts: (V,) bool
    """

    def __init__(self, options: InfillingOptions, mask_id: int, end_id: int, starts: NDArray[np.bool_]) -> None:
        self.options, self.mask_id, self.end_id = options, mask_id, end_id
        self._starts = starts.copy()
        self._starts[end_id] = True

    def __call__(self, sentences: Sequence[Tokens], generator: np.random.Generator) -> NDArray[np.int64]:
        """The damaged row: sentences with `end_id` between them, none at the end."""
        if self.options.permute_sentences:
            sentences = [sentences[place] for place in generator.permutation(len(sentences))]
        tokens, starts = self._joined(sentences)
        bounds = np.append(np.flatnonzero(starts), len(tokens))
        spans = _spans(len(bounds) - 1, self.options.words, self.options.span, generator)
        parts: list[NDArray[np.int64]] = []
        done = 0
        for first, length in spans:
            parts += [tokens[done : bounds[first]], np.array([self.mask_id])]
            done = int(bounds[first + length])
        return np.concatenate([*parts, tokens[done:]])

    def _joined(self, sentences: Sequence[Tokens]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The row in one piece, and where its words begin: every sentence begins one, and so does an end."""
        tokens = joined(sentences, self.end_id)
        starts = self._starts[tokens]
        starts[0] = True
        starts[np.cumsum([len(sentence) + 1 for sentence in sentences])[:-1]] = True
        return tokens, starts


def joined(sentences: Sequence[Tokens], end_id: int) -> NDArray[np.int64]:
    """`a </s> b </s> c`."""
    parts: list[Tokens] = []
    for sentence in sentences:
        parts += [sentence, np.array([end_id])]
    return np.concatenate(parts[:-1]).astype(np.int64)


def _spans(words: int, share: float, mean: float, generator: np.random.Generator) -> list[tuple[int, int]]:
    """First word and length of each hidden span, in order, none over another: together `share` of the words.

    Where the share is no whole number of words, chance decides between the two next to it. All ways to lay the spans
    among the words that stay are equally likely; as none lies over the row's ends, words there are hidden less often.
    """
    hidden = min(words, int(share * words + generator.random()))
    lengths: list[int] = []
    empty = left = 0
    while (left := hidden - sum(lengths)) > 0:
        length = min(int(generator.poisson(mean)), left)
        if length:
            lengths.append(length)
        else:
            empty += 1
    lengths += [0] * min(empty, hidden - len(lengths))
    order = generator.permutation(len(lengths))
    sizes = [lengths[place] for place in order]
    slots = np.sort(generator.choice(words - hidden + len(sizes), size=len(sizes), replace=False))
    before = np.cumsum([0, *sizes])
    return [(int(slot) - number + int(before[number]), sizes[number]) for number, slot in enumerate(slots)]


def word_starts(tokenizer: TextTokenizer) -> NDArray[np.bool_]:
    """Whether each token begins a word: by its mark, as a piece of a script without spaces, or as one added: (V,)."""
    pieces = tokenizer.pieces(range(tokenizer.vocabulary_size))
    if any(piece.startswith(_INSIDE_WORD) for piece in pieces):
        starts = np.array([not piece.startswith(_INSIDE_WORD) for piece in pieces])
    else:
        starts = np.array(
            [piece.startswith(_WORD_MARKS) or script_of(piece[:1]) in _WITHOUT_SPACES for piece in pieces]
        )
    starts[list(tokenizer.added_ids)] = True
    return starts


def infilling_of(options: InfillingOptions, tokenizer: TextTokenizer) -> Infilling:
    """The noise for a tokenizer.

    Raises:
        UserError: It has no mask token.
    """
    if tokenizer.mask_id is None:
        raise UserError("This tokenizer has no mask token, so text cannot be hidden from a model; use XLM-R's.")
    return Infilling(options, tokenizer.mask_id, tokenizer.end_id, word_starts(tokenizer))

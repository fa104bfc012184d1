"""Where in a text its tokens stand, in characters (code points) of the text as it was before any normalization.

Offsets are half-open, (start, end). Starts and ends never decrease from token to token and lie in the text. A token
that stands for no character (a bare word boundary in front of the first word) has start = end. Tokens that share a
character, as the pieces of a ligature do, all have that character's offsets. White space in front of a word may belong
to the word's first token, or to none.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np

from anyglot.errors import UserError

BOUNDARY = "▁"
Offsets = list[tuple[int, int]]

# How far behind an unknown piece the next known one is looked for, in characters.
_REACH = 64
# Ornaments of pieces: WordPiece's continuation, the ends of BPE's pieces.
_PREFIX, _SUFFIXES = "##", ("</w>", "@@")


def widened(pieces: Sequence[str], offsets: Sequence[tuple[int, int]]) -> Offsets:
    """SentencePiece's offsets, of which all but the last piece of one normalized character have no width, with it.

    A ligature that normalization takes apart has its width on its last letter: "ﬁ" is f (0, 0) and i (0, 1).

    Args:
        pieces: The token strings, as many as offsets.
    """
    wide = list(offsets)
    following = -1, -1
    for index in range(len(wide) - 1, -1, -1):
        start, end = wide[index]
        bare = index == 0 and pieces[index] == BOUNDARY
        if start == end and following[0] == start and not bare:
            end = following[1]
        following = wide[index] = start, end
    return wide


def within(offsets: Sequence[tuple[int, int]], length: int) -> Offsets:
    """Offsets made what the module promises, whatever a library gave.

    Args:
        length: Of the text, in characters.
    """
    if not offsets:
        return []
    table = np.asarray(offsets, dtype=np.int64).clip(0, length)
    table[:, 1] = np.maximum(table[:, 0], table[:, 1])
    table = np.maximum.accumulate(table, axis=0)
    return list(zip(table[:, 0].tolist(), table[:, 1].tolist(), strict=True))


def with_marks(text: str, offsets: Offsets) -> Offsets:
    """Offsets in whose tokens letters have the combining marks behind them that a tokenizer has dropped.

    BERT's uncased tokenizers drop accents, and with them the vowel signs that end words of Thai and Hindi.

    Args:
        offsets: As the module promises them.
    """
    if text.isascii():
        return offsets
    wide = list(offsets)
    limit = len(text)
    for index in range(len(wide) - 1, -1, -1):
        start, end = wide[index]
        while start < end < limit and unicodedata.category(text[end])[0] == "M":
            end += 1
        wide[index] = start, end
        limit = start
    return wide


def aligned(text: str, pieces: Sequence[str | None]) -> tuple[Offsets, int, int]:
    """Offsets of pieces that are looked for in the text one behind the other.

    Letters are compared without case and compatibility forms (NFKD), white space and format characters not at all. A
    piece that is not found has what lies between its neighbours.

    Args:
        pieces: Token strings; None for an unknown one.

    Returns:
        The offsets; how many known pieces have characters to be found; how many of them were not found.
    """
    letters, places = _folded(text)
    spans: list[tuple[int, int] | None] = []
    position, known, lost, gap = 0, 0, 0, False
    for piece in pieces:
        content = None if piece is None else _folded(_without_ornaments(piece))[0]
        if content == "":
            spans.append(None)
            continue
        known += content is not None
        reach = position + len(content or "") + (_REACH if gap else 0)
        found = -1 if content is None else letters.find(content, position, reach)
        if content is None or found < 0:
            lost += content is not None
            gap = True
            spans.append(None)
            continue
        position, gap = found + len(content), False
        spans.append((places[found], places[position - 1] + 1))
    return _filled(spans, [piece is None or piece.strip(BOUNDARY) != "" for piece in pieces], len(text)), known, lost


def check_found(known: int, lost: int) -> None:
    """Refuse offsets of which most are guesses.

    Raises:
        UserError: More than half of the known pieces were not found.
    """
    if 2 * lost > known:
        raise UserError(
            f"this tokenizer's tokens cannot be found in the text ({lost:,} of {known:,} are spelt otherwise), so "
            "answers cannot be cut out of it; use a model whose tokenizer transformers has in its fast form."
        )


def _folded(text: str) -> tuple[str, list[int]]:
    """The letters that are compared, and the index in the text of each."""
    letters: list[str] = []
    places: list[int] = []
    for index, character in enumerate(text):
        simple = character.casefold() if character.isascii() else unicodedata.normalize("NFKD", character).casefold()
        for letter in simple:
            # SentencePiece reads its own mark for a space as a space where a text spells it.
            if letter != BOUNDARY and not letter.isspace() and unicodedata.category(letter) not in ("Cf", "Cc"):
                letters.append(letter)
                places.append(index)
    return "".join(letters), places


def _without_ornaments(piece: str) -> str:
    bare = piece.strip(BOUNDARY)
    bare = bare.removeprefix(_PREFIX) if len(bare) > len(_PREFIX) else bare
    for suffix in _SUFFIXES:
        bare = bare.removesuffix(suffix) if len(bare) > len(suffix) else bare
    return bare


def _filled(spans: Sequence[tuple[int, int] | None], wide: Sequence[bool], length: int) -> Offsets:
    """What was not found lies between its neighbours; a bare boundary is a point."""
    nexts: list[int] = []
    following = length
    for span in reversed(spans):
        following = following if span is None else span[0]
        nexts.append(following)
    nexts.reverse()
    filled: Offsets = []
    last = 0
    for span, upper, has_width in zip(spans, nexts, wide, strict=True):
        filled.append(span if span is not None else (last, upper if has_width else last))
        last = last if span is None else span[1]
    return within(filled, length)

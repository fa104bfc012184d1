"""The embedded phrasebook as a source of text: `phrasebook:sentences=20000&split=train&level=beginner&seed=1`.

A monolingual source draws sentences of its own for every language; a pair is two languages of the parallel rows, from
row `offset` on. The sentences are those of `anyglot.phrasebook.Phrasebook`, which knows no files.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from anyglot.errors import UserError

if TYPE_CHECKING:
    from anyglot.phrasebook.corpus import Phrasebook

PREFIX = "phrasebook:"
_NUMBERS, _DIGITS = ("sentences", "seed", "offset"), 9
Texts = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Passage:
    """Which sentences of the phrasebook are meant.

    Args:
        sentences: How many; a held-out split may run out before.
        split: train, validation or test: no meaning is in two of them.
        level: full or beginner.
        seed: Another seed, other sentences.
        offset: Sentences of the same draw that are passed over, so that two sources need not share any.
    """

    sentences: int
    split: str = "train"
    level: str = "full"
    seed: int = 0
    offset: int = 0


def parse_address(address: str) -> Passage:
    """What an address asks for; `sentences` must be said.

    Raises:
        UserError: An option, split or level that there is not, a number that is none, or no number of sentences.
    """
    from anyglot.phrasebook.levels import level_named
    from anyglot.phrasebook.sampler import SPLIT_SHARES

    query = address.removeprefix(PREFIX)
    options = dict(parse_qsl(query, keep_blank_values=True))
    known = [field.name for field in fields(Passage)]
    unknown = [option for option in options if option not in known]
    if unknown or len(options) != len(query.split("&") if query else []):
        raise UserError(
            f"{address!r} is not understood; write {PREFIX}sentences=20000, with {', '.join(known[1:])} where wanted."
        )
    if "sentences" not in options:
        raise UserError(f"{address!r} does not say how much text; add sentences=20000.")
    numbers = {name: _number(address, name, options[name]) for name in _NUMBERS if name in options}
    passage = Passage(**{**options, **numbers})  # type: ignore[arg-type]
    if passage.sentences < 1:
        raise UserError(f"{address!r}: sentences={passage.sentences} is no text; ask for 1 or more.")
    if passage.split not in SPLIT_SHARES:
        raise UserError(f"{address!r}: unknown split {passage.split!r}; the phrasebook has {', '.join(SPLIT_SHARES)}.")
    level_named(passage.level)
    return passage


def check_speaks(*languages: str) -> None:
    """Raise a UserError if the phrasebook does not have these languages, or is given one twice."""
    from anyglot.phrasebook.languages import check_languages

    check_languages(languages)


def read_phrasebook(address: str, *languages: str) -> Texts:
    """The sentences of one language, as rows of one side; or of a pair, as rows of two that say the same.

    Generated once in a process: a run reads its text for its hash, its tokenizer and its tokens.

    Raises:
        UserError: See `parse_address` and `check_speaks`.
    """
    return _generated(parse_address(address), languages)


@lru_cache(maxsize=256)
def _generated(passage: Passage, languages: tuple[str, ...]) -> Texts:
    from anyglot.phrasebook.corpus import Phrasebook

    book = Phrasebook(languages, passage.seed, passage.level)
    return tuple((_monolingual if len(languages) == 1 else _parallel)(book, passage))


def _monolingual(book: Phrasebook, passage: Passage) -> list[tuple[str, ...]]:
    [language] = book.languages
    sentences = book.sentences(passage.split, passage.sentences, language, offset=passage.offset)
    return [(sentence.text,) for sentence in sentences]


def _parallel(book: Phrasebook, passage: Passage) -> list[tuple[str, ...]]:
    rows = book.parallel(passage.split, passage.sentences, offset=passage.offset)
    return [tuple(row[language].text for language in book.languages) for row in rows]


def _number(address: str, name: str, text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > _DIGITS:
        raise UserError(f"{address!r}: {name}={text[:40]!r} is no whole number from 0 to {10**_DIGITS - 1:,}.")
    return int(text)

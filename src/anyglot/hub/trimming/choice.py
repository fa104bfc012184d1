"""Which tokens are kept, as a user says it: by texts, by scripts, by languages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from anyglot.errors import UserError
from anyglot.text.protocols import TextTokenizer
from anyglot.text.readers import read_lines
from anyglot.text.scripts import scripts_of, scripts_of_languages
from anyglot.text.vocabulary import (
    Vocabulary,
    choose_by_counts,
    choose_by_scripts,
    count_tokens,
    single_characters,
    with_specials,
    written_scripts,
)


@dataclass(frozen=True)
class VocabularySpecification:
    """What a vocabulary is chosen by: texts, or whole scripts.

    Attributes:
        texts: Files of plain text, a sentence a line. With them the tokens that occur are kept, and the single
            characters of the scripts; without them all tokens of the scripts.
        scripts: Names or ISO 15924 codes. None given: those the texts are written in.
        languages: Their scripts are added.
        coverage: Share of the texts' tokens that the kept ones make up.
        minimum: Tokens that occur less often are left out.
    """

    texts: tuple[Path, ...] = ()
    scripts: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    coverage: float = 1.0
    minimum: int = 1

    def __post_init__(self) -> None:
        if not (self.texts or self.scripts or self.languages):
            raise UserError("nothing says which tokens to keep: give `texts`, `scripts` or `languages`.")
        if not self.texts and (self.coverage < 1 or self.minimum > 1):
            raise UserError("`coverage` and `minimum` count tokens of a text: give `texts`, or leave them out.")

    def lines(self) -> Iterator[str]:
        """Every line of the texts."""
        return chain.from_iterable(map(read_lines, self.texts))


@dataclass(frozen=True)
class Choice:
    """The kept tokens and the scripts that can be spelt with them."""

    vocabulary: Vocabulary
    scripts: tuple[str, ...]


def choose(wish: VocabularySpecification, tokenizer: TextTokenizer, *, written: bool = False) -> Choice:
    """The tokens a wish keeps. Single characters of its scripts are always kept, so that no word of them gets lost.

    Args:
        written: The texts are what a decoder writes, not what an encoder reads.

    Raises:
        UserError: A text cannot be read or is blank; a script or language is not known.
    """
    scripts = scripts_of(wish.scripts) | scripts_of_languages(wish.languages)
    if not wish.texts:
        return Choice(choose_by_scripts(sorted(scripts), tokenizer), tuple(sorted(scripts)))
    counts = count_tokens(wish.lines(), tokenizer.encode_target if written else tokenizer.encode, tokenizer)
    chosen = choose_by_counts(counts, tokenizer, share=wish.coverage, minimum=wish.minimum)
    scripts = scripts or frozenset(written_scripts(counts, tokenizer))
    ids = np.concatenate([chosen.ids, single_characters(sorted(scripts), tokenizer)])
    return Choice(with_specials(ids, tokenizer), tuple(sorted(scripts)))

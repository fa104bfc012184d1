"""The language tokens of other people's checkpoints: which there are, and where they stand.

    tokenizer          encoder reads        decoder starts with    its codes
    MBart50Tokenizer   [source] x </s>      start [target]         de_DE
    M2M100Tokenizer    [source] x </s>      start [target]         de
    NllbTokenizer      [source] x </s>      start [target]         deu_Latn
    MBartTokenizer     x </s> [source]      [target]               de_DE
    MarianTokenizer    >>target<< x </s>    start                  de, deu, deu_Latn

`start` is the checkpoint's decoder_start_token_id. An NLLB tokenizer in its legacy mode frames the source as mBART's
does. A Marian model of one pair has no language tokens; its tokenizer's config names the pair.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from typing import Literal

from anyglot.errors import UserError
from anyglot.runtime.arguments import text
from anyglot.text.language_table import WIDER
from anyglot.text.languages import known_languages, language

# Tokens that say something else than they are: NLLB's Santali is written in Ol Chiki, as FLORES-200's is.
_MISNAMED = {"sat_Beng": "sat_Olck"}
_BARE = re.compile(r"[A-Za-z]{2,3}([_-]XX)?", flags=re.IGNORECASE)


@dataclass(frozen=True)
class Scheme:
    """Where a checkpoint wants its language tokens.

    Args:
        source: The source language's stands in front of the text, behind its end token, or nowhere.
        target: The target language's is the decoder's second input, its first (no start token), or stands in front of
            the source text.
    """

    source: Literal["front", "behind", "nowhere"]
    target: Literal["second", "first", "source"]


SCHEMES: dict[str, Scheme] = {
    "MBart50Tokenizer": Scheme("front", "second"),
    "M2M100Tokenizer": Scheme("front", "second"),
    "NllbTokenizer": Scheme("front", "second"),
    "MBartTokenizer": Scheme("behind", "first"),
    "MarianTokenizer": Scheme("nowhere", "source"),
}


@dataclass(frozen=True)
class LanguageTokens:
    """The language tokens of a tokenizer.

    Attributes:
        ids: Token ids by spelling, ornaments stripped: `de_DE`, `de`, `deu_Latn`, `fra`.
        scheme: Where they stand.
        pair: Spellings of the one source and the one target language of a model that is told neither (Marian's); ""
            where it is a group of languages, or not said.
    """

    ids: Mapping[str, int]
    scheme: Scheme
    pair: tuple[str, str] = field(default=("", ""))

    def spelling(self, code: str) -> str | None:
        """How the tokenizer spells a language given in any scheme; None if it has no token for it.

        The tokenizer's own spelling comes first, so that `pt_BR` stays what it is where it tells it from `pt`. Among
        several tokens of one language the shortest is it. A language named without a script is found in whatever
        script it has a token for, if that is one; a wider language's token stands in for some (`fa` for Dari).

        Raises:
            UserError: No language is known under this code.
        """
        exact = self._by_spelling.get(_folded(code))
        if exact is not None:
            return exact
        wanted = language(code).code
        if wanted not in self._by_language and _BARE.fullmatch(code.strip()):
            scripts = [known for known in self._by_language if known.partition("-")[0] == wanted.partition("-")[0]]
            wanted = scripts[0] if len(scripts) == 1 else wanted
        return self._by_language.get(wanted, self._by_language.get(WIDER.get(wanted, "")))

    def near(self, code: str, count: int = 5) -> list[str]:
        """Spellings that resemble a code, its language's other codes or its name; some of all if none does."""
        names = {_folded(spelling): spelling for spelling in self.ids}
        for spelling in self.ids:
            if (known := _language_of(spelling)) is not None:
                names.setdefault(language(known).name.lower(), spelling)
                names.setdefault(known.lower(), spelling)
        wanted = [_folded(code)]
        if (known := _language_of(code)) is not None:
            name = language(known).name.lower().partition(" (")[0]
            wanted = [known.partition("-")[0], name, language(known).iso3, *wanted]
        found = [names[name] for word in wanted for name in get_close_matches(word, names, n=count, cutoff=0.6)]
        return list(dict.fromkeys(found))[:count] or sorted(self.ids)[:count]

    def within(self, rows: int) -> LanguageTokens:
        """Those that a table of so many rows has a row for."""
        return LanguageTokens({name: id for name, id in self.ids.items() if id < rows}, self.scheme, self.pair)

    def source_frame(self, source: str, target: str, end_id: int) -> tuple[list[int], list[int]]:
        """The tokens in front of and behind a source text, languages as the tokenizer spells them."""
        front = [self.ids[source]] if self.scheme.source == "front" else []
        if self.scheme.target == "source" and target in self.ids:
            front = [self.ids[target]]
        behind = [end_id, self.ids[source]] if self.scheme.source == "behind" else [end_id]
        return front, behind

    def start(self, target: str, start_id: int) -> tuple[int, ...]:
        """The decoder's first inputs."""
        if self.scheme.target == "source":
            return (start_id,)
        return (start_id, self.ids[target]) if self.scheme.target == "second" else (self.ids[target],)

    @cached_property
    def _by_spelling(self) -> dict[str, str]:
        return {_folded(spelling): spelling for spelling in reversed(list(self.ids))}

    @cached_property
    def _by_language(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for spelling in sorted(self.ids, key=len):
            if (code := _language_of(spelling)) is not None:
                found.setdefault(code, spelling)
        return found


def single_language(spelling: str | None) -> str:
    """A language's spelling as it is; "" for a group of languages (`mul`, `ROMANCE`, `zle`), or for nothing."""
    if not spelling or _language_of(spelling) not in {known.code for known in known_languages()}:
        return ""
    return spelling


def names_language(spelling: str) -> bool:
    """Whether a token's spelling names a language."""
    return _language_of(spelling) is not None


def _language_of(spelling: str) -> str | None:
    """Canonical code of a token's spelling; None if it names no language we know."""
    try:
        return language(_MISNAMED.get(spelling, spelling)).code
    except UserError:
        return None


def _folded(spelling: str) -> str:
    return text("a language code", spelling).strip().replace("-", "_").lower()

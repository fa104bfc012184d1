"""What every language's grammar provides, and the little that all of them share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from anyglot.phrasebook.lexicon import Entry, Lexicon
from anyglot.phrasebook.meaning import Clause, Meaning

UPOS = frozenset(
    ("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT", "SCONJ", "VERB")
)


class Token(NamedTuple):
    """A word form without spaces and its universal part of speech."""

    text: str
    upos: str


class Grammar(ABC):
    """Turns a meaning into words. A language implements `clause`; the rest has defaults to override."""

    language: ClassVar[str]
    full_stop: ClassVar[str] = "."
    space: ClassVar[str] = " "  # between words; "" for Chinese
    comma_before: ClassVar[frozenset[str]] = frozenset({"but"})  # the connectives with a comma in front
    # category -> the features that each of its entries must have
    required: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon

    @abstractmethod
    def clause(self, clause: Clause) -> list[Token]:
        """The words of a clause, without capital or full stop."""

    def realise(self, meaning: Meaning) -> list[Token]:
        """The tokens of the whole sentence, capital and full stop included."""
        tokens = self.clause(meaning.first)
        if meaning.second is not None and meaning.connective is not None:
            tokens = tokens + self.conjoin(meaning.connective) + self.clause(meaning.second)
        return [*self.capitalised(tokens), Token(self.full_stop, "PUNCT")]

    def conjoin(self, connective: str) -> list[Token]:
        """What stands between two clauses."""
        word = Token(self.lexicon[connective].lemma, "CCONJ")
        return [Token(",", "PUNCT"), word] if connective in self.comma_before else [word]

    def capitalised(self, tokens: list[Token]) -> list[Token]:
        """The tokens with a capital first letter; names keep their own spelling (iPhone)."""
        first = tokens[0]
        if first.upos == "PROPN":
            return tokens
        return [Token(first.text[:1].upper() + first.text[1:], first.upos), *tokens[1:]]

    def join(self, tokens: list[Token]) -> str:
        """The text: no space before punctuation or after an apostrophe."""
        text = ""
        for token in tokens:
            if text and token.upos != "PUNCT" and not text.endswith(("'", "’")):
                text += self.space
            text += token.text
        return text

    def time_tokens(self, clause: Clause) -> list[Token]:
        """The time expression: the lemma with `{year}` filled in, its words tagged by the feature `pos`."""
        if clause.time is None:
            return []
        return phrase(self.lexicon[clause.time], year=str(clause.year or ""))


def phrase(entry: Entry, **values: str) -> list[Token]:
    """The words of a lemma of several words; `pos` tags each ("ADP DET NOUN"), a single tag tags them all."""
    words = entry.lemma.split()
    tags = entry.get("pos", "ADV").split()
    if len(tags) == 1:
        tags *= len(words)
    return [Token(word.format(**values) if values else word, tag) for word, tag in zip(words, tags, strict=True)]


def noun_tag(entry: Entry) -> str:
    """PROPN for proper names and brand names, NOUN for all else."""
    return "PROPN" if entry.proper or "product" in entry.traits else "NOUN"

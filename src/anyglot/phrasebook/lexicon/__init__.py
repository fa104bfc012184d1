"""Lexicons: one tab-separated file per language, one line per concept.

    concept <TAB> lemma <TAB> feature=value; feature=value

Blank lines and lines that start with `#` are skipped. The third column may be missing. What the features mean is
the business of the language's grammar; those it cannot do without it names in `Grammar.required`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from anyglot.phrasebook.catalogue import LEXICON_FOLDER, Catalogue, load_catalogue


@dataclass(frozen=True, slots=True)
class Entry:
    """What a language says for a concept: the lemma and its features.

    `category`, `group` and `traits` are the concept's own (see `catalogue.Concept`), so that a grammar can ask
    `"animate" in entry.traits` without keeping that in every language.
    """

    concept: str
    category: str
    group: str
    traits: frozenset[str]
    lemma: str
    features: Mapping[str, str]

    def __getitem__(self, feature: str) -> str:
        return self.features[feature]

    def get(self, feature: str, default: str = "") -> str:
        """The value of a feature, or the default where the entry is regular."""
        return self.features.get(feature, default)

    @property
    def proper(self) -> bool:
        """Whether this is a proper name (tag PROPN, no article unless the language wants one)."""
        return self.category in ("name", "city", "country", "company")


class Lexicon:
    """The entries of one language."""

    def __init__(self, language: str, entries: Mapping[str, Entry]) -> None:
        self.language = language
        self._entries = dict(entries)

    def __getitem__(self, concept: str) -> Entry:
        return self._entries[concept]

    def __contains__(self, concept: str) -> bool:
        return concept in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def entries(self, category: str | None = None) -> list[Entry]:
        """All entries, or those of a category."""
        return [e for e in self._entries.values() if category is None or e.category == category]


def parse_lexicon(language: str, text: str, catalogue: Catalogue) -> Lexicon:
    """Read a lexicon; a line that cannot be right raises ValueError with its number."""
    entries: dict[str, Entry] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        where = f"lexicon/{language}.tsv line {number}"
        columns = [column.strip() for column in line.split("\t")]
        if len(columns) not in (2, 3) or not columns[1]:
            raise ValueError(f"{where}: expected concept, lemma and features between tabs, found {line!r}")
        name, lemma = columns[:2]
        concept = catalogue.concepts.get(name)
        if concept is None or name in entries:
            raise ValueError(f"{where}: {name!r} is {'unknown' if concept is None else 'given twice'}")
        features: dict[str, str] = {}
        for part in columns[2].split(";") if len(columns) == 3 else ():
            key, equals, value = part.strip().partition("=")
            if part.strip() and not equals:
                raise ValueError(f"{where}: expected feature=value, found {part.strip()!r}")
            if key:
                features[key.strip()] = value.strip()
        entries[name] = Entry(name, concept.category, concept.group, concept.traits, lemma, features)
    return Lexicon(language, entries)


def load_lexicon(language: str, folder: Path = LEXICON_FOLDER) -> Lexicon:
    """The lexicon of a language that has a file here."""
    path = folder / f"{language}.tsv"
    return parse_lexicon(language, path.read_text(encoding="utf-8"), load_catalogue())

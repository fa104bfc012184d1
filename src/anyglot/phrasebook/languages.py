"""Which languages the phrasebook has: those with both a lexicon file and a grammar module."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pathlib import Path

from anyglot.errors import UserError
from anyglot.phrasebook.catalogue import LEXICON_FOLDER
from anyglot.phrasebook.grammar.contract import Grammar
from anyglot.phrasebook.lexicon import load_lexicon

GRAMMAR_FOLDER = Path(__file__).parent / "grammar"


def known_languages() -> list[str]:
    """The codes of all languages, in alphabetical order."""
    lexicons = {path.stem for path in LEXICON_FOLDER.glob("*.tsv")}
    return sorted(path.stem for path in GRAMMAR_FOLDER.glob("*.py") if path.stem in lexicons)


def check_languages(languages: Iterable[str]) -> list[str]:
    """The languages as a list; one that the phrasebook does not have, or has been given twice, is the user's slip."""
    known = known_languages()
    chosen = list(languages)
    unknown = [language for language in chosen if language not in known]
    if unknown:
        raise UserError(f"the phrasebook does not speak {', '.join(unknown)}; it speaks {', '.join(known)}")
    if len(set(chosen)) < len(chosen):
        raise UserError(f"a language is named twice in {', '.join(chosen)}")
    return chosen


@cache
def load_grammar(language: str) -> Grammar:
    """The grammar of a language with its lexicon; the module names its class `GRAMMAR`."""
    check_languages([language])
    module = import_module(f"anyglot.phrasebook.grammar.{language}")
    grammar: Grammar = module.GRAMMAR(load_lexicon(language))
    return grammar

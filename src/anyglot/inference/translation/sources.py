"""Texts in several languages: each group of one language is translated by itself, and put back into its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from anyglot.errors import UserError
from anyglot.inference.generation.autoregressive import Counts, Progress
from anyglot.inference.generation.generate import Generator
from anyglot.inference.generation.pieces import Candidate
from anyglot.inference.generation.settings import SearchSettings
from anyglot.runtime import arguments
from anyglot.text.identification import Identifier
from anyglot.text.translation_templates import Framing

AUTO = "auto"
"""In place of a source language: an identifier tells the language of each text."""


class TranslatesOneSource(Protocol):
    """A Translator, which this module stands below: it translates texts of one language each time."""

    counts: Counts
    identifiers: dict[str, Identifier]

    @property
    def framing(self) -> Framing: ...

    @property
    def searching(self) -> Generator: ...

    @property
    def translate_n_best(self) -> Callable[..., list[list[Candidate]]]: ...


def by_source(
    translator: TranslatesOneSource,
    texts: Sequence[str],
    source: str | Sequence[str],
    target: str | Sequence[str],
    prefixes: Sequence[str] | None,
    settings: SearchSettings,
    draft: Any,
    progress: Progress | None,
) -> list[list[Candidate]]:
    """What `Translator.translate_n_best` does, for one source a text or `AUTO`.

    Args:
        draft: What drafts, or drafts, one a text.

    Raises:
        UserError: Not one source a text, or nothing tells the language.
    """
    sources = (
        identified(translator, texts, target if isinstance(target, str) else next(iter(target), "en"))
        if isinstance(source, str)
        else arguments.one_each("source languages", arguments.texts("source languages", source), texts)
    )
    if AUTO in sources:
        raise UserError("'auto' stands for the languages of all texts: give it alone, or a language for each text.")
    each = {
        "targets": None if isinstance(target, str) else arguments.one_each("target languages", list(target), texts),
        "prefixes": None if prefixes is None else arguments.one_each("prefixes", prefixes, texts),
        "drafts": arguments.one_each("drafts", draft, texts) if isinstance(draft, Sequence) else None,
    }
    found: list[list[Candidate]] = [[] for _ in texts]
    done = 0
    for language in dict.fromkeys(sources):
        places = [place for place, code in enumerate(sources) if code == language]
        own = {name: None if values is None else [values[place] for place in places] for name, values in each.items()}
        told = None if progress is None else _share(progress, done, len(places), len(texts))
        ranked = translator.translate_n_best(
            [texts[place] for place in places],
            source=language,
            target=target if isinstance(target, str) else own["targets"] or [],
            prefixes=own["prefixes"],
            settings=settings,
            draft=draft if own["drafts"] is None else own["drafts"],
            progress=told,
        )
        done += len(places)
        for place, candidates in zip(places, ranked, strict=True):
            found[place] = candidates
    return found


def identified(translator: TranslatesOneSource, texts: Sequence[str], target: str) -> list[str]:
    """The language of each text as far as an identifier can tell, of those the model translates into a target.

    Raises:
        UserError: The identifier is not installed, or knows no language of this model.
    """
    if target not in translator.identifiers:
        identifier = Identifier()
        identifier.narrow(partial(_takes, translator, target))
        translator.identifiers[target] = identifier
    found = [translator.identifiers[target].identify(text) for text in texts]
    translator.counts.identified.update(code for code, text in zip(found, texts, strict=True) if text.strip())
    return found


def _takes(translator: TranslatesOneSource, target: str, source: str) -> bool:
    """Whether a model can be told that a text is in a language."""
    try:
        translator.searching.check_direction(translator.framing.source(source), translator.framing.target(target))
    except UserError:
        return False
    return True


def _share(progress: Progress, done: int, part: int, total: int) -> Progress:
    """The progress of a part of the texts as a share of all."""
    return lambda share, tokens: progress((done + share * part) / total, tokens)

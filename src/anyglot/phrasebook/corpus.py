"""The public face of the phrasebook: sentences in many languages, each with its meaning and its tags.

    book = Phrasebook(["en", "de"], seed=0)
    for row in book.parallel("test", 100):          # the same meaning in every language
        print(row["en"].text, row["de"].text)
    for sentence in book.sentences("train", 100, language="de"):   # other meanings than the other languages see
        print(sentence.text)

Parallel rows come from the stream "<seed> parallel", monolingual text from "<seed> <language>"; within a split the
streams are independent draws from the same distribution, and no stream ever leaves its split.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

from anyglot.errors import UserError
from anyglot.phrasebook.languages import check_languages, known_languages, load_grammar
from anyglot.phrasebook.levels import level_named
from anyglot.phrasebook.meaning import Meaning
from anyglot.phrasebook.sampler import MeaningSampler
from anyglot.runtime.files import whole_folder, write_json, write_text

__all__ = ["Phrasebook", "Sentence", "known_languages", "realise", "write_phrasebook"]

Row = dict[str, "Sentence"]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A meaning in a language: the text, its words and their universal parts of speech."""

    language: str
    text: str
    tokens: tuple[str, ...]
    upos: tuple[str, ...]
    meaning: Meaning


def realise(meaning: Meaning, language: str) -> Sentence:
    """Say a meaning in a language."""
    grammar = load_grammar(language)
    tokens = grammar.realise(meaning)
    return Sentence(
        language,
        grammar.join(tokens),
        tuple(token.text for token in tokens),
        tuple(token.upos for token in tokens),
        meaning,
    )


class Phrasebook:
    """Deterministic sentences: the same languages, seed, split and offset always give the same ones."""

    def __init__(self, languages: Iterable[str], seed: int = 0, level: str = "full") -> None:
        self.languages = check_languages(languages)
        self.seed = seed
        level_named(level)  # an unknown one is refused here, not at the first sentence
        self.level = level

    def meanings(
        self, split: str, count: int, stream: str = "parallel", offset: int = 0, unique: bool | None = None
    ) -> Iterator[Meaning]:
        """Meanings of a stream; `offset` skips the first ones. Held-out splits never repeat one."""
        sampler = MeaningSampler(f"{self.seed} {stream}", self.level)
        return islice(sampler.stream(split, unique), offset, offset + count)

    def parallel(self, split: str, count: int, offset: int = 0, unique: bool | None = None) -> Iterator[Row]:
        """Rows of translations: language -> sentence."""
        for meaning in self.meanings(split, count, offset=offset, unique=unique):
            yield {language: realise(meaning, language) for language in self.languages}

    def sentences(
        self, split: str, count: int, language: str, offset: int = 0, unique: bool | None = None
    ) -> Iterator[Sentence]:
        """Monolingual text: every language draws its own meanings."""
        check_languages([language])
        for meaning in self.meanings(split, count, stream=language, offset=offset, unique=unique):
            yield realise(meaning, language)


def write_phrasebook(
    out_dir: Path | str, languages: Iterable[str], sentences: dict[str, int], seed: int = 0, level: str = "full"
) -> dict[str, object]:
    """Write parallel text to a folder and return its manifest.

    `sentences` is split -> count. Per split there are `<split>.<language>.txt` (line-aligned), `<split>.<language>.pos`
    (token TAB tag, a blank line after each sentence) and `<split>.meanings.jsonl`; `manifest.json` has the seed, the
    counts and the SHA-256 of every file. The folder appears complete or not at all and replaces an earlier one.
    """
    book = Phrasebook(languages, seed, level)
    target = Path(out_dir)
    if target.exists() and not (target / "manifest.json").exists():
        raise UserError(f"{target} exists and is no phrasebook; name a new folder")
    with whole_folder(target, replaces=True) as work:
        written = {split: _write_split(work, book, split, count) for split, count in sentences.items()}
        manifest: dict[str, object] = {
            "seed": seed,
            "level": level,
            "languages": book.languages,
            "sentences": written,
            "sha256": {path.name: _sha256(path) for path in sorted(work.iterdir())},
        }
        write_json(work / "manifest.json", manifest)
        write_text(work / "README.md", _readme(book, written))
    return manifest


def _write_split(folder: Path, book: Phrasebook, split: str, count: int) -> int:
    rows = 0
    with ExitStack() as stack:

        def created(name: str) -> TextIO:
            return stack.enter_context((folder / name).open("w", encoding="utf-8", newline="\n"))

        texts = {language: created(f"{split}.{language}.txt") for language in book.languages}
        tags = {language: created(f"{split}.{language}.pos") for language in book.languages}
        meanings = created(f"{split}.meanings.jsonl")
        for row in book.parallel(split, count):
            rows += 1
            for language, sentence in row.items():
                texts[language].write(sentence.text + "\n")
                pairs = zip(sentence.tokens, sentence.upos, strict=True)
                tags[language].write("".join(f"{token}\t{tag}\n" for token, tag in pairs) + "\n")
            meaning = next(iter(row.values())).meaning
            meanings.write(json.dumps(meaning.to_json(), ensure_ascii=False) + "\n")
    return rows


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _readme(book: Phrasebook, written: dict[str, int]) -> str:
    counts = ", ".join(f"{split} {count}" for split, count in written.items())
    return (
        "# Phrasebook\n\n"
        f"Generated many-way parallel sentences in {', '.join(book.languages)}; "
        f"seed {book.seed}; level {book.level}; {counts}.\n\n"
        "Line i of every `<split>.<language>.txt` says the meaning in line i of `<split>.meanings.jsonl`; the `.pos`\n"
        "files have one token and its universal part of speech per line and a blank line after each sentence.\n"
        "No meaning is in two splits. `manifest.json` has the SHA-256 of every file.\n"
    )

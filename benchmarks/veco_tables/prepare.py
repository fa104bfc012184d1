"""Lay out text, sentence pairs and captions for VECO's tables.

BIBLE/LANG.txt.gz (line i of every file is verse i of vref.txt.gz) and PAIRS/eng-XXX.tsv.gz give the text to pretrain
on; RETRIEVAL/tatoeba.XXX-eng.* is what it is tested on, so pairs with one of its sentences are left out.
CAPTIONS/{train,val,test_2016_flickr}.{en,de}.gz is for fine-tuning to translation.

The text of both conditions, with and without pairs, is the same: what the pairs add is who belongs to whom.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from anyglot.errors import UserError
from anyglot.text.languages import language

PAIRED = ("de", "es", "fr", "zh")  # languages with sentence pairs with English
ALONE = ("sv",)  # text only: what pairs of other languages do for a language without
VALIDATION = 300  # sentence pairs a language whose likelihood is measured
RETRIEVAL_NAMES = {"zh": "cmn"}  # where the test set departs from ISO 639-3
Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Corpora:
    """Folders of what is read."""

    bible: Path
    pairs: Path
    retrieval: Path
    captions: Path


def prepare(corpora: Corpora, out: Path) -> None:
    """Write `text/LANG.txt`, `pairs/{bible,everyday}.LANG-en.*`, `validation/LANG-en.*` and `captions/SPLIT.*`."""
    chapters = _chapters(corpora.bible)
    english = _lines(corpora.bible / "en.txt.gz")
    texts: dict[str, dict[str, None]] = {code: {} for code in ("en", *PAIRED, *ALONE)}
    for code in (*PAIRED, *ALONE):
        kept = _everyday(corpora, code)
        texts[code] |= dict.fromkeys(other for other, _ in kept)
        texts["en"] |= dict.fromkeys(text for _, text in kept)
        if code not in PAIRED:
            continue
        held_out, kept = kept[:VALIDATION], kept[VALIDATION:]
        _write_pairs(out / "validation", code, held_out)
        _write_pairs(out / "pairs", code, kept, "everyday.")
        verses = zip(_lines(corpora.bible / f"{code}.txt.gz"), english, strict=True)
        _write_pairs(out / "pairs", code, [pair for pair in verses if all(pair)], "bible.")
    for code, sentences in texts.items():
        verses = _lines(corpora.bible / f"{code}.txt.gz")
        _write(out / "text" / f"{code}.txt", [*_documents(verses, chapters), "", *sentences])
    for split, name in (("train", "train"), ("val", "validation"), ("test_2016_flickr", "test")):
        for code in ("en", "de"):
            _write(out / "captions" / f"{name}.{code}", _lines(corpora.captions / f"{split}.{code}.gz"))


def _everyday(corpora: Corpora, code: str) -> Pairs:
    """Pairs (other language, English) in an order by hash, without the sentences of the retrieval test."""
    iso3 = language(code).iso3
    name = RETRIEVAL_NAMES.get(code, iso3)
    tested = {_key(line) for side in (name, "eng") for line in _lines(corpora.retrieval / f"tatoeba.{name}-eng.{side}")}
    pairs: dict[tuple[str, str], None] = {}
    for number, line in enumerate(_lines(corpora.pairs / f"eng-{iso3}.tsv.gz"), start=1):
        fields = line.split("\t")
        if len(fields) < 2:
            raise UserError(f"eng-{iso3}.tsv.gz, line {number}: expected English, a tab and the other language.")
        other, text = fields[1].strip(), fields[0].strip()
        if other and text and not {_key(other), _key(text)} & tested:
            pairs[(other, text)] = None
    return sorted(pairs, key=lambda pair: hashlib.sha256("\t".join(pair).encode()).digest())


def _key(text: str) -> str:
    """Letters and digits only: punctuation does not tear apart what belongs together."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _chapters(bible: Path) -> list[str]:
    """Book and chapter of every verse: "Gen 1:3" is of "Gen 1"."""
    return [reference.rpartition(":")[0] for reference in _lines(bible / "vref.txt.gz")]


def _documents(verses: list[str], chapters: list[str]) -> Iterator[str]:
    """Verses that are there, with a blank line between chapters."""
    before = chapters[0]
    for verse, chapter in zip(verses, chapters, strict=True):
        if chapter != before:
            yield ""
        before = chapter
        if verse:
            yield verse


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise UserError(f"{path} is not there; name the folders of the corpora on the command line.")
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    return [line.strip() for line in text.removesuffix("\n").split("\n")]


def _write_pairs(folder: Path, code: str, pairs: Pairs, front: str = "") -> None:
    for side, name in enumerate((code, "en")):
        _write(folder / f"{front}{code}-en.{name}", [pair[side] for pair in pairs])


def _write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    temporary.replace(path)

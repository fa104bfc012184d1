"""Lay out the text and sentence pairs that the encoders of the understanding tables are pretrained on.

    python benchmarks/understanding_tables/prepare.py --bible DIR --pairs DIR --retrieval DIR --out DIR

BIBLE/LANG.txt.gz (line i of every file is verse i of vref.txt.gz) and PAIRS/eng-XXX.tsv.gz (English, tab, the other
language) give the text. RETRIEVAL/tatoeba.XXX-eng.* is a test set of the same pool: pairs with one of its sentences are
left out. No text of an understanding task is read here.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path

from anyglot.text.languages import language

VERSES = ("en", "de", "es", "fr", "ru", "zh", "fi", "el")
"""Languages with a Bible here."""
EVERYDAY = ("de", "es", "fr", "ru", "zh", "fi", "el", "tr", "ar", "hi", "bg")
"""Languages with everyday sentence pairs with English."""
TRANSLATED = ("de", "es", "fi", "hi", "ru", "zh")
"""Languages that SixT+ translates from: the paper's six."""
SIDES = {"zh": "cmn"}
"""Where names of the retrieval test depart from ISO 639-3."""


def prepare(bible: Path, pairs: Path, retrieval: Path, out: Path) -> None:
    """Write `text/LANG.txt` and `pairs/{bible,everyday}.LANG-en.{LANG,en}`."""
    chapters = [reference.rpartition(":")[0] for reference in _lines(bible / "vref.txt.gz")]
    verses = {code: _lines(bible / f"{code}.txt.gz") for code in VERSES}
    texts: dict[str, dict[str, None]] = {code: {} for code in sorted({"en", *VERSES, *EVERYDAY})}
    for code in EVERYDAY:
        kept = _everyday(pairs, retrieval, code)
        texts[code] |= dict.fromkeys(other for other, _ in kept)
        texts["en"] |= dict.fromkeys(text for _, text in kept)
        _write_pairs(out / "pairs", code, kept, "everyday")
        if code in VERSES:
            both = [pair for pair in zip(verses[code], verses["en"], strict=True) if all(pair)]
            _write_pairs(out / "pairs", code, both, "bible")
    for code, sentences in texts.items():
        documents = _documents(verses[code], chapters) if code in VERSES else iter(())
        _write(out / "text" / f"{code}.txt", [*documents, "", *sentences])


def _everyday(pairs: Path, retrieval: Path, code: str) -> list[tuple[str, str]]:
    """Pairs (other language, English) in an order by hash, without the sentences of the retrieval test."""
    iso3 = language(code).iso3
    side = SIDES.get(code, iso3)
    tested: set[str] = set()
    for name in (side, "eng"):
        path = retrieval / f"tatoeba.{side}-eng.{name}"
        tested |= {_key(line) for line in _lines(path)} if path.is_file() else set()
    found: dict[tuple[str, str], None] = {}
    for line in _lines(pairs / f"eng-{iso3}.tsv.gz"):
        text, other = (field.strip() for field in line.split("\t")[:2])
        if text and other and not {_key(text), _key(other)} & tested:
            found[(other, text)] = None
    return sorted(found, key=lambda pair: hashlib.sha256("\t".join(pair).encode()).digest())


def _key(text: str) -> str:
    """Letters and digits only: punctuation does not tear apart what belongs together."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


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
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    return [line.strip() for line in text.removesuffix("\n").split("\n")]


def _write_pairs(folder: Path, code: str, pairs: list[tuple[str, str]], front: str) -> None:
    for side, name in enumerate((code, "en")):
        _write(folder / f"{front}.{code}-en.{name}", [pair[side] for pair in pairs])


def _write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    temporary.replace(path)


def main() -> None:
    """Read the folders from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("bible", "pairs", "retrieval", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = parser.parse_args()
    prepare(given.bible, given.pairs, given.retrieval, given.out)


if __name__ == "__main__":
    main()

"""Lay out captions and verses for SGA's tables.

CAPTIONS/{train,val,test_2016_flickr}.{en,de,fr,cs}.gz (Multi30k) and BIBLE/LANG.txt.gz (line i of every file is verse i
of vref.txt.gz). Verses are split by chapter, so that no test verse has its neighbours in the training data, and only
those of at most 25 words are taken, as a small encoder gets nothing out of longer ones.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from anyglot.errors import UserError

CAPTIONS = ("de", "fr", "cs")
VERSES = ("de", "es", "fr", "sv")  # with sentence pairs
ALONE = ("da", "eo")  # text only: translated from without ever having been trained on
WORDS = 25
SPLITS = (("train", "train"), ("val", "validation"), ("test_2016_flickr", "test"))


@dataclass(frozen=True)
class Corpora:
    """Folders of what is read."""

    captions: Path
    bible: Path


def prepare(corpora: Corpora, out: Path) -> None:
    """Write `captions/SPLIT.LANG`, `bible/SPLIT.LANG-en.{LANG,en}` and `bible/text.LANG`."""
    for split, name in SPLITS:
        for code in ("en", *CAPTIONS):
            _write(out / "captions" / f"{name}.{code}", _lines(corpora.captions / f"{split}.{code}.gz"))
    splits = [_split(reference) for reference in _lines(corpora.bible / "vref.txt.gz")]
    english = _lines(corpora.bible / "en.txt.gz")
    for code in (*VERSES, *ALONE):
        verses = _lines(corpora.bible / f"{code}.txt.gz")
        for name in ("train", "validation", "test"):
            rows = [
                (verse, text)
                for verse, text, split in zip(verses, english, splits, strict=True)
                if split == name and verse and text and max(len(verse.split()), len(text.split())) <= WORDS
            ]
            rows = rows if name == "train" else rows[:: max(1, len(rows) // 300)][:300]
            if name == "train" and code in ALONE:
                _write(out / "bible" / f"text.{code}", [verse for verse, _ in rows])
                continue
            for side, suffix in enumerate((code, "en")):
                _write(out / "bible" / f"{name}.{code}-en.{suffix}", [row[side] for row in rows])


def _split(reference: str) -> str:
    """Of a verse, by its chapter: "Gen 1:3" is of "Gen 1"."""
    chapter = reference.rpartition(":")[0]
    place = hashlib.sha256(chapter.encode()).digest()[0]
    return "test" if place < 8 else "validation" if place < 16 else "train"


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise UserError(f"{path} is not there; name the folders of the corpora on the command line.")
    return [line.strip() for line in gzip.decompress(path.read_bytes()).decode("utf-8").removesuffix("\n").split("\n")]


def _write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    temporary.replace(path)

"""Cut a verse-aligned Bible corpus into what the benchmark trains and tests on; whole chapters are held out.

The corpus is a folder with one `LANG.txt.gz` a language, line i of each being verse i of `vref.txt.gz`; an empty line
is a missing verse. A chapter belongs to train, validation or test by a hash of its name, in all languages alike, so no
verse of a held-out chapter is seen by tokenizer, pretraining or translation training in any language.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from anyglot.errors import UserError

SPLITS = ("train", "validation", "test")
# Shares of the chapters, in thousandths; 1,189 chapters in all.
VALIDATION_SHARE = 8
TEST_SHARE = 14


@dataclass(frozen=True)
class Languages:
    """Who is who: all are pretrained on, the supervised have parallel text with English, the zero-shot never."""

    supervised: tuple[str, ...]
    zero_shot: tuple[str, ...]
    target: str = "en"

    @property
    def all(self) -> tuple[str, ...]:
        return (self.target, *self.supervised, *self.zero_shot)


def split_of(chapter: str) -> str:
    """The split of a chapter such as "Gen 1"."""
    draw = int.from_bytes(hashlib.sha256(chapter.encode()).digest()[:8], "big") % 1000
    if draw < TEST_SHARE:
        return "test"
    return "validation" if draw < TEST_SHARE + VALIDATION_SHARE else "train"


def read_verses(corpus: Path, name: str) -> list[str]:
    """All lines of one of the corpus' files."""
    path = corpus / f"{name}.txt.gz"
    if not path.is_file():
        raise UserError(f"{path} is not there; name the folder that holds LANG.txt.gz and vref.txt.gz with --data.")
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        return [line.rstrip("\n") for line in stream]


def prepare(corpus: Path, out: Path, languages: Languages) -> None:
    """Write the files of the benchmark into `out`.

    `mono/LANG.txt`: training verses of each language. `train/LANG.LANG`, `train/LANG.en`: training pairs of the
    supervised languages. `validation/...` and `test/...`: pairs of every source language. Only verses that both sides
    have are paired. A file is written under a temporary name and renamed, so an interrupted run starts it anew.
    """
    references = read_verses(corpus, "vref")
    splits = [split_of(reference.rsplit(":", 1)[0]) for reference in references]
    verses = {language: read_verses(corpus, language) for language in languages.all}
    for language, lines in verses.items():
        if len(lines) != len(references):
            raise UserError(
                f"{language}.txt.gz has {len(lines)} lines, vref.txt.gz {len(references)}; they must agree."
            )
        mono = [line for line, split in zip(lines, splits, strict=True) if split == "train" and line]
        _write(out / "mono" / f"{language}.txt", mono)
    english = verses[languages.target]
    for language in (*languages.supervised, *languages.zero_shot):
        for split in SPLITS:
            if split == "train" and language not in languages.supervised:
                continue
            pairs = [
                (line, translation)
                for line, translation, part in zip(verses[language], english, splits, strict=True)
                if part == split and line and translation
            ]
            _write(out / split / f"{language}.{language}", [line for line, _ in pairs])
            _write(out / split / f"{language}.{languages.target}", [translation for _, translation in pairs])


def _write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(path.suffix + ".tmp")
    temporary.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    temporary.replace(path)

"""The text of a study: rows that say the same in every language, split once, listed in data sheets for its recipes.

Denoising and translation read the same rows, so that conditions differ in their objective and not in their text. In a
folder: `train.LANG.txt`, `validation.LANG.txt` and `sample.LANG.txt` (for the analyses; no model trains on it), and
the sheets `text.tsv`, `m2m.tsv`, `m2o.tsv`, `o2m.tsv` with their `validation.*.tsv`. The directions go through one
language, as mBART-50's do (Tang et al., 2020).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from anyglot.data.phrasebook_text import PREFIX, read_phrasebook
from anyglot.errors import UserError
from anyglot.runtime.files import write_text
from anyglot.text.languages import language
from anyglot.text.readers import read_lines

DIRECTIONS = ("m2m", "m2o", "o2m")
_PLACE = "*"
Row = tuple[str, ...]


@dataclass(frozen=True)
class TextSplitSpecification:
    """What a study reads.

    Attributes:
        languages: Canonical codes; the first is the one directions go through.
        source: A path with `*` where codes differ, line i of every file the same sentence; or a phrasebook address.
        validation, sample: Rows of these splits; the rest is for training.
        limit: Most rows for training; None: all.
        seed: Which rows are held out.
    """

    languages: tuple[str, ...]
    source: str
    validation: int = 200
    sample: int = 400
    limit: int | None = None
    seed: int = 1


@dataclass(frozen=True)
class Written:
    """What came of it: rows by split, and rows left out because a language lacks them or English has them twice."""

    rows: Mapping[str, int]
    incomplete: int
    repeated: int


def write_texts(wanted: TextSplitSpecification, folder: Path) -> Written:
    """Write splits and sheets.

    Raises:
        UserError: Fewer than two languages, files of different lengths, or too few rows.
    """
    if len(wanted.languages) < 2:
        raise UserError("a study needs two languages or more; the first is the one translations go through.")
    complete, incomplete = _complete(_rows(wanted))
    rows = list({row[0]: row for row in complete}.values())
    splits = split_rows(rows, {"validation": wanted.validation, "sample": wanted.sample}, wanted.seed)
    if wanted.limit is not None:
        splits["train"] = splits["train"][: wanted.limit]
    for split, members in splits.items():
        for place, code in enumerate(wanted.languages):
            write_text(folder / f"{split}.{code}.txt", "".join(row[place] + "\n" for row in members))
    _write_sheets(wanted.languages, folder)
    written = Written({split: len(members) for split, members in splits.items()}, incomplete, len(complete) - len(rows))
    facts = {
        "languages": wanted.languages,
        "rows": written.rows,
        "incomplete": incomplete,
        "repeated": written.repeated,
    }
    write_text(folder / "text.json", json.dumps(facts, indent=1) + "\n")
    return written


def split_rows(rows: Sequence[Row], sizes: Mapping[str, int], seed: int) -> dict[str, list[Row]]:
    """Hold rows out by a hash of their first text, so that another number of rows moves few of them; order is kept.

    Raises:
        UserError: Nothing would be left to train on.
    """
    held = sum(sizes.values())
    if len(rows) <= held:
        raise UserError(
            f"{len(rows):,} rows are complete in every language, but {held:,} are to be held out; "
            "give more text or hold out less."
        )
    order = sorted(range(len(rows)), key=lambda place: hashlib.sha256(f"{seed} {rows[place][0]}".encode()).digest())
    splits: dict[str, list[Row]] = {}
    begun = 0
    for split, size in sizes.items():
        splits[split] = [rows[place] for place in sorted(order[begun : begun + size])]
        begun += size
    return {"train": [rows[place] for place in sorted(order[begun:])], **splits}


def directions(kind: str, languages: Sequence[str]) -> list[tuple[str, str]]:
    """Source and target of each corpus of m2m, m2o or o2m through the first language."""
    pivot, others = languages[0], languages[1:]
    into = [(other, pivot) for other in others]
    out_of = [(pivot, other) for other in others]
    return {"m2m": into + out_of, "m2o": into, "o2m": out_of}[kind]


def _write_sheets(languages: Sequence[str], folder: Path) -> None:
    for split, front in (("train", ""), ("validation", "validation.")):
        lines = [f"{code}\t{split}.{code}.txt" for code in languages]
        write_text(folder / f"{front}text.tsv", "\n".join(["language\tfile", *lines]) + "\n")
        for kind in DIRECTIONS:
            lines = [f"{a}\t{b}\t{split}.{a}.txt\t{split}.{b}.txt" for a, b in directions(kind, languages)]
            write_text(folder / f"{front}{kind}.tsv", "\n".join(["source\ttarget\tfile\tfile_2", *lines]) + "\n")


def _rows(wanted: TextSplitSpecification) -> Iterator[Row]:
    if wanted.source.startswith(PREFIX):
        yield from read_phrasebook(wanted.source, *wanted.languages)
        return
    if _PLACE not in wanted.source:
        raise UserError(f"{wanted.source} names one file for all languages; write {_PLACE} where their codes differ.")
    paths = [Path(wanted.source.replace(_PLACE, code)) for code in wanted.languages]
    for number, row in enumerate(zip_longest(*map(read_lines, paths)), start=1):
        if None in row:
            short = paths[row.index(None)]
            raise UserError(f"{short} ends before line {number:,}, where others go on; line i must be line i in all.")
        yield tuple(text.strip() for text in row)


def _complete(rows: Iterable[Row]) -> tuple[list[Row], int]:
    complete: list[Row] = []
    incomplete = 0
    for row in rows:
        if all(row):
            complete.append(row)
        else:
            incomplete += 1
    return complete, incomplete


def codes(text: str) -> tuple[str, ...]:
    """Canonical codes of "en, de"."""
    return tuple(language(part.strip()).code for part in text.split(",") if part.strip())

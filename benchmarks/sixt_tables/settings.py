"""The two texts the tables are made on: sentence pairs that people wrote, and the phrasebook's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import prepare

from anyglot.phrasebook.corpus import Phrasebook


@dataclass(frozen=True)
class Setting:
    """Languages and sizes.

    Args:
        name: The folder of its recipes.
        supervised: Source languages with pairs; the first is the "one source".
        zero_shot: Source languages that translation training never sees.
        pairs: Sentence pairs of the two lines with equal data: one language's, or an equal part of each.
        stage_1: Updates of the first stage in its recipe.
        short: Updates of the two stages of the lines with equal data.
        fresh: Whether each seed has a text and an encoder of its own.
    """

    name: str
    supervised: tuple[str, ...]
    zero_shot: tuple[str, ...]
    pairs: int
    stage_1: int
    short: tuple[int, int]
    fresh: bool

    def root(self, out: Path, seed: int) -> Path:
        """Where the data, the encoder and the runs of a seed are."""
        return out / f"text-{seed}" if self.fresh else out


PAIRS = Setting("pairs", prepare.SUPERVISED, prepare.ZERO_SHOT, 7_200, 1200, (700, 600), fresh=False)
PHRASEBOOK = Setting("phrasebook", ("de", "es", "ru"), ("nl", "it", "uk"), 6_000, 400, (400, 400), fresh=True)
MONOLINGUAL, PARALLEL, HELD_OUT = 20_000, 10_000, 300


def write_phrasebook(out: Path, seed: int) -> None:
    """The beginner's level of the phrasebook in the layout of `prepare`."""
    languages = ("en", *PHRASEBOOK.supervised, *PHRASEBOOK.zero_shot)
    book = Phrasebook(languages, seed, "beginner")
    for code in languages:
        _write(out / "mono" / f"{code}.txt", (row.text for row in book.sentences("train", MONOLINGUAL, code)))
    for number, code in enumerate(PHRASEBOOK.supervised):
        pair = Phrasebook((code, "en"), seed, "beginner")
        for split, count in (("train", PARALLEL), ("validation", HELD_OUT)):
            rows = list(pair.parallel(split, count, offset=number * count))
            for side in (code, "en"):
                _write(out / split / f"{code}.{side}", (row[side].text for row in rows))
    tests = list(book.parallel("test", HELD_OUT))
    for code in languages[1:]:
        for side in (code, "en"):
            _write(out / "test" / f"{code}.{side}", (row[side].text for row in tests))


def _write(path: Path, lines: Iterable[str]) -> None:
    prepare.write_lines(path, list(lines))

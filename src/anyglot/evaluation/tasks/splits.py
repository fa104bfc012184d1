"""Which items make the train, dev and test sets where a benchmark's files lack one of them here.

Items are divided by a hash of their number, the same in every language: what is trained on in English is tested in no
language. An item is a row, a paragraph with its questions, a query with its pages; of XNLI the three hypotheses of a
premise, which stand in three rows.

| There is | train | dev | test |
|---|---|---|---|
| train, dev, test | as it is | as it is | as it is |
| train, dev | train without 15 % | these 15 % | dev |
| train, test | train without 15 % (SQuAD: 5) | these | test |
| train only | 60 % | 15 % | 25 % |
| no English train; dev, test | 80 % of dev | 20 % of dev | test |
| no English train; dev or test | 60 % | 15 % | 25 % |
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from anyglot.evaluation.tasks.hub import HubSet
from anyglot.evaluation.tasks.locate import Place
from anyglot.evaluation.tasks.registry import SourceFile
from anyglot.evaluation.tasks.task import Split

Source = SourceFile | HubSet

ENGLISH = "en"
# XNLI has three hypotheses to a premise, in consecutive rows.
_ROWS_TOGETHER = {"xnli": 3}
_HELD_OUT = 15
_HELD_OUT_OF_LARGE = 5
_THREE_WAYS: dict[Split, tuple[int, int]] = {"train": (0, 60), "dev": (60, 75), "test": (75, 100)}
_TWO_WAYS: dict[Split, tuple[int, int]] = {"train": (0, 80), "dev": (80, 100)}


@dataclass(frozen=True)
class Part:
    """A share of the items of a set: those whose hash, in per cent, is from `low` on and below `high`."""

    low: int = 0
    high: int = 100

    @property
    def whole(self) -> bool:
        """Whether it is all of them."""
        return self.low <= 0 and self.high >= 100

    def holds(self, task: str, item: str) -> bool:
        """Whether an item is of this part."""
        return self.whole or self.low <= percent(task, item) < self.high


@dataclass(frozen=True)
class Portion:
    """Files, and the part of their items that makes a set."""

    files: tuple[Source, ...]
    part: Part = Part()


@dataclass(frozen=True)
class Divided:
    """The sets of a task, and what about them a reader of results has to know ("": they are the official ones)."""

    portions: Mapping[Place, Portion]
    note: str = ""


def percent(task: str, item: str) -> int:
    """A number from 0 to 99 for an item, the same on every machine and in every language."""
    return int.from_bytes(hashlib.sha256(f"{task} {item}".encode()).digest()[:8], "big") % 100


def item_name(task: str, file: int, place: int) -> str:
    """What an item is hashed by: its number, after the file's where a language has several."""
    number = place // _ROWS_TOGETHER.get(task, 1)
    return f"{file}.{number}" if file else str(number)


def divide(task: str, files: Mapping[Place, tuple[Source, ...]], *, large: bool = False) -> Divided:
    """Make the sets that are missing out of those there are, by the table above.

    Args:
        large: Whether the training set is so large that 5 % of it are dev set enough (SQuAD).
    """
    splits = {split for split, _ in files}
    codes = {code for _, code in files}
    whole = {place: Portion(sources) for place, sources in files.items()}
    if not files:
        return Divided({})
    if not (("train", ENGLISH) in files if ENGLISH in codes else "train" in splits):
        return _without_train(files, whole, splits)
    if splits == {"train"}:
        note = "only training files are here: their items are divided, 60 % train, 15 % dev, 25 % test"
        return Divided(_split(files, "train", _THREE_WAYS), note)
    notes: list[str] = []
    portions = whole
    if "test" not in splits:
        portions = {_renamed(place): portion for place, portion in whole.items()}
        notes.append("no test files are here: dev is the test set")
    with_dev = {code for split, code in portions if split == "dev"}
    if not with_dev or (ENGLISH in codes and ENGLISH not in with_dev):
        share = _HELD_OUT_OF_LARGE if large else _HELD_OUT
        portions = {**portions, **_held_out(portions, share)}
        notes.append(f"dev is {share} % of the training items, which are not trained on")
    return Divided(portions, "; ".join(notes))


def _without_train(
    files: Mapping[Place, tuple[Source, ...]], whole: dict[Place, Portion], splits: set[Split]
) -> Divided:
    """English has no training files: the dev set is divided, in every language that has none of its own."""
    if "dev" in splits and "test" in splits:
        own = {code for split, code in files if split == "train"}
        shared = {place: sources for place, sources in files.items() if place[1] not in own}
        note = "no English training files are here: dev is divided by item, 80 % train, 20 % dev; test is as it is"
        return Divided(whole | _split(shared, "dev", _TWO_WAYS), note)
    divided: Split = "dev" if "dev" in splits else "test"
    note = f"no English training files are here: {divided} is divided by item, 60 % train, 15 % dev, 25 % test"
    return Divided(whole | _split(files, divided, _THREE_WAYS), note)


def _split(
    files: Mapping[Place, tuple[Source, ...]], split: Split, parts: Mapping[Split, tuple[int, int]]
) -> dict[Place, Portion]:
    """The sets that one split's files are divided into; a language's own training files stay its training set."""
    portions: dict[Place, Portion] = {}
    for (found, code), sources in files.items():
        if found != split:
            continue
        for name, (low, high) in parts.items():
            if name == split or (name, code) not in files:
                portions[name, code] = Portion(sources, Part(low, high))
    return portions


def _renamed(place: Place) -> Place:
    split, code = place
    return ("test" if split == "dev" else split), code


def _held_out(portions: Mapping[Place, Portion], share: int) -> dict[Place, Portion]:
    """Train and dev of each language that has training files but no dev set."""
    held: dict[Place, Portion] = {}
    for (split, code), portion in portions.items():
        if split == "train" and ("dev", code) not in portions:
            held["train", code] = Portion(portion.files, Part(share, 100))
            held["dev", code] = Portion(portion.files, Part(0, share))
    return held

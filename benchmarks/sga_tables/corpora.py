"""What the tables are made on: the phrasebook, captions, verses. All lines of a table have the same data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from prepare import ALONE, CAPTIONS, VERSES

from anyglot.data.corpus import MonolingualSource, ParallelSource
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.paths import RECIPE

SGA = "sga/tiny"
Entry = dict[str, Any]


@dataclass(frozen=True)
class Corpus:
    """Text into English.

    Attributes:
        name: Of the table.
        supervised: Source languages with pairs.
        zero_shot: Source languages that only the encoder has read.
        pairs: The training pairs, as a recipe says them.
        changes: What every line's recipe is given: training pairs, validation pairs and lengths.
        tests: Test set of each language, as `anyglot evaluate translation` reads it.
    """

    name: str
    supervised: tuple[str, ...]
    zero_shot: tuple[str, ...]
    pairs: tuple[Entry, ...]
    changes: tuple[str, ...]
    tests: dict[str, Entry]

    @property
    def directions(self) -> tuple[str, ...]:
        """Those with pairs."""
        return tuple(f"{code}-en" for code in self.supervised)


def written(key: str, value: Any) -> str:
    """`key=value` with the value as YAML on one line."""
    return f"{key}=" + yaml.safe_dump(value, default_flow_style=True, width=1_000_000).removesuffix("...\n").strip()


def encoder_recipe() -> str:
    """The recipe that sga/tiny starts from."""
    start = load_recipe(SGA).start
    assert start is not None
    return start.removeprefix(RECIPE)


def phrasebook(tested: int, most: int | None = None) -> Corpus:
    """The data of sga/tiny; zero-shot are the languages of its encoder without pairs.

    Args:
        tested: Test sentences a language.
        most: Training pairs a language, if fewer than there are.
    """
    data = load_recipe(SGA).data
    pairs = [source for source in data.train if isinstance(source, ParallelSource)]
    supervised = tuple(dict.fromkeys(source.source for source in pairs))
    read = [source.language for source in monolingual()]
    zero_shot = tuple(code for code in dict.fromkeys(read) if code not in (*supervised, "en"))
    # Sentences that no setting was chosen on: the first 300 were looked at when sga/tiny was tuned.
    address = f"phrasebook:sentences={tested}&level=beginner&seed=1&split=test&offset=1000"
    return _corpus(
        "phrasebook",
        supervised,
        zero_shot,
        [plain(source) | _limited(most) for source in pairs],
        [plain(source) for source in data.validation],
        {code: {"file": address} for code in (*supervised, *zero_shot)},
        max_length=data.max_length,
        batch_tokens=data.batch_tokens,
    )


def monolingual(recipe: str | None = None) -> list[MonolingualSource]:
    """The text of a recipe; of sga/tiny's encoder by default."""
    train = load_recipe(recipe or encoder_recipe()).data.train
    return [source for source in train if isinstance(source, MonolingualSource)]


def plain(source: MonolingualSource | ParallelSource) -> Entry:
    """A source as a recipe says it."""
    return source.model_dump(mode="json", exclude_none=True)


def captions(text: Path, tested: int, most: int | None = None) -> Corpus:
    """Captions of pictures: short, and alike."""

    def entry(split: str, code: str) -> Entry:
        return {"files": [str(text / "captions" / f"{split}.{side}") for side in (code, "en")]}

    return _real("captions", CAPTIONS, (), entry, tested, most)


def verses(text: Path, tested: int, most: int | None = None) -> Corpus:
    """Verses of the Bible, and two languages without pairs."""

    def entry(split: str, code: str) -> Entry:
        return {"files": [str(text / "bible" / f"{split}.{code}-en.{side}") for side in (code, "en")]}

    return _real("verses", VERSES, ALONE, entry, tested, most)


def _real(
    name: str,
    supervised: tuple[str, ...],
    zero_shot: tuple[str, ...],
    entry: Callable[[str, str], Entry],
    tested: int,
    most: int | None,
) -> Corpus:
    train = [_pair(code, entry("train", code)) | _limited(most) for code in supervised]
    held_out = [_pair(code, entry("validation", code)) | _limited(200) for code in supervised]
    tests = {code: entry("test", code) | _limited(tested) for code in (*supervised, *zero_shot)}
    # A canvas is twice as long as its source, and the encoder has 200 positions.
    return _corpus(name, supervised, zero_shot, train, held_out, tests, max_length=96, batch_tokens=1024)


def _corpus(
    name: str,
    supervised: tuple[str, ...],
    zero_shot: tuple[str, ...],
    train: Sequence[Entry],
    held_out: Sequence[Entry],
    tests: dict[str, Entry],
    **sizes: int,
) -> Corpus:
    changes = [written("data.train", list(train)), written("data.validation", list(held_out))]
    changes += [f"data.{key}={value}" for key, value in sizes.items()]
    told = {code: {"name": code, **_pair(code, test)} for code, test in tests.items()}
    return Corpus(name, supervised, zero_shot, tuple(train), tuple(changes), told)


def _pair(code: str, entry: Entry) -> Entry:
    return {"source": code, "target": "en", **entry}


def _limited(most: int | None) -> Entry:
    return {} if most is None else {"limit": most}

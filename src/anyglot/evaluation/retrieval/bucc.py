"""BUCC: find the translated sentences hidden in two texts that are otherwise unrelated.

    zh-en.dev.zh, zh-en.dev.en    id TAB sentence
    zh-en.dev.gold                id TAB id, of the pairs that were hidden

A sentence that stands in a text more than once is embedded and searched once. For scoring, its ids are dropped (LASER,
XTREME: nobody can say which one was meant) or all count (jiant).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anyglot.errors import UserError
from anyglot.evaluation.retrieval.gold import Pair
from anyglot.evaluation.retrieval.margin import Margin, Pairs, best_pairs
from anyglot.evaluation.retrieval.neighbours import both_ways
from anyglot.evaluation.retrieval.protocol import RetrievalProtocol
from anyglot.text.readers import raw_hash, read_lines


@dataclass(frozen=True)
class Side:
    """One text, every different sentence once.

    Attributes:
        texts: The different sentences, in order of appearance, without spaces around them.
        ids: The ids of each of them.
        empty: How many ids have no sentence; they are not searched.
    """

    texts: tuple[str, ...]
    ids: tuple[tuple[str, ...], ...]
    empty: int = 0

    @property
    def repeated(self) -> int:
        """How many sentences have more than one id."""
        return sum(len(ids) > 1 for ids in self.ids)

    def all_ids(self) -> tuple[str, ...]:
        """Return the ids of all sentences."""
        return tuple(name for names in self.ids for name in names)


@dataclass(frozen=True)
class Split:
    """Both texts and the pairs hidden in them.

    Attributes:
        name: Such as "zh-en dev".
        languages: The codes in the files' names.
        source: The text of the first language.
        target: That of the second.
        gold: The hidden pairs of ids.
        data_hash: SHA-256 of the three files.
    """

    name: str
    languages: tuple[str, str]
    source: Side
    target: Side
    gold: frozenset[Pair]
    data_hash: str


def read_split(folder: Path, pair: str, split: str) -> Split:
    """Read one split of one pair of languages.

    Args:
        folder: Of the files.
        pair: Such as "zh-en".
        split: Such as "dev", "training", "sample".

    Raises:
        UserError: A file is missing or damaged, a line is not `id TAB sentence`, an id stands twice, or the gold pairs
            are not of these files.
    """
    languages = pair.split("-")
    if len(languages) != 2 or not all(languages):
        raise UserError(f"{pair!r} is no pair of languages; write two codes with a hyphen, such as zh-en")
    paths = [_present(folder / f"{pair}.{split}.{ending}") for ending in (*languages, "gold")]
    source, target = (_read_side(path) for path in paths[:2])
    gold = _read_gold(paths[2], source, target)
    return Split(f"{pair} {split}", (languages[0], languages[1]), source, target, gold, raw_hash(tuple(paths)))


def mine(
    source: NDArray[np.float32], target: NDArray[np.float32], protocol: RetrievalProtocol, margins: Sequence[Margin]
) -> dict[Margin, Pairs]:
    """Choose the pairs of two sets of sentences that score best, by each of several margins: one search for all.

    Shape:
        source: (N, D)    target: (M, D)
    """
    forward, backward = both_ways(source, target, protocol.k)
    return {kind: best_pairs(forward, backward, kind, protocol.rule) for kind in margins}


def id_pairs(found: Pairs, source: Side, target: Side, duplicates: str) -> tuple[list[Pair], list[float]]:
    """Return pairs of sentences as pairs of ids with their scores.

    Args:
        found: Rows of the two sides' different sentences.
        source: The first text.
        target: The second.
        duplicates: "drop" leaves out a pair with a sentence of several ids; "expand" takes all their combinations.
    """
    pairs: list[Pair] = []
    scores: list[float] = []
    for score, a, b in zip(found.scores.tolist(), found.a.tolist(), found.b.tolist(), strict=True):
        if duplicates == "drop" and (len(source.ids[a]) > 1 or len(target.ids[b]) > 1):
            continue
        every = [(one, other) for one in source.ids[a] for other in target.ids[b]]
        pairs += every
        scores += [score] * len(every)
    return pairs, scores


def _read_side(path: Path) -> Side:
    ids: dict[str, list[str]] = {}
    seen: set[str] = set()
    empty = 0
    for number, line in enumerate(read_lines(path), start=1):
        name, tab, text = line.partition("\t")
        name, text = name.strip(), text.strip()
        if not line.strip():
            continue
        if not tab or not name:
            raise UserError(f"{path} line {number} is not an id, a tab and a sentence: {line[:40]!r}; mend the line")
        if name in seen:
            raise UserError(f"{path} line {number} gives the id {name} a second time; every sentence needs its own id")
        seen.add(name)
        if text:
            ids.setdefault(text, []).append(name)
        else:
            empty += 1
    if not ids:
        raise UserError(f"{path} has no sentence; every line must be an id, a tab and a sentence")
    return Side(tuple(ids), tuple(tuple(names) for names in ids.values()), empty)


def _read_gold(path: Path, source: Side, target: Side) -> frozenset[Pair]:
    known = [{name for names in side.ids for name in names} for side in (source, target)]
    # Ids of empty sentences are not among them; a gold pair of one would be as unfindable as a misspelt one.
    pairs: list[Pair] = []
    unknown: list[str] = []
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) != 2 or not all(cells):
            raise UserError(f"{path} line {number} is not two ids and a tab between: {line[:40]!r}; mend the line")
        strange = [name for name, names in zip(cells, known, strict=True) if name not in names]
        unknown += [f"{name} in line {number}" for name in strange]
        pairs.append((cells[0], cells[1]))
    if unknown:
        swapped = all(first in known[1] and second in known[0] for first, second in pairs)
        hint = "its columns are the wrong way round" if swapped else "use the gold file of the same split"
        raise UserError(
            f"{path} names {len(unknown)} ids that have no sentence in the two texts, the first is {unknown[0]}; {hint}"
        )
    if not pairs:
        raise UserError(f"{path} has no pair; without gold pairs there is nothing to score")
    return frozenset(pairs)


def _present(path: Path) -> Path:
    packed = path.with_name(f"{path.name}.gz")
    if not path.is_file() and not packed.is_file():
        raise UserError(
            f"No such file: {path}; BUCC's files are called zh-en.dev.zh, zh-en.dev.en and zh-en.dev.gold: check "
            "`data`, `pair` and `split`"
        )
    return path if path.is_file() else packed

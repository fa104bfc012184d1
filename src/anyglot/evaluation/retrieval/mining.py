"""Parallel sentences out of two monolingual files (Artetxe and Schwenk 2019): neighbours, margins, a retrieval rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, cast, get_args

import numpy as np

from anyglot.errors import UserError
from anyglot.evaluation.retrieval.ivf import approximate_both_ways, faiss_is_there
from anyglot.evaluation.retrieval.margin import MARGINS, RULES, Margin, Pairs, Rule, best_pairs
from anyglot.evaluation.retrieval.mining_job import ADVICE, Job, opened
from anyglot.evaluation.retrieval.mining_text import Sentences
from anyglot.evaluation.retrieval.neighbours import BLOCK, Neighbours, Progress, all_neighbours
from anyglot.evaluation.retrieval.operands import Side
from anyglot.evaluation.retrieval.search import SearchPrecision, chosen
from anyglot.runtime.files import whole_file
from anyglot.runtime.locks import held

Index = Literal["auto", "exact", "ivf"]
EXACT_PAIRS = 4 * 10**12
"""Pairs of sentences up to which "auto" compares them all: two million by two million."""


@dataclass(frozen=True)
class MiningSettings:
    """How pairs are found.

    Attributes:
        k: Neighbours whose mean a margin is held against.
        margin: ratio, distance or absolute.
        rule: max, forward, backward or intersection.
        threshold: Pairs that score less are left out; None keeps all.
        index: exact compares every pair of sentences; ivf only those in near cells; auto: exact up to `EXACT_PAIRS`.
        precision: Of the products; results are the same.
        block: Sentences of a stripe; results are the same.
    """

    k: int = 4
    margin: Margin = "ratio"
    rule: Rule = "max"
    threshold: float | None = None
    index: Index = "auto"
    precision: SearchPrecision = "auto"
    block: int = BLOCK

    def __post_init__(self) -> None:
        """Refuse what cannot be done.

        Raises:
            UserError: An unknown name, or a number out of range.
        """
        for what, value, known in (
            ("margin", self.margin, MARGINS),
            ("retrieval rule", self.rule, RULES),
            ("index", self.index, get_args(Index)),
            ("search precision", self.precision, get_args(SearchPrecision)),
        ):
            if value not in known:
                raise UserError(f"There is no {what} {value!r}; choose one of {', '.join(known)}.")
        for name, number in (("k", self.k), ("block", self.block)):
            if number < 1:
                raise UserError(f"--{name} must be at least 1, and is {number}.")


@dataclass(frozen=True, eq=False)
class Mined:
    """What was found.

    Attributes:
        pairs: Rows of `a` and `b` are sentences of the two files.
        zero: Sentences of the two files whose vector is zero: without a token, not sought.
        index: exact or ivf.
    """

    pairs: Pairs
    zero: tuple[int, int]
    index: str


class Vectors(Protocol):
    """Where the vectors of sentences come from (`mining_vectors.py`)."""

    def facts(self) -> Mapping[str, object]: ...

    def side(self, job: Job, which: int, sentences: Sentences) -> Side: ...


def mine(
    sentences: tuple[Sentences, Sentences],
    vectors: Vectors,
    output: Path,
    settings: MiningSettings,
    *,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
    progress: Progress | None = None,
) -> Mined:
    """Find pairs and write them, best first: score, name in a, name in b, text of a, text of b.

    Run again after it was cut off, it goes on where it was, and writes what it would have written.

    Args:
        overwrite: Replace the output, and forget what another job left.
        say: Told what a user should know.

    Raises:
        UserError: The output is there, or a job that is not this one; vectors that do not fit.
    """
    if output.exists() and not overwrite:
        raise UserError(f"{output} exists: name another output, or give --overwrite to replace it.")
    if output.is_dir() or not output.parent.is_dir():
        raise UserError(f"{output} cannot be written: name a file in a folder that is there.")
    first, second = sentences
    index = _index(settings.index, len(first) * len(second), say)
    asked = {"text a": first.digest, "text b": second.digest, **vectors.facts(), "k": settings.k, "index": index}

    def choose() -> dict[str, object]:
        # The product is asked for with a width it will be near to: the vectors may not be there yet.
        return {"precision": chosen(settings.precision, len(first), len(second), 1024), "block": settings.block}

    with held(output, file=True):
        job = opened(output.with_name(output.name + ".work"), asked, choose, overwrite=overwrite)
        sides = vectors.side(job, 0, first), vectors.side(job, 1, second)
        mined = _mined(sides, job, settings, index, say, progress)
        with whole_file(output, ADVICE) as stream:
            stream.writelines(_rows(mined.pairs, first, second))
        job.remove()
    return mined


def _mined(
    sides: tuple[Side, Side],
    job: Job,
    settings: MiningSettings,
    index: str,
    say: Callable[[str], None],
    progress: Progress | None,
) -> Mined:
    widths = [side.width for side in sides]
    if widths[0] != widths[1]:
        raise UserError(f"The vectors of a are {widths[0]} wide and those of b {widths[1]}: embed both with one model.")
    kept = [np.flatnonzero(~side.zero) for side in sides]
    for name, rows in zip("ab", kept, strict=True):
        if not len(rows):
            raise UserError(
                f"All vectors of {name} are zero: was its text embedded with a model that knows its script?"
            )
    used = [side.narrowed(rows) for side, rows in zip(sides, kept, strict=True)]
    fewest = min(len(side) for side in used)
    if fewest < settings.k:
        say(f"a side has only {fewest} sentences: its margins are held against {fewest} neighbours, not {settings.k}.")
    if index == "ivf":
        both = approximate_both_ways(used[0], used[1], settings.k)
        say(f"ivf found {both.recall:.1%} of the exact neighbours of {both.sampled} sentences.")
        forward, backward = both.forward, both.backward
    else:
        forward, backward = _exact(used, job, settings.k, progress)
    pairs = best_pairs(forward, backward, settings.margin, settings.rule)
    if settings.threshold is not None:
        pairs = pairs.above(settings.threshold)
    zero = [int(side.zero.sum()) for side in sides]
    return Mined(Pairs(pairs.scores, kept[0][pairs.a], kept[1][pairs.b]), (zero[0], zero[1]), index)


def _exact(sides: list[Side], job: Job, k: int, progress: Progress | None) -> tuple[Neighbours, Neighbours]:
    """The smaller side stays in memory; neighbours of both are the same either way."""
    swapped = len(sides[1]) > len(sides[0])
    queries, base = sides[::-1] if swapped else sides
    precision, block = cast("SearchPrecision", job.facts["precision"]), cast("int", job.facts["block"])
    forward, backward = all_neighbours(
        queries, base, k, backward=True, precision=precision, block=block, store=job, progress=progress
    )
    assert backward is not None
    return (backward, forward) if swapped else (forward, backward)


def _index(asked: Index, pairs: int, say: Callable[[str], None]) -> str:
    if asked == "ivf" and not faiss_is_there():
        raise UserError("index=ivf needs faiss: pip install 'anyglot[retrieval]', or take --set index=exact.")
    if asked != "auto":
        return asked
    if pairs <= EXACT_PAIRS:
        return "exact"
    if faiss_is_there():
        return "ivf"
    say("so many sentences would be sought faster with faiss: pip install 'anyglot[retrieval]'; all are compared.")
    return "exact"


def _rows(pairs: Pairs, first: Sentences, second: Sentences) -> Iterator[bytes]:
    for score, a, b in zip(pairs.scores.tolist(), pairs.a.tolist(), pairs.b.tolist(), strict=True):
        # A tab within a text would make two columns of it.
        texts = (first.texts[a].replace("\t", " "), second.texts[b].replace("\t", " "))
        yield "\t".join([f"{score:.6f}", first.names[a], second.names[b], *texts]).encode() + b"\n"

"""How fast a system translates: sentences one by one, and many at a time."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from anyglot.errors import UserError
from anyglot.evaluation.translation.results import Result, mean_of
from anyglot.evaluation.translation.table import TestSentences, TestSet
from anyglot.reporting.elements import Cell, Table
from anyglot.reporting.provenance import Machine
from anyglot.runtime.untrusted_files import read_json

ALONE = 50
"""Sentences translated one by one."""
WARM_UP = 3
"""Sentences translated before, which nobody times: the first calls fill caches and choose kernels."""
BATCH = 32
BATCHES = 8
ROUNDS = 2
Drawn = tuple[str, str, str]
"""Source language, target language, sentence."""


@dataclass(frozen=True)
class Timed:
    """A system as it is timed.

    Attributes:
        translate: Sentences, source and target language to translations, with nothing beside.
        precision: What it computes in.
        device: Where.
        parameters: Of the model; None where it is not recorded.
        trained: Those of them that its training moved; None where it is not recorded.
    """

    translate: Callable[[list[str], str, str], object]
    precision: str
    device: str
    parameters: int | None = None
    trained: int | None = None


@dataclass(frozen=True)
class Timing:
    """What was measured of one system.

    Attributes:
        latency: Median milliseconds of a sentence that is translated alone.
        slow: The 90th percentile of the same.
        throughput: Sentences a second where `BATCH` are given at a time.
        alone: How many were translated alone.
        together: How many were translated in batches.
        timed: The system.
    """

    latency: float
    slow: float
    throughput: float
    alone: int
    together: int
    timed: Timed

    def signature(self, machine: Machine) -> str:
        """What the figures depend on, in one word."""
        facts = {
            "alone": self.alone,
            "warm-up": WARM_UP,
            "batch": BATCH,
            "together": self.together,
            "best-of": ROUNDS,
            "precision": self.timed.precision,
            "device": self.timed.device,
            "threads": machine.threads,
        }
        return "|".join(f"{name}:{value}" for name, value in facts.items())


def measure(timed: Timed, tests: Sequence[TestSet], sentences: Mapping[str, TestSentences], seed: int) -> Timing:
    """Time a system on sentences drawn evenly from the test sets, the same for every system of an evaluation.

    Batches hold sentences of one direction and similar length, as a batch of a file's translation does.
    """
    alone = drawn(tests, sentences, ALONE, seed)
    for source, target, text in alone[:WARM_UP]:
        timed.translate([text], source, target)
    seconds = [_seconds(timed, [text], source, target) for source, target, text in alone]
    together = drawn(tests, sentences, BATCH * BATCHES, seed)
    batches = _batches(together)
    for (source, target), texts in batches[:1]:
        timed.translate(texts, source, target)
    rounds = [sum(_seconds(timed, texts, source, target) for (source, target), texts in batches) for _ in range(ROUNDS)]
    slow = quantiles(seconds, n=10, method="inclusive")[-1] if len(seconds) > 1 else seconds[0]
    return Timing(1e3 * median(seconds), 1e3 * slow, len(together) / min(rounds), len(alone), len(together), timed)


def parameters_of(run: Path) -> tuple[int | None, int | None]:
    """How many parameters a run's model has, and how many of them its training moved, as the run wrote down."""
    try:
        told = read_json(run / "run.json", finite=False)
    except (FileNotFoundError, UserError):
        return None, None
    found = [told.get(name) if isinstance(told, dict) else None for name in ("parameters", "trained_parameters")]
    total, trained = (count if type(count) is int and count >= 0 else None for count in found)
    return total, trained


def drawn(tests: Sequence[TestSet], sentences: Mapping[str, TestSentences], count: int, seed: int) -> list[Drawn]:
    """Up to `count` sentences, as many of each test set as it has its share of, at random within each."""
    chosen: list[Drawn] = []
    for number, test in enumerate(tests):
        texts = sentences[test.name].sources
        share = count // len(tests) + (number < count % len(tests))
        places = random.Random(f"{seed} {test.name}").sample(range(len(texts)), min(share, len(texts)))
        chosen += [(test.pairs.source, test.pairs.target, texts[place]) for place in places]
    return chosen


def speed_table(
    timings: Mapping[str, Timing], results: Sequence[Result], metrics: Sequence[str], machine: Machine
) -> Table:
    """Quality beside speed: a row for each system that was timed."""
    names = ["Model", *(f"mean {metric}" for metric in metrics), "Parameters", "Trained"]
    names += ["ms a sentence", "90th percentile", f"Sentences/s by {BATCH}", "Precision"]
    rows: list[tuple[Cell, ...]] = []
    for label, timing in timings.items():
        means: list[Cell] = [mean_of(results, label, metric) for metric in metrics]
        held: list[Cell] = [timing.timed.parameters, timing.timed.trained]
        speed: list[Cell] = [timing.latency, timing.slow, timing.throughput]
        rows.append((label, *means, *held, *speed, timing.timed.precision))
    note = (
        "Milliseconds: the median and the 90th percentile over sentences translated one by one. Sentences a second: "
        f"{BATCH} given at a time, of similar length. Systems are timed one after the other, on "
        f"{machine.accelerator or machine.processor}, {machine.cores} cores, {machine.threads} threads. Signatures: "
        + "; ".join(f"{label} {timing.signature(machine)}" for label, timing in timings.items())
        + "."
    )
    return Table("Quality beside speed", tuple(names), tuple(rows), note)


def _batches(chosen: Sequence[Drawn]) -> list[tuple[tuple[str, str], list[str]]]:
    """Direction and sentences of each batch, the longest sentences first."""
    directions: dict[tuple[str, str], list[str]] = {}
    for source, target, text in chosen:
        directions.setdefault((source, target), []).append(text)
    return [
        (direction, texts[start : start + BATCH])
        for direction, unsorted in directions.items()
        for texts in [sorted(unsorted, key=len, reverse=True)]
        for start in range(0, len(texts), BATCH)
    ]


def _seconds(timed: Timed, texts: list[str], source: str, target: str) -> float:
    begun = time.perf_counter()
    timed.translate(texts, source, target)
    return time.perf_counter() - begun

"""Evaluate systems over test sets: translate what is not translated yet, score, compare, sample."""

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyglot.errors import UserError
from anyglot.evaluation.contents import Sample, Table, scored_sample
from anyglot.evaluation.hypotheses import translated
from anyglot.evaluation.metrics import (
    RESAMPLES,
    SEED,
    MetricName,
    Statistics,
    check_metrics,
    compare,
    score_statistics,
    statistics,
)
from anyglot.evaluation.report import write_text
from anyglot.evaluation.results import Kind, Result
from anyglot.evaluation.table import TestSentences, TestSet, read_sentences


@dataclass(frozen=True)
class System:
    """Something that translates.

    Attributes:
        label: What tables and folders call it.
        made_from: JSON values that change whenever its output could: weights, precision, search settings.
        check: Raises UserError for a source and a target language it cannot do. Asked of all test sets first.
        kind: Supervised or zero-shot, for a source and a target language; None if nobody knows.
        translate: Sentences, source and target language to as many sentences.
    """

    label: str
    made_from: Mapping[str, Any]
    check: Callable[[str, str], None]
    kind: Callable[[str, str], Kind | None]
    translate: Callable[[list[str], str, str], list[str]]


@dataclass(frozen=True)
class Scoring:
    """How to score: metrics, a BLEU tokenizer in place of each language's own, resamples and their seed."""

    metrics: tuple[MetricName, ...] = ("BLEU", "chrF++")
    tokenizer: str | None = None
    resamples: int = RESAMPLES
    seed: int = SEED


@dataclass(frozen=True)
class Evaluation:
    """What came out: results by test set and system, samples, the test sets' table and the hash of all their data."""

    results: tuple[Result, ...]
    samples: tuple[Sample, ...]
    test_table: Table
    data_hash: str
    reused: int


def evaluate(
    systems: Mapping[str, Callable[[], System]],
    tests: Sequence[TestSet],
    folder: Path,
    *,
    scoring: Scoring | None = None,
    baseline: str | None = None,
    samples: int = 10,
    say: Callable[[str], None] = lambda line: None,
) -> Evaluation:
    """Translate every test set with every system, and score.

    Test sets are read before any system is opened, and systems are opened one after the other, so that mistakes show
    early and only one model is in memory at a time. Sources, references and hypotheses are written line by line.

    Args:
        systems: By label: opens the system.
        tests: The test sets.
        folder: For `hypotheses/` and `tests/`.
        scoring: How to score.
        baseline: Label of the system the others are compared with.
        samples: How many sample translations to draw.
        say: Told what is going on.

    Raises:
        UserError: A fault of a test set, a language the model does not write, a folder that cannot be written.
    """
    scoring = scoring or Scoring()
    sentences = {test.name: read_sentences(test) for test in tests}
    for target in dict.fromkeys(test.pairs.target for test in tests):
        check_metrics(scoring.metrics, target=target, tokenizer=scoring.tokenizer)
    for test in tests:
        _write_lines(folder / "tests" / f"{test.file_name}.source.txt", sentences[test.name].sources)
        _write_lines(folder / "tests" / f"{test.file_name}.reference.txt", sentences[test.name].references)
    outputs: dict[str, dict[str, list[str]]] = {}
    kinds: dict[tuple[str, str], Kind | None] = {}
    reused = 0
    for label, open_system in systems.items():
        system = open_system()
        for test in tests:
            system.check(test.pairs.source, test.pairs.target)
        outputs[label] = {}
        for test in tests:
            say(f"{label}: {test.name}, {len(sentences[test.name].sources)} sentences")
            outputs[label][test.name], kept = _hypotheses(system, test, sentences[test.name], folder)
            kinds[label, test.name] = system.kind(test.pairs.source, test.pairs.target)
            reused += kept
            if kept:
                say(f"{label}: {test.name} was translated before, kept")
        del system
    results = _score(outputs, tests, sentences, kinds, scoring, baseline)
    drawn = _samples(outputs, tests, sentences, results, baseline, samples, scoring.seed)
    digest = hashlib.sha256("\n".join(sentences[test.name].data_hash for test in tests).encode()).hexdigest()
    return Evaluation(results, drawn, _test_table(tests, sentences), digest, reused)


def _hypotheses(system: System, test: TestSet, texts: TestSentences, folder: Path) -> tuple[list[str], bool]:
    source, target = test.pairs.source, test.pairs.target
    made_from = {**system.made_from, "source": source, "target": target, "input": texts.input_hash}
    return translated(
        folder / "hypotheses" / system.label / f"{test.file_name}.txt",
        made_from,
        len(texts.sources),
        lambda: system.translate(texts.sources, source, target),
    )


def _score(
    outputs: Mapping[str, Mapping[str, list[str]]],
    tests: Sequence[TestSet],
    sentences: Mapping[str, TestSentences],
    kinds: Mapping[tuple[str, str], Kind | None],
    scoring: Scoring,
    baseline: str | None,
) -> tuple[Result, ...]:
    results = []
    for test in tests:
        references = sentences[test.name].references

        def counted(
            label: str, test: TestSet = test, references: list[str] = references
        ) -> dict[MetricName, Statistics]:
            lines, target = outputs[label][test.name], test.pairs.target
            return {
                metric: statistics(metric, lines, references, target=target, tokenizer=scoring.tokenizer)
                for metric in scoring.metrics
            }

        against = None if baseline is None else counted(baseline)
        for label in outputs:
            own = counted(label)
            draws = {"resamples": scoring.resamples, "seed": scoring.seed}
            scores = {metric: score_statistics(found, **draws) for metric, found in own.items()}
            differences = {}
            if against is not None and label != baseline and scoring.resamples:
                differences = {metric: compare(found, against[metric], **draws) for metric, found in own.items()}
            results.append(
                Result(
                    test=test.name,
                    model=label,
                    source=test.pairs.source,
                    target=test.pairs.target,
                    kind=kinds[label, test.name],
                    sentences=len(references),
                    scores=scores,
                    differences=differences,
                )
            )
    return tuple(results)


def _samples(
    outputs: Mapping[str, Mapping[str, list[str]]],
    tests: Sequence[TestSet],
    sentences: Mapping[str, TestSentences],
    results: Sequence[Result],
    baseline: str | None,
    count: int,
    seed: int,
) -> tuple[Sample, ...]:
    """Draw sentences evenly from the test sets, at random within each: chosen by nobody."""
    first = next((label for label in outputs if label != baseline), baseline)
    if first is None or count < 1:
        return ()
    kinds = {result.test: result.kind for result in results if result.model == first}
    drawn = []
    for number, test in enumerate(tests):
        texts = sentences[test.name]
        share = count // len(tests) + (number < count % len(tests))
        places = random.Random(f"{seed} {test.name}").sample(range(len(texts.sources)), min(share, len(texts.sources)))
        for place in sorted(places):
            drawn.append(
                scored_sample(
                    texts.sources[place],
                    texts.references[place],
                    outputs[first][test.name][place],
                    baseline=outputs[baseline][test.name][place] if baseline not in (None, first) else None,
                    language=test.pairs.source,
                    target=test.pairs.target,
                    kind=kinds[test.name],
                )
            )
    return tuple(drawn)


def _test_table(tests: Sequence[TestSet], sentences: Mapping[str, TestSentences]) -> Table:
    rows = tuple(
        (
            test.name,
            f"{test.pairs.source}-{test.pairs.target}",
            len(sentences[test.name].sources),
            sentences[test.name].skipped,
            sentences[test.name].data_hash[:16],
        )
        for test in tests
    )
    return Table("Test sets", ("Test", "Pair", "Sentences", "Blank pairs left out", "SHA-256 of the files"), rows)


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    write_text(path, "".join(line + "\n" for line in lines))


def unique_labels(names: Sequence[str]) -> tuple[str, ...]:
    """Return a short label for each model: its last path component, with a number where two are alike.

    Raises:
        UserError: A model is named twice.
    """
    if len(set(names)) < len(names):
        twice = next(name for name in names if list(names).count(name) > 1)
        raise UserError(f"the model {twice} is given twice; name each model once")
    labels: list[str] = []
    for name in names:
        label = Path(name).resolve().name if Path(name).is_dir() else name.rstrip("/").rpartition("/")[2]
        label = label or "model"
        alike = sum(known == label or known.startswith(f"{label}-") for known in labels)
        labels.append(f"{label}-{alike + 1}" if alike else label)
    return tuple(labels)

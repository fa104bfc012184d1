"""Evaluate systems over test sets: translate what is not translated yet, score, compare, sample."""

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anyglot.errors import UserError
from anyglot.evaluation.translation.existing import Earlier, EarlierLines, read_earlier
from anyglot.evaluation.translation.hypotheses import translated
from anyglot.evaluation.translation.metrics import check_metrics
from anyglot.evaluation.translation.results import Kind, Result
from anyglot.evaluation.translation.samples import scored_sample
from anyglot.evaluation.translation.scoring import Counts, Learned, Scoring, count, score_counts
from anyglot.evaluation.translation.table import TestSentences, TestSet, read_sentences
from anyglot.evaluation.translation.timing import Timed, Timing, measure
from anyglot.reporting.elements import Sample, Table
from anyglot.runtime.files import write_text


@dataclass(frozen=True)
class System:
    """Something that translates.

    Attributes:
        label: What tables and folders call it.
        made_from: JSON values that change whenever its output could: weights, precision, search settings.
        check: Raises UserError for a source and a target language it cannot do; such test sets are
            left out. Asked of all before any is translated.
        kind: Supervised or zero-shot, for a source and a target language; None if nobody knows.
        translate: Sentences, source and target language to as many sentences.
        timed: The same for who times it; None if it cannot be timed.
        facts: How it searches, as the report tells it.
    """

    label: str
    made_from: Mapping[str, Any]
    check: Callable[[str, str], None]
    kind: Callable[[str, str], Kind | None]
    translate: Callable[[list[str], str, str], list[str]]
    timed: Timed | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation:
    """What came out.

    Attributes:
        results: By test set and system.
        samples: Sample translations.
        test_table: The test sets.
        data_hash: Of all their data.
        reused: How many files of hypotheses were kept from before.
        tests: The test sets.
        sentences: Their sentences, by name.
        outputs: The hypotheses, by system and test set's name.
        counts: The statistics all scores were made from.
        timings: By label of the systems that were timed.
        facts: How each system searched, by label.
        unverified: Test sets whose earlier translations have no record of the source lines they were made from.
    """

    results: tuple[Result, ...]
    samples: tuple[Sample, ...]
    test_table: Table
    data_hash: str
    reused: int
    tests: tuple[TestSet, ...]
    sentences: Mapping[str, TestSentences]
    outputs: Mapping[str, Mapping[str, list[str]]]
    counts: Counts
    unverified: tuple[str, ...]
    timings: Mapping[str, Timing] = field(default_factory=dict)
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def evaluate(
    systems: Mapping[str, Callable[[], System]],
    tests: Sequence[TestSet],
    folder: Path,
    *,
    scoring: Scoring | None = None,
    baseline: str | None = None,
    earlier: Earlier | None = None,
    learned: Learned | None = None,
    samples: int = 10,
    latency: bool = False,
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
        baseline: Label of the system the others are compared with, be it one of `systems` or `earlier`.
        earlier: Translations on disk that are scored beside the systems'.
        learned: Counts a further metric, once everything is translated.
        samples: How many sample translations to draw.
        latency: Whether to time the systems too.
        say: Told what is going on.

    Raises:
        UserError: A fault of a test set, a model that can do none of their languages, a folder that cannot be written;
            earlier translations of other sentences.
    """
    scoring = scoring or Scoring()
    sentences = {test.name: read_sentences(test) for test in tests}
    kept_lines = EarlierLines({}, ()) if earlier is None else read_earlier(earlier, tests, sentences)
    for target in dict.fromkeys(test.pairs.target for test in tests):
        check_metrics(scoring.metrics, target=target, tokenizer=scoring.tokenizer)
    for test in tests:
        _write_lines(folder / "tests" / f"{test.file_name}.source.txt", sentences[test.name].sources)
        _write_lines(folder / "tests" / f"{test.file_name}.reference.txt", sentences[test.name].references)
    timings: dict[str, Timing] = {}
    facts: dict[str, Mapping[str, Any]] = {}

    def ask(system: System, able: Sequence[TestSet]) -> None:
        facts[system.label] = system.facts
        if latency and system.timed is not None:
            say(f"{system.label}: timing")
            timings[system.label] = measure(system.timed, able, sentences, scoring.seed)

    outputs, kinds, reused = _translate(systems, tests, sentences, folder, ask, say)
    if earlier is not None:
        outputs[earlier.label] = kept_lines.lines
        kinds.update({(earlier.label, test.name): None for test in tests})
    counts = count(outputs, tests, sentences, scoring, learned)
    results = score_counts(counts, tests, kinds, scoring, baseline)
    return Evaluation(
        results=results,
        samples=_samples(outputs, tests, sentences, results, baseline, samples, scoring.seed),
        test_table=_test_table(tests, sentences),
        data_hash=hashlib.sha256("\n".join(sentences[test.name].data_hash for test in tests).encode()).hexdigest(),
        reused=reused,
        tests=tuple(tests),
        sentences=sentences,
        outputs=outputs,
        counts=counts,
        unverified=kept_lines.unverified,
        timings=timings,
        facts=facts,
    )


def _translate(
    systems: Mapping[str, Callable[[], System]],
    tests: Sequence[TestSet],
    sentences: Mapping[str, TestSentences],
    folder: Path,
    after: Callable[[System, Sequence[TestSet]], None],
    say: Callable[[str], None],
) -> tuple[dict[str, Mapping[str, list[str]]], dict[tuple[str, str], Kind | None], int]:
    """Open one system after the other: hypotheses by label and test set, kinds, and how many files were reused.

    A direction that a system cannot be told leaves a hole in what it translated, and nothing else; a system that can be
    told none of them is a mistake.

    `after` is given each system when it has translated everything, and the test sets that it could.
    """
    outputs: dict[str, Mapping[str, list[str]]] = {}
    kinds: dict[tuple[str, str], Kind | None] = {}
    reused = 0
    for label, open_system in systems.items():
        system = open_system()
        made = {}
        able = _translatable(system, tests, say)
        for test in able:
            say(f"{label}: {test.name}, {len(sentences[test.name].sources)} sentences")
            made[test.name], kept = _hypotheses(system, test, sentences[test.name], folder)
            kinds[label, test.name] = system.kind(test.pairs.source, test.pairs.target)
            reused += kept
            if kept:
                say(f"{label}: {test.name} was translated before, kept")
        outputs[label] = made
        after(system, able)
        del system
    return outputs, kinds, reused


def _translatable(system: System, tests: Sequence[TestSet], say: Callable[[str], None]) -> list[TestSet]:
    """The test sets whose direction the system can be told."""
    able, refusals = [], []
    for test in tests:
        try:
            system.check(test.pairs.source, test.pairs.target)
            able.append(test)
        except UserError as error:
            refusals.append(error)
            if len(tests) > 1:
                say(f"{system.label}: {test.name} is left out: {error}")
    if not able:
        raise refusals[0]
    return able


def _hypotheses(system: System, test: TestSet, texts: TestSentences, folder: Path) -> tuple[list[str], bool]:
    source, target = test.pairs.source, test.pairs.target
    made_from = {**system.made_from, "source": source, "target": target, "input": texts.input_hash}
    return translated(
        folder / "hypotheses" / system.label / f"{test.file_name}.txt",
        made_from,
        len(texts.sources),
        lambda: system.translate(texts.sources, source, target),
    )


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
    tests = [test for test in tests if test.name in outputs[first]]
    for number, test in enumerate(tests):
        texts = sentences[test.name]
        beside = outputs[baseline].get(test.name) if baseline not in (None, first) else None
        share = count // len(tests) + (number < count % len(tests))
        places = random.Random(f"{seed} {test.name}").sample(range(len(texts.sources)), min(share, len(texts.sources)))
        for place in sorted(places):
            drawn.append(
                scored_sample(
                    texts.sources[place],
                    texts.references[place],
                    outputs[first][test.name][place],
                    baseline=None if beside is None else beside[place],
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

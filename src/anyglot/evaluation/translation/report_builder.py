"""An evaluation from a request to its report."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyglot.evaluation.translation.breakdown import breakdown
from anyglot.evaluation.translation.existing import Earlier
from anyglot.evaluation.translation.off_target import off_target_table
from anyglot.evaluation.translation.results import KINDS, difference_table, in_common, mean_of, score_bars, score_table
from anyglot.evaluation.translation.run import Evaluation, System, evaluate
from anyglot.evaluation.translation.scoring import Learned, Scoring
from anyglot.evaluation.translation.table import TestSet
from anyglot.evaluation.translation.timing import speed_table
from anyglot.reporting.curves import curves_from_metrics
from anyglot.reporting.elements import Bars, Curves, Report, Table
from anyglot.reporting.markdown import markdown_table
from anyglot.reporting.provenance import provenance
from anyglot.reporting.report import write_report
from anyglot.runtime.files import disk_errors
from anyglot.runtime.locks import held
from anyglot.text.identification import Identifier


@dataclass(frozen=True)
class Request:
    """What to evaluate.

    Attributes:
        systems: By label: opens the system.
        folders: By label: the model's folder; learning curves are drawn from its `metrics.jsonl`.
        tests: The test sets.
        out: Where everything is written.
        scoring: How to score.
        baseline: Label of the system to compare with, or None.
        earlier: Translations on disk to score beside the systems', or None.
        learned: Counts a further metric, or None.
        identifier: Tells the languages of the translations, or None.
        samples: Sample translations in the report.
        latency: Whether to time the systems.
    """

    systems: Mapping[str, Callable[[], System]]
    folders: Mapping[str, Path]
    tests: tuple[TestSet, ...]
    out: Path
    scoring: Scoring
    baseline: str | None
    samples: int
    earlier: Earlier | None = None
    learned: Learned | None = None
    identifier: Identifier | None = None
    latency: bool = False


def run(request: Request, say: Callable[[str], None]) -> str:
    """Evaluate and write as `carry_out` does, and return the table as Markdown.

    Raises:
        UserError: As `carry_out`.
    """
    evaluation, report = carry_out(request, say)
    shown = report.tables[: 2 if evaluation.timings else 1]
    return "\n\n".join(markdown_table(table) for table in shown)


def carry_out(request: Request, say: Callable[[str], None]) -> tuple[Evaluation, Report]:
    """Evaluate, and write `report.md`, `report.json` and `report.html`.

    Raises:
        UserError: As `run.evaluate`; and a folder that cannot be written, before anything is translated.
    """
    with held(request.out):
        return _carry_out(request, say)


def _carry_out(request: Request, say: Callable[[str], None]) -> tuple[Evaluation, Report]:
    begun = time.monotonic()
    with disk_errors(request.out, "choose another `out`"):
        request.out.mkdir(parents=True, exist_ok=True)
    evaluation = evaluate(
        request.systems,
        request.tests,
        request.out,
        scoring=request.scoring,
        baseline=request.baseline,
        earlier=request.earlier,
        learned=request.learned,
        samples=request.samples,
        latency=request.latency,
        say=say,
    )
    report = _report(request, evaluation, time.monotonic() - begun)
    written = write_report(request.out, report)
    say(f"report: {written.html}")
    return evaluation, report


def _report(request: Request, evaluation: Evaluation, seconds: float) -> Report:
    metrics = _metrics(evaluation)
    made = provenance(seed=request.scoring.seed, data_hash=evaluation.data_hash, seconds=seconds)
    facts = {**_searched(evaluation.facts), **made.facts()}
    if evaluation.reused:
        facts["Hypotheses kept from before"] = f"{evaluation.reused} files; their seconds are not counted"
    if evaluation.unverified:
        facts["Only counted, not proved to be of the same sentences"] = ", ".join(evaluation.unverified)
    tables, bars = _further(request, evaluation)
    if evaluation.timings:
        tables = (speed_table(evaluation.timings, evaluation.results, metrics, made.machine), *tables)
    evaluated = [label for label in request.systems if label != request.baseline] or list(request.systems)
    return Report(
        title=f"Evaluation of {', '.join(evaluated)}",
        summary=tuple(_summary(request, evaluation)),
        tables=(score_table(evaluation.results, metrics), *tables, evaluation.test_table),
        bars=(*(score_bars(evaluation.results, metric, request.baseline) for metric in metrics), *bars),
        curves=_curves(request.folders),
        samples=evaluation.samples,
        facts=facts,
    )


def _searched(facts: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """How the systems searched: a value that all of them have stands alone, others behind the system's label."""
    told: dict[str, str] = {}
    for name in dict.fromkeys(name for of_system in facts.values() for name in of_system):
        values = {label: str(of_system[name]) for label, of_system in facts.items() if name in of_system}
        alike = len(values) == len(facts) and len(set(values.values())) == 1
        each = "; ".join(f"{label}: {value}" for label, value in values.items())
        told[name.capitalize()] = next(iter(values.values())) if alike else each
    return told


def _metrics(evaluation: Evaluation) -> tuple[str, ...]:
    return tuple(dict.fromkeys(metric for found in evaluation.counts.values() for metric in found))


def _further(request: Request, evaluation: Evaluation) -> tuple[tuple[Table, ...], tuple[Bars, ...]]:
    """The tables below the scores, and the charts that belong to them."""
    lengths = {name: [len(line) for line in texts.sources] for name, texts in evaluation.sentences.items()}
    tables, bars = breakdown(in_common(evaluation.results), evaluation.counts, lengths, request.scoring)
    differences = difference_table(evaluation.results)
    off_target = None
    if request.identifier is not None:
        off_target = off_target_table(request.identifier, evaluation.tests, evaluation.sentences, evaluation.outputs)
    told = tuple(table for table in (differences, off_target) if table is not None)
    return (*told, *tables), bars


def _summary(request: Request, evaluation: Evaluation) -> list[str]:
    lines = []
    metrics = _metrics(evaluation)
    for label in evaluation.outputs:
        told = []
        for metric in metrics:
            for kind in KINDS:
                value = mean_of(evaluation.results, label, metric, kind)
                if value is not None:
                    told.append(f"{value:.1f} {metric} {kind}")
        if not told:
            overall = ((metric, mean_of(evaluation.results, label, metric)) for metric in metrics)
            told = [f"{value:.1f} {metric}" for metric, value in overall if value is not None]
        lines.append(f"{label}{' (baseline)' if label == request.baseline else ''}: mean {', '.join(told)}.")
    return lines


def _curves(folders: Mapping[str, Path]) -> tuple[Curves, ...]:
    drawn: list[Curves] = []
    for label, folder in folders.items():
        if not (folder / "metrics.jsonl").is_file():
            continue
        for chart in curves_from_metrics(folder / "metrics.jsonl"):
            title = f"{chart.title}, {label}" if len(folders) > 1 else chart.title
            drawn.append(Curves(title, chart.horizontal, chart.vertical, chart.lines, chart.boundaries))
    return tuple(drawn)

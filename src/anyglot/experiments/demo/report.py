"""What the demo tells: `summary.json` and the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from anyglot.evaluation.translation.metrics import MetricName
from anyglot.evaluation.translation.results import KINDS, Kind, Result, difference_table, mean_of, score_bars
from anyglot.evaluation.translation.run import Evaluation
from anyglot.experiments.demo.course import FT_ALL, SCRATCH, Course, listed
from anyglot.experiments.demo.record import Record
from anyglot.experiments.demo.unseen import Unseen
from anyglot.reporting.curves import curves_from_metrics
from anyglot.reporting.elements import Cell, Report, Table
from anyglot.reporting.provenance import provenance

_GROUPS: dict[Kind, str] = {"supervised": "supervised", "zero-shot": "zero_shot"}


METRICS: tuple[MetricName, ...] = ("BLEU", "chrF")


def table_of(course: Course, results: Sequence[Result]) -> Table:
    """A row per language and a column per metric and system; below, the means of supervised and zero-shot apart."""
    labels = [str(leg.label) for leg in course.translators]
    found = {(result.source, result.model): result for result in results}
    rows: list[tuple[Cell, ...]] = []
    for code in course.sources:
        scores = [found[code, label].scores[metric] for metric in METRICS for label in labels]
        rows.append((code, found[code, labels[0]].kind, *scores))
    for kind in KINDS:
        means = [_mean(results, label, metric, kind) for metric in METRICS for label in labels]
        rows.append(("mean", kind, *means))
    columns = ("Language", "Kind", *(f"{metric} {label}" for metric in METRICS for label in labels))
    sentences = results[0].sentences
    note = f"{sentences} sentences a language. Beside the scores: 95 % bootstrap intervals over sentences."
    return Table("Translation into English", columns, tuple(rows), note)


def summary_of(
    course: Course, results: Sequence[Result], unseen: Unseen | None, record: Record, seed: int
) -> dict[str, Any]:
    """What `summary.json` holds: per language and the means, under who translated what."""
    summary: dict[str, Any] = {
        "seconds": record.seconds,
        "seed": seed,
        "legs": record.legs,
        "starts": record.starts,
        "means": {},
    }
    for leg in course.translators:
        for kind, group in _GROUPS.items():
            chosen = [result for result in results if result.model == leg.label and result.kind == kind]
            summary[leg.key + group] = {
                result.source: {
                    "bleu": round(result.scores["BLEU"].value, 2),
                    "chrf": round(result.scores["chrF"].value, 2),
                }
                for result in chosen
            }
            summary["means"][leg.key + group] = {
                "bleu": round(_mean(chosen, str(leg.label), "BLEU"), 2),
                "chrf": round(_mean(chosen, str(leg.label), "chrF"), 2),
            }
    if unseen is not None:
        for leg in course.translators:
            label = str(leg.label)
            summary[f"{leg.key}unseen"] = {
                "bleu": round(unseen.bleu[label].value, 2),
                "chrf": round(unseen.chrf[label].value, 2),
                "exact": unseen.exact(label),
                "sentences": len(unseen.sentences),
                "languages": len(unseen.languages),
            }
    return summary


def _mean(results: Sequence[Result], model: str, metric: str, kind: Kind | None = None) -> float:
    value = mean_of(results, model, metric, kind)
    assert value is not None  # every group has a language
    return value


def report_of(
    course: Course, evaluation: Evaluation, unseen: Unseen | None, table: Table, record: Record, seed: int
) -> Report:
    """The report: what was done, scores, bars, learning curves, sample sentences."""
    facts = provenance(seed=seed, data_hash=evaluation.data_hash, seconds=record.seconds).facts()
    facts |= {f"Seconds: {name}": f"{seconds:.0f}" for name, seconds in record.legs.items()}
    differences = difference_table(evaluation.results)
    tables = [table, *([] if differences is None else [differences])]
    if unseen is not None:
        tables[1:1] = [unseen.score_table(), unseen.sentence_table(str(course.translators[0].label))]
    return Report(
        title="A translator of languages it has no parallel text for",
        summary=(_told_of_training(course), _told_of_scores(course, evaluation.results), _told_of_text(course)),
        tables=tuple(tables),
        tables_above=1,
        bars=(score_bars(evaluation.results, "BLEU", course.translators[-1].label),),
        curves=tuple(
            replace(curve, title=f"{_opened(leg.label or leg.folder)}: {curve.title}")
            for leg in course.legs
            for curve in curves_from_metrics(record.folder / leg.folder / "metrics.jsonl")
        ),
        samples=evaluation.samples,
        facts=facts,
    )


def _told_of_training(course: Course) -> str:
    lead = course.translators[0].label
    learned = (
        f"{lead} then learned to translate {listed(course.supervised)} into English from {course.pairs:,} pairs each."
    )
    if course.start is not None:
        return (
            f"The encoder {course.start} was pretrained by others on text of a hundred languages. {learned} "
            f"{listed([str(leg.label) for leg in course.translators[1:]])} had the same pairs and as many updates."
        )
    return (
        f"An encoder was pretrained from scratch on monolingual phrasebook text of {len(course.languages)} "
        f"languages, {course.monolingual:,} sentences each, no two languages with the same sentences. {learned}"
    )


def _told_of_scores(course: Course, results: Sequence[Result]) -> str:
    labels = [str(leg.label) for leg in course.translators]
    means = {(label, kind): _mean(results, label, "BLEU", kind) for label in labels for kind in KINDS}
    first, *others = labels
    against = listed([f"{means[label, 'zero-shot']:.1f} of {_described(label)}" for label in others])
    supervised = listed([f"{means[label, 'supervised']:.1f}" for label in labels])
    return (
        f"{listed(course.zero_shot)} never had a parallel sentence: mean BLEU {means[first, 'zero-shot']:.1f}, "
        f"against {against} on the same pairs with as many updates (supervised: {supervised})."
    )


def _described(label: str) -> str:
    """What a rival is, in the middle of a sentence."""
    return {
        FT_ALL: "the same network with everything trained at once (ft-all)",
        SCRATCH: "a network trained from scratch",
    }[label]


def _told_of_text(course: Course) -> str:
    told = "Test meanings occur in no training text of any language."
    if course.start is None:
        return f"{told} The encoder saw monolingual text only; no bilingual text was used in pretraining."
    return (
        f"{told} Settings were chosen on validation text of another seed. The text is the phrasebook's: real "
        "languages, made-up sentences of some 460 words; what a score on it means is told in docs/demo.md."
    )


def _opened(name: str) -> str:
    """As a headline begins."""
    return name[:1].upper() + name[1:]

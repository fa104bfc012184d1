"""A study's report: what the numbers support, and the numbers, as Markdown, JSON, LaTeX, figures and one HTML page."""

from __future__ import annotations

from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from anyglot.errors import UserError
from anyglot.experiments.study.conclusion import conclusion
from anyglot.experiments.study.effects import average, effects, trained_language, transfer
from anyglot.experiments.study.folder import INPUT
from anyglot.experiments.study.results import Results, read_results
from anyglot.experiments.study.tables import (
    average_table,
    base_maps,
    claim_table,
    effect_bars,
    effect_tables,
    every_layer_table,
    language_maps,
    language_table,
    last_layer_table,
    prediction_table,
    separability_table,
    share_curves,
    training_table,
)
from anyglot.reporting.elements import Report
from anyglot.reporting.provenance import provenance
from anyglot.reporting.publishing import Panels, publish
from anyglot.reporting.report import ReportFiles
from anyglot.runtime.untrusted_files import LARGE, read_json, text_of, understood

# Tables in front of the charts: the paper's findings, and the averages.
_ABOVE = 2
_DIGITS = 12


def write_study_report(folder: Path, root: Path, *, figures: bool | None = None) -> ReportFiles:
    """Write the report of the study whose steps lie in `root`.

    Args:
        folder: Has `input.json`, in which the study says which step is what; the report is written there.
        figures: Whether PNG and SVG files are written; None: where matplotlib is installed.

    Raises:
        UserError: There is no `input.json`, or no result at all.
    """
    manifest = read_manifest(folder)
    results = read_results(manifest, root)
    if not (results.scores or results.to_base or results.spectra or results.apart or results.trainings):
        raise UserError(f"no step in {root} has results to report: {'; '.join(results.missing[:3]) or 'it is empty'}.")
    wanted = find_spec("matplotlib") is not None if figures is None else figures
    report, panels = build_study_report(results, manifest)
    return publish(folder, report, panels, numbers(results), figures=wanted)


def read_manifest(folder: Path) -> dict[str, Any]:
    """What the study tells its report (`steps._manifest`), checked.

    Raises:
        UserError: There is none, or it is damaged.
    """
    path = folder / INPUT
    try:
        raw = read_json(path, LARGE)
    except (FileNotFoundError, UserError) as error:
        raise UserError(f"{path} cannot be read ({error}); run the study's report step.") from None
    with understood(path, "run the study's report step"):
        steps = [
            {
                "name": text_of(step["name"]),
                "template": text_of(step["template"]),
                "words": [text_of(word) for word in step["words"]],
                "values": {text_of(name): text_of(value) for name, value in step["values"].items()},
            }
            for step in raw["steps"]
        ]
        if any("/" in step["name"] or "\0" in step["name"] for step in steps):
            raise ValueError("a step's name is that of a folder")
        variables = {text_of(name): value for name, value in raw.get("variables", {}).items()}
        return {**raw, "steps": steps, "variables": variables, "report": dict(raw.get("report") or {})}


def build_study_report(results: Results, manifest: Any) -> tuple[Report, list[Panels]]:
    """Put the report together."""
    tables = [
        claim_table(results),
        average_table(results),
        *effect_tables(results),
        last_layer_table(results),
        language_table(results),
        every_layer_table(results),
        separability_table(results),
        prediction_table(results),
        training_table(results),
    ]
    figure_1, figure_2, curves = base_maps(results), language_maps(results), share_curves(results)
    bars = effect_bars(results)
    facts = {
        **provenance().facts(),
        "Command": f"anyglot study run {manifest.get('file', manifest.get('study', ''))}",
        "Seeds": ", ".join(results.seeds),
        **_origins(results),
        **_settings(manifest.get("variables") or {}),
    }
    if results.missing:
        facts["Not found"] = "; ".join(results.missing)
    report = Report(
        title=results.title,
        summary=tuple(conclusion(results)),
        tables=tuple(table for table in tables if _told(table.rows)),
        tables_above=_ABOVE,
        bars=(bars,) if bars.bars else (),
        bars_title="Transfer",
        curves=(curves,) if curves.lines else (),
        curves_title="Separability by layer",
        maps=(*figure_1, *figure_2),
        facts=facts,
    )
    panels = [
        Panels("figure-1-cka-with-the-base", figure_1, "language"),
        Panels("figure-2-cka-between-languages", figure_2, "languages"),
        Panels("separability-by-layer", report.curves),
    ]
    return report, panels


def _origins(results: Results) -> dict[str, str]:
    """Hashes of training and test sets, and the commits that steps ran from."""
    trained: dict[str, list[str]] = {}
    for condition, found in results.data.items():
        trained.setdefault(", ".join(each[:_DIGITS] for each in found), []).append(condition)
    told = {
        "Training data": "; ".join(f"{found} ({', '.join(names)})" for found, names in trained.items()),
        "Test data": "; ".join(f"{found[:_DIGITS]} ({task})" for task, found in results.tests.items()),
        "Commits of the steps": "; ".join(f"{name} ({count} steps)" for name, count in results.commits.items()),
    }
    return {name: text for name, text in told.items() if text}


def numbers(results: Results) -> dict[str, Any]:
    """Every score and every effect, for a program."""
    measures = (transfer(results), average(results), trained_language(results))
    return {
        "scores": [asdict(score) for score in results.scores],
        "effects": [
            {
                "measure": each.measure.name,
                "condition": each.condition,
                "against": each.against,
                "differences": list(each.differences),
                "low": None if each.summary is None else each.summary.low,
                "high": None if each.summary is None else each.summary.high,
                "verdict": each.verdict,
            }
            for measure in measures
            for each in effects(results, measure, further=True)
        ],
        "missing": list(results.missing),
    }


def _told(rows: tuple[tuple[Any, ...], ...]) -> bool:
    """Whether a table has a number, or any words beside the names of conditions."""
    return any(cell is not None for row in rows for cell in row[2:])


def _settings(variables: dict[str, Any]) -> dict[str, str]:
    """The study's variables, without paths and without those that hold others."""
    told = {name: str(value) for name, value in variables.items() if not any(sign in str(value) for sign in "/{*")}
    return {name.replace("_", " ").capitalize(): value for name, value in told.items()}

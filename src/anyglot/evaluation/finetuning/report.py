"""A suite's results as a report: the table of scores, each task by language, gaps, differences, searches, trainings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from anyglot.errors import UserError
from anyglot.evaluation.finetuning.averages import Measure, Values, measures, values_of
from anyglot.evaluation.finetuning.comparing import compare, earlier_results
from anyglot.evaluation.finetuning.requests import SuiteRequest
from anyglot.evaluation.finetuning.search import grid_named
from anyglot.evaluation.finetuning.suite import Outcome
from anyglot.evaluation.finetuning.tables import (
    Scoreboard,
    difference_table,
    gap_table,
    language_table,
    search_table,
    suite_table,
    threshold_table,
    training_table,
)
from anyglot.reporting.elements import Report, Table
from anyglot.reporting.markdown import markdown_table
from anyglot.reporting.provenance import provenance, tell_command
from anyglot.reporting.report import write_report
from anyglot.runtime.files import write_text


def scoreboard(request: SuiteRequest, outcome: Outcome) -> Scoreboard:
    """Read the resampled statistics of all results."""
    values: dict[tuple[str, str, Measure], Values] = {}
    by_task = {name: measures(task, request.suite) for name, task in outcome.tasks.items()}
    for (system, name), results in outcome.results.items():
        for measure in by_task[name]:
            found = values_of(outcome.tasks[name], measure, results)
            if found is not None:
                values[system, name, measure] = found
    return Scoreboard(
        tasks=outcome.tasks,
        systems=outcome.systems,
        measures=by_task,
        values=values,
        results={key: tuple(result for result, _ in results) for key, results in outcome.results.items()},
        train_language=request.train_language,
    )


def build_report(request: SuiteRequest, outcome: Outcome, baseline: str, seconds: float) -> Report:
    """Put the report together.

    Args:
        baseline: Label of the system that others are compared with, or "".
        seconds: Wall time.

    Raises:
        UserError: The earlier suite to compare with has no such results, or other test sets.
    """
    board = scoreboard(request, outcome)
    tables = [suite_table(board), *(language_table(board, task) for task in board.tasks)]
    gaps = gap_table(board)
    tables += [gaps] if gaps is not None else []
    tables += _differences(request, board, baseline)
    for (system, task), trials in outcome.searches.items():
        tables.append(search_table(system, task, trials, grid_named(request.grid).source))
    thresholds = threshold_table(board)
    tables += [training_table(board), *([] if thresholds is None else [thresholds])]
    left_out = tuple(_left_out(outcome))
    tables += [Table("Left out", ("Task", "Model", "Why"), left_out)] if left_out else []
    hashes = sorted(
        f"{name} {code} {part.data}"
        for (_, name), results in outcome.results.items()
        for result, _ in results
        for code, part in result.languages.items()
    )
    data = hashlib.sha256("\n".join(dict.fromkeys(hashes)).encode()).hexdigest()
    return Report(
        title=f"{_name(request)}: {', '.join(outcome.systems)}",
        summary=tuple(_summary(request, board, outcome)),
        tables=tuple(tables),
        facts={
            "Suite": request.suite or ", ".join(request.tasks),
            "Setting": request.setting,
            "Training language": request.train_language,
            "Seeds": ", ".join(map(str, request.seeds)),
            **({"Results kept from before": str(outcome.kept)} if outcome.kept else {}),
            **{f"Rows of {name}": tell_command(" ".join(told).split()) for name, told in outcome.faults.items()},
            **provenance(data_hash=data, seconds=seconds).facts(),
        },
    )


def write_suite_report(request: SuiteRequest, outcome: Outcome, baseline: str, seconds: float) -> tuple[str, Path]:
    """Write report.html, report.md, report.json and scores.json; return the table of scores and the page.

    Raises:
        UserError: As `build_report`; or the folder cannot be written.
    """
    report = build_report(request, outcome, baseline, seconds)
    written = write_report(request.out, report)
    content = json.dumps(scores_data(outcome), ensure_ascii=False, indent=1, allow_nan=False)
    write_text(request.out / "scores.json", content + "\n")
    return markdown_table(report.tables[0]), written.html


def scores_data(outcome: Outcome) -> list[dict[str, Any]]:
    """Every result as JSON values: one a system, task and seed."""
    return [asdict(result) for results in outcome.results.values() for result, _ in results]


def _left_out(outcome: Outcome) -> Iterator[tuple[str, str, str]]:
    """Tasks without a result, and the holes in the rows of single systems: task, system or "all", why."""
    for task, why in outcome.left_out.items():
        yield task, "all", why
    for (system, task), why in outcome.holes.items():
        yield task, system, why
    for (system, task), results in outcome.results.items():
        missing = dict.fromkeys(code for result, _ in results for code in result.missing)
        if missing:
            yield task, system, f"no token for {', '.join(missing)}: means are over its other languages"


def _differences(request: SuiteRequest, board: Scoreboard, baseline: str) -> Iterator[Table]:
    for system in board.systems:
        others: dict[str, Values] = {}
        name = baseline
        if baseline and system != baseline:
            others = _headlines(board, baseline)
        elif request.against is not None:
            name = f"{system} before"
            others = _earlier(request.against, board, system)
        own = _headlines(board, system)
        shared = [task for task in own if task in others]
        if shared:
            found = compare([(own[task], others[task]) for task in shared])
            yield difference_table(system, name, found, {task: own[task].measure.title for task in shared})


def _headlines(board: Scoreboard, system: str) -> dict[str, Values]:
    found = {task: board.headline(system, task) for task in board.tasks}
    return {task: values for task, values in found.items() if values is not None}


def _earlier(folder: Path, board: Scoreboard, system: str) -> dict[str, Values]:
    """The earlier suite's values of the system, of tasks that both have."""
    found = {}
    for task, results in earlier_results(folder, system).items():
        if task in board.tasks:
            values = values_of(board.tasks[task], board.measures[task][0], results)
            if values is not None:
                found[task] = values
    if not found:
        raise UserError(f"{folder} and this suite have no task in common")
    return found


def _name(request: SuiteRequest) -> str:
    return {"xtreme": "XTREME", "xglue": "XGLUE", "phrasebook": "Phrasebook"}.get(request.suite, "Understanding")


def _summary(request: SuiteRequest, board: Scoreboard, outcome: Outcome) -> Iterator[str]:
    how = {
        "zero-shot": f"trained on {request.train_language} alone and tested in all languages",
        "translate-train": f"trained on {request.train_language} and its translations into the test languages",
        "few-shot": f"trained on {request.train_language} and {request.few} examples of each test language",
    }[request.setting]
    selected = {
        result.facts["told"]["Selected by"]
        for results in board.results.values()
        for result in results
        if "told" in result.facts
    }
    yield (
        f"{len(board.tasks)} tasks, {how}. Weights of each training were selected by "
        f"{' or '.join(sorted(selected)) or 'nothing, as nothing was trained'}."
    )
    if outcome.left_out:
        yield f"Left out: {', '.join(outcome.left_out)}; why stands below."
    holes = dict.fromkeys(system for _, system, _ in _left_out(outcome) if system != "all")
    if holes:
        yield f"Not scored on all of it, so means are of less: {', '.join(holes)}; of what stands below."
    if any(measure.metric == "legacy_pos" for found in board.measures.values() for measure in found):
        yield (
            "Parts of speech stand by both measures: the share of right tags, and seqeval's score on bare tags that "
            "XTREME (F1) and XGLUE (precision) report."
        )

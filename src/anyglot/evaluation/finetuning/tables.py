"""The tables of a suite's report."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from anyglot.evaluation.finetuning.averages import Measure, Values, Vector, suite_deviation, suite_mean
from anyglot.evaluation.finetuning.comparing import Comparison
from anyglot.evaluation.finetuning.results import SeedResult
from anyglot.evaluation.finetuning.search import Trial
from anyglot.evaluation.tasks.task import Task
from anyglot.reporting.elements import Cell, Table
from anyglot.stats.resampling import interval
from anyglot.stats.scores import Score


@dataclass(frozen=True, eq=False)
class Scoreboard:
    """All values of a suite.

    Attributes:
        tasks: By name, in order.
        systems: Labels, in order.
        measures: Of each task, the averaged one first.
        values: (system, task, measure) to values; missing where nothing was scored.
        results: (system, task) to the results of all seeds.
        train_language: The language that transfer starts from.
    """

    tasks: Mapping[str, Task]
    systems: tuple[str, ...]
    measures: Mapping[str, tuple[Measure, ...]]
    values: Mapping[tuple[str, str, Measure], Values]
    results: Mapping[tuple[str, str], tuple[SeedResult, ...]]
    train_language: str

    def headline(self, system: str, task: str) -> Values | None:
        """A system's values of a task's averaged measure."""
        return self.values.get((system, task, self.measures[task][0]))

    def common(self) -> tuple[str, ...]:
        """Tasks that every system has a score of: what a mean over tasks is taken over."""
        return tuple(
            task for task in self.tasks if all(self.headline(system, task) is not None for system in self.systems)
        )

    def score(self, values: Values, vector: Vector, units: int) -> Score:
        """A cell of a table."""
        low, high = interval(vector[1:])
        # A point outside its interval can only be seen where resamples all fall to one side of it.
        point = float(vector[0])
        name = f"{values.task}: {values.measure.title}"
        return Score(name, point, min(low, point), max(high, point), self.signature(values), units)

    def signature(self, values: Values) -> str:
        """How a number was made: what two numbers must share to be comparable, and what made them."""
        result = self.results[values.system, values.task][0]
        made, told = result.made_from, result.facts.get("told", {})
        settings = made.get("settings", {})
        machine = result.facts["machine"]
        data = hashlib.sha256("".join(f"{code} {values.data[code]}\n" for code in values.languages).encode())
        parts = {
            "task": values.task,
            "metric": f"{values.measure.metric}.{values.measure.value}",
            "mean": f"{len(values.languages)}-languages({'+'.join(values.languages)})",
            "system": values.system,
            "protocol": made["protocol"],
            "threshold": made.get("threshold"),
            "head": settings.get("head"),
            "pooling": settings.get("pooling"),
            "select": settings.get("select"),
            "setting": told.get("Setting"),
            "train": told.get("Train language"),
            "seeds": "+".join(map(str, values.seeds)) if told else None,
            "rate": settings.get("learning_rate"),
            "epochs": settings.get("epochs"),
            "batch": settings.get("batch"),
            "length": settings.get("max_length"),
            "precision": result.facts.get("precision"),
            "data": data.hexdigest()[:12],
            "bs": made["resampling"][1],
            "bs-seed": made["resampling"][0],
            "commit": result.facts["commit"],
            "machine": f"{machine['accelerator'] or machine['processor']}, {machine['cores']} cores",
            "version": f"anyglot-{importlib.metadata.version('anyglot')}",
        }
        return "|".join(f"{name}:{value}" for name, value in parts.items() if value is not None)


def suite_table(board: Scoreboard) -> Table:
    """Each task's mean over languages; parts of speech by both measures; and the mean over tasks."""
    columns = ["Task", "Measure", "Languages"]
    several = {system: _has_seeds(board, system) for system in board.systems}
    for system in board.systems:
        columns += [system, *([f"{system}: sd over seeds"] if several[system] else [])]
    rows: list[tuple[Cell, ...]] = []
    for task in board.tasks:
        for number, measure in enumerate(board.measures[task]):
            if number and measure.metric not in ("legacy_pos", "tag_accuracy", "ndcg_expected"):
                continue
            if measure.value == "recall":
                continue
            cells: list[Cell] = []
            languages: Cell = None
            for system in board.systems:
                values = board.values.get((system, task, measure))
                languages = languages if values is None else len(values.languages)
                cells += _mean_cells(board, values, several[system])
            rows.append((task, measure.title + (" (not averaged)" if number else ""), languages, *cells))
    common = board.common()
    if common:
        cells = []
        for system in board.systems:
            found = [values for task in common if (values := board.headline(system, task)) is not None]
            cells += _suite_cells(board, found, several[system])
        rows.append((f"Mean over {len(common)} tasks", "", None, *cells))
    note = (
        "A task's score is the plain mean over its test languages, the training language included, and over seeds; a "
        "suite's is the plain mean over the tasks that all systems have. In brackets: 95 % intervals from a Poisson "
        "bootstrap of the test examples, which says nothing of another training seed; that is what the standard "
        "deviation over seeds (n - 1) says."
    )
    return Table("Scores", tuple(columns), tuple(rows), note)


def _has_seeds(board: Scoreboard, system: str) -> bool:
    found = (board.headline(system, task) for task in board.tasks)
    return any(values is not None and len(values.seeds) > 1 for values in found)


def _mean_cells(board: Scoreboard, values: Values | None, seeds: bool) -> list[Cell]:
    if values is None:
        return [None, *([None] if seeds else [])]
    cell = board.score(values, values.mean(), sum(values.units.values()))
    return [cell, *([_rounded(values.deviation())] if seeds else [])]


def _suite_cells(board: Scoreboard, values: Sequence[Values], seeds: bool) -> list[Cell]:
    vector = suite_mean(values)
    low, high = interval(vector[1:])
    point = float(vector[0])
    parts = [
        f"mean:{len(values)}-tasks({'+'.join(each.task for each in values)})",
        f"system:{values[0].system}",
        f"bs:{len(vector) - 1}",
        f"version:anyglot-{importlib.metadata.version('anyglot')}",
    ]
    units = sum(sum(each.units.values()) for each in values)
    cell = Score("mean over tasks", point, min(low, point), max(high, point), "|".join(parts), units)
    return [cell, *([_rounded(suite_deviation(values))] if seeds else [])]


def _rounded(value: float | None) -> Cell:
    return None if value is None else f"{value:.2f}"


def language_table(board: Scoreboard, task: str) -> Table:
    """A task with its languages as columns: a row for each system and measure."""
    found = [
        values
        for system in board.systems
        for measure in board.measures[task]
        if (values := board.values.get((system, task, measure))) is not None
    ]
    languages = tuple(dict.fromkeys(code for values in found for code in values.languages))
    rows: list[tuple[Cell, ...]] = []
    for values in found:
        cells = [
            board.score(values, values.of(code), values.units[code]) if code in values.languages else None
            for code in languages
        ]
        mean = board.score(values, values.mean(), sum(values.units.values()))
        rows.append((values.system, values.measure.title, *cells, mean))
    units = {code: values.units[code] for values in reversed(found) for code in values.languages}
    told = next(iter(board.results[found[0].system, task])).facts.get("told", {}) if found else {}
    note = (
        "; ".join([*(f"{name.lower()}: {value}" for name, value in told.items())])
        + ("; " if told else "")
        + f"units of each test set: {', '.join(f'{code} {units[code]:,}' for code in languages)}."
    )
    title = board.tasks[task].title if board.tasks[task].title != task else task
    return Table(
        f"{task} by language: {title}",
        ("Model", "Measure", *languages, "Mean"),
        tuple(rows),
        note[:1].upper() + note[1:],
    )


def gap_table(board: Scoreboard) -> Table | None:
    """What is lost from the training language to the others; None where no task has both."""
    rows: list[tuple[Cell, ...]] = []
    for task in board.tasks:
        cells: list[Cell] = []
        for system in board.systems:
            values = board.headline(system, task)
            gap = None if values is None else values.gap(board.train_language)
            if gap is None:
                cells.append(None)
                continue
            low, high = interval(gap[1:])
            cells.append(f"{gap[0]:.1f} [{low:.1f}, {high:.1f}]")
        if any(cell is not None for cell in cells):
            rows.append((task, board.measures[task][0].title, *cells))
    if not rows:
        return None
    note = f"The score in {board.train_language} minus the mean over all other languages; 95 % intervals."
    return Table("Transfer gap", ("Task", "Measure", *board.systems), tuple(rows), note)


def difference_table(system: str, baseline: str, found: Sequence[Comparison], measures: Mapping[str, str]) -> Table:
    """A system minus a baseline, on each task and in each language."""
    rows: list[tuple[Cell, ...]] = [
        (
            part.task,
            measures[part.task],
            part.language or "all",
            str(part.difference),
            _p(part.difference.p),
            _p(part.holm),
            "yes" if part.holm < 0.05 else "no",
        )
        for part in found
    ]
    note = (
        "Means over seeds, on the same resamples of the same test sets (paired bootstrap, two-sided). p is not "
        f"corrected; p (Holm) is, over the {len(found)} comparisons of this table. Neither says what other training "
        "seeds would do."
    )
    columns = ("Task", "Measure", "Language", "Difference", "p", "p (Holm)", "significant at 0.05")
    return Table(f"{system} minus {baseline}", columns, tuple(rows), note)


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "<0.001"


def search_table(system: str, task: str, trials: Sequence[Trial], source: str) -> Table:
    """What a search tried, the best first."""
    ordered = sorted(trials, key=lambda trial: -trial.score)
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (f"{trial.learning_rate:g}", trial.epochs, trial.batch, trial.score) for trial in ordered
    )
    note = f"Grid: {source}. Each point trained once, with the first seed, and chosen by this dev score alone."
    return Table(f"Search: {system}, {task}", ("Learning rate", "Epochs", "Batch", "Dev score"), rows, note)


def threshold_table(board: Scoreboard) -> Table | None:
    """Of tasks that take what scores above a threshold: what it was, and what it was tuned on."""
    rows: list[tuple[Cell, ...]] = []
    for task in board.tasks:
        for system in board.systems:
            for result in board.results.get((system, task), ()):
                for code, told in result.facts.get("thresholds", {}).items():
                    what = (task, system, code, told["tuned on"], told["threshold"])
                    rows.append((*what, told["taken"], told["precision"], told["recall"]))
    if not rows:
        return None
    columns = ("Task", "Model", "Language", "Threshold tuned on", "Threshold", "Pairs taken", "Precision", "Recall")
    return Table("Thresholds", columns, tuple(rows), "A threshold tuned on the pairs that are scored is too good.")


def training_table(board: Scoreboard) -> Table:
    """How each model was trained: settings, selection, time."""
    rows: list[tuple[Cell, ...]] = []
    for task in board.tasks:
        for system in board.systems:
            for result in board.results.get((system, task), ()):
                settings, facts = result.made_from.get("settings", {}), result.facts
                if "epoch" not in facts:
                    continue
                rate = facts["tokens"] / facts["training seconds"] if facts["training seconds"] else 0.0
                rows.append(
                    (
                        task,
                        system,
                        str(result.seed),
                        result.made_from["protocol"],
                        f"{settings['learning_rate']:g}",
                        settings["batch"],
                        f"{facts['epoch']} of {settings['epochs']}",
                        facts["told"].get("Selected by", ""),
                        round(facts["training seconds"]),
                        round(rate),
                        facts["commit"],
                    )
                )
    columns = (
        "Task",
        "Model",
        "Seed",
        "Protocol",
        "Rate",
        "Batch",
        "Epoch kept",
        "Selected by",
        "Seconds",
        "Tokens a second",
        "Commit",
    )
    return Table("Trainings", columns, tuple(rows), "The head is fresh in each; tokens without padding.")

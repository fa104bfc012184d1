"""A study's tables and figures: like the paper's 1, 2, 4 and 5 and its figures 1 and 2, over conditions and seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from anyglot.experiments.study.conclusion import claims, correlations, explanations
from anyglot.experiments.study.effects import (
    Effect,
    Measure,
    average,
    effects,
    task_transfer,
    trained_language,
    transfer,
)
from anyglot.experiments.study.results import Model, Results, Scale, mean
from anyglot.reporting.elements import Bar, Bars, Cell, Curves, HeatMap, Line, Table
from anyglot.stats.seeds import over_seeds

_MATRICES = ("K", "Q", "V", "Out", "FC1", "FC2")
Rows = Mapping[str, tuple[float | None, ...]]


def average_table(results: Results) -> Table:
    """The paper's table 1: a task's mean over its languages, a condition a row; mean and deviation over seeds."""
    columns = ("Condition", *results.tasks, "Average")
    rows: list[tuple[Cell, ...]] = []
    for condition, title in results.conditions.items():
        cells: list[Cell] = [_spread(_language_means(results, condition, task)) for task in results.tasks]
        rows.append((title, *cells, _spread(_over_seeds(average(results), condition, results))))
    metrics = ", ".join(f"{task}: {metric}" for task, metric in _metrics(results).items())
    note = f"Means over languages, {results.train_language} included, ± deviation over seeds. {metrics}."
    return Table("Table 1: averages of the tasks", columns, tuple(rows), note)


def language_table(results: Results) -> Table:
    """The paper's table 4: every language of every task, the mean over seeds."""
    languages = tuple(dict.fromkeys(score.language for score in results.scores))
    rows: list[tuple[Cell, ...]] = []
    for task in results.tasks:
        for condition, title in results.conditions.items():
            values = {
                code: mean(
                    score.value
                    for score in results.scores
                    if (score.task, score.language, score.model[0]) == (task, code, condition)
                )
                for code in languages
            }
            rows.append((task, title, *values.values(), mean(values.values())))
    columns = ("Task", "Condition", *(code.upper() for code in languages), "AVG")
    return Table("Table 4: every language", columns, tuple(rows), "Means over seeds.")


def last_layer_table(results: Results) -> Table:
    """The paper's table 2: norm and distance of each matrix of the encoder's last layer."""
    last = max(
        (place[1] for scales in results.spectra.values() for place in scales if place[0] == "encoder"), default=0
    )
    rows: list[tuple[Cell, ...]] = [
        (title, *_scale_cells(results, condition, last)) for condition, title in results.conditions.items()
    ]
    title = f"Table 2: singular values of the encoder's last layer ({last})"
    return Table(title, ("Model", *_scale_columns()), tuple(rows), _SCALE_NOTE, 2)


def every_layer_table(results: Results) -> Table:
    """The paper's table 5: the same for every layer of the encoder."""
    layers = sorted({place[1] for scales in results.spectra.values() for place in scales if place[0] == "encoder"})
    rows: list[tuple[Cell, ...]] = [
        (str(layer), title, *_scale_cells(results, condition, layer))
        for layer in layers
        for condition, title in results.conditions.items()
    ]
    columns = ("Layer", "Model", *_scale_columns())
    return Table("Table 5: singular values of every layer of the encoder", columns, tuple(rows), _SCALE_NOTE, 2)


_SCALE_NOTE = (
    "‖σ‖: norm of the singular values. d: distance of the sorted values to those of the base model with the same seed. "
    "Means over seeds."
)


def effect_tables(results: Results) -> list[Table]:
    """Every comparison: difference paired by seed, its interval, and the verdict. Transfer, each task, all else."""
    rows = [
        (*_names(each, results), *_effect_cells(each)) for each in effects(results, transfer(results), further=True)
    ]
    tasks = [task_transfer(results, task) for task in results.tasks]
    others = [average(results), trained_language(results), *explanations(results)]
    found = "95 % intervals: Student's t over seeds."
    against = f"Against “{results.conditions[results.base]}”. {found}"
    columns = ("Condition", "Difference", "95 % interval", "Seeds", "Verdict")
    return [
        Table("Effects on zero-shot transfer", ("Condition", "Against", *columns[1:]), tuple(rows), found),
        Table("Effects on zero-shot transfer by task", ("Task", *columns), _by_measure(tasks, results), against),
        Table("Effects on everything else", ("Measure", *columns), _by_measure(others, results), against),
    ]


def _by_measure(measures: Iterable[Measure], results: Results) -> tuple[tuple[Cell, ...], ...]:
    return tuple(
        (measure.name, results.conditions[each.condition], *_effect_cells(each))
        for measure in measures
        for each in effects(results, measure)
    )


def _names(found: Effect, results: Results) -> tuple[Cell, Cell]:
    return results.conditions[found.condition], results.conditions[found.against]


def _effect_cells(found: Effect) -> tuple[Cell, ...]:
    summary, places = found.summary, found.measure.decimals
    assert summary is not None
    interval = None
    if summary.low is not None and summary.high is not None:
        interval = f"{summary.low:+.{places}f} to {summary.high:+.{places}f}"
    return f"{summary.mean:+.{places}f}", interval, len(found.differences), found.verdict


def claim_table(results: Results) -> Table:
    """The paper's findings beside this study's."""
    columns = ("Finding of the paper", "Condition", "It says", "Here", "So it", "At equal compute")
    rows = tuple((row.claim, row.condition, row.says, row.here, row.relation, row.control) for row in claims(results))
    note = f"Here: against “{results.conditions[results.base]}”, by intervals alone."
    if results.control is not None:
        note += f" At equal compute: against “{results.conditions[results.control]}”."
    return Table("The paper and this study", columns, rows, note)


def separability_table(results: Results) -> Table:
    """How far languages lie apart, at every layer: share of the variance, probe, and CKA between languages."""
    rows: list[tuple[Cell, ...]] = []
    for condition, title in results.conditions.items():
        for place, layer in enumerate(results.layers):
            share = _layer_mean(results, condition, place, lambda each: each[0])
            probe = _layer_mean(results, condition, place, lambda each: each[1])
            pairs = [
                rows_[pair][place]
                for seed in results.seeds
                if (rows_ := results.between.get((condition, seed))) is not None
                for pair in rows_
            ]
            rows.append((title, layer, share, probe, _hundredfold(mean(pairs))))
    columns = ("Condition", "Layer", "Variance between languages", "Probe", "CKA between languages")
    note = "Per cent of variance, per cent right, and 100 times CKA; means over seeds."
    return Table("Separability of languages", columns, tuple(rows), note, 1)


def prediction_table(results: Results) -> Table:
    """Spearman's rho of separability with transfer."""
    rows = tuple((measure.name, found.rho, found.p, found.points) for measure, found in correlations(results))
    note = "Over conditions, each the mean of its seeds. p: two-sided, by permutation."
    return Table("Does separability go with transfer?", ("Measure", "rho", "p", "Conditions"), rows, note, 3)


def training_table(results: Results) -> Table:
    """What each condition's training took."""
    rows: list[tuple[Cell, ...]] = []
    for condition, title in results.conditions.items():
        found = [
            results.trainings[model] for seed in results.seeds if (model := (condition, seed)) in results.trainings
        ]
        if found:
            rows.append(
                (
                    title,
                    found[0].updates,
                    round(sum(each.tokens for each in found) / len(found)),
                    round(sum(each.seconds for each in found) / len(found)),
                    mean(each.loss for each in found),
                )
            )
    columns = ("Condition", "Updates", "Target tokens", "Seconds", "Validation loss")
    note = "Of this condition's own training, without that of the model it starts from. Means over seeds."
    return Table("Trainings", columns, tuple(rows), note, 2)


def base_maps(results: Results) -> list[HeatMap]:
    """The paper's figure 1: CKA of each condition with the base, by language and layer."""
    base = results.conditions[results.base]
    titles = [(name, f"CKA of {base} and {title}") for name, title in results.conditions.items()]
    return _maps(results, results.to_base, titles[1:])


def language_maps(results: Results) -> list[HeatMap]:
    """The paper's figure 2: CKA between the languages of each condition, by pair and layer."""
    titles = [(name, f"CKA between languages, {title}") for name, title in results.conditions.items()]
    return _maps(results, results.between, titles)


def effect_bars(results: Results) -> Bars:
    """Transfer of every condition against the base, with intervals."""
    bars = []
    for task in (*results.tasks, ""):
        measure = transfer(results) if not task else task_transfer(results, task)
        for each in effects(results, measure):
            assert each.summary is not None
            label = task or "all tasks"
            bars.append(
                Bar(label, results.conditions[each.condition], each.summary.mean, each.summary.low, each.summary.high)
            )
    unit = f"points against {results.conditions[results.base]}"
    return Bars("Zero-shot transfer", unit, tuple(bars), "Intervals: 95 %, over seeds.", order=())


def share_curves(results: Results) -> Curves:
    """Share of the variance that is between languages, by layer; a line a condition."""
    lines = []
    for condition, title in results.conditions.items():
        points = [
            (place - 1.0, value)
            for place in range(len(results.layers))
            if (value := _layer_mean(results, condition, place, lambda each: each[0])) is not None
        ]
        if points:
            lines.append(Line(title, tuple(points), dotted=True))
    return Curves("Variance between languages", "layer (-1: embeddings)", "per cent", tuple(lines))


def _maps(results: Results, rows: Mapping[Model, Rows], titles: Iterable[tuple[str, str]]) -> list[HeatMap]:
    columns = tuple("emb" if layer == "embeddings" else layer for layer in results.layers)
    maps = []
    for condition, title in titles:
        found = [rows[condition, seed] for seed in results.seeds if (condition, seed) in rows]
        if found:
            names = tuple(found[0])
            values = tuple(
                tuple(mean(each[name][place] for each in found if name in each) for place in range(len(columns)))
                for name in names
            )
            maps.append(HeatMap(title, "layer", columns, names, values, 0.0, 1.0, "Means over seeds.", 2))
    return maps


def _layer_mean(
    results: Results, condition: str, place: int, pick: Callable[[tuple[float | None, float]], float | None]
) -> float | None:
    found = [results.apart[model] for seed in results.seeds if (model := (condition, seed)) in results.apart]
    return mean(pick((layers[place].share, layers[place].accuracy)) for layers in found if place < len(layers))


def _scale_columns() -> tuple[str, ...]:
    return tuple(heading for name in _MATRICES for heading in (f"{name} ‖σ‖", f"{name} d"))


def _scale_cells(results: Results, condition: str, layer: int) -> tuple[Cell, ...]:
    cells: list[Cell] = []
    for name in _MATRICES:
        found = [
            scales[place]
            for seed in results.seeds
            if (scales := results.spectra.get((condition, seed))) and (place := ("encoder", layer, name)) in scales
        ]
        cells += [mean(each.norm for each in found), _distance(found)]
    return tuple(cells)


def _distance(found: list[Scale]) -> float | None:
    return mean(each.distance for each in found)


def _language_means(results: Results, condition: str, task: str) -> list[float]:
    found = []
    for seed in results.seeds:
        value = mean(score.value for score in results.scores if (score.model, score.task) == ((condition, seed), task))
        if value is not None:
            found.append(value)
    return found


def _over_seeds(measure: Measure, condition: str, results: Results) -> list[float]:
    return [measure.values[model] for seed in results.seeds if (model := (condition, seed)) in measure.values]


def _spread(values: list[float]) -> Cell:
    return over_seeds(values).spread if values else None


def _metrics(results: Results) -> dict[str, str]:
    return {score.task: score.metric for score in results.scores}


def _hundredfold(value: float | None) -> float | None:
    return None if value is None else 100 * value

"""Scores of several models over several test sets, as the table, the means and the bars of a report."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean
from typing import Literal

from anyglot.reporting.elements import Bar, Bars, Cell, Table
from anyglot.stats.scores import Score
from anyglot.stats.significance import Difference

Kind = Literal["supervised", "zero-shot"]
KINDS: tuple[Kind, ...] = ("supervised", "zero-shot")


@dataclass(frozen=True)
class Result:
    """One model on one test set.

    Attributes:
        test: Name of the test set.
        model: The model's label.
        source: Source language.
        target: Target language.
        kind: Whether the model saw parallel data of the pair; None where it is not recorded.
        sentences: How many were scored.
        scores: By metric.
        differences: By metric, to the baseline; empty without one.
    """

    test: str
    model: str
    source: str
    target: str
    kind: Kind | None
    sentences: int
    scores: Mapping[str, Score]
    differences: Mapping[str, Difference] = field(default_factory=dict)


def kind_of(source: str, target: str, pairs: Collection[tuple[str, str]]) -> Kind:
    """Return "supervised" if this direction, of canonical codes, had parallel data in training, else "zero-shot"."""
    return "supervised" if (source, target) in pairs else "zero-shot"


def kinds_by_test(results: Sequence[Result]) -> dict[str, Kind | None]:
    """Return each test set's kind: that of the first model that knows, so that all models share the rows' groups."""
    kinds: dict[str, Kind | None] = {}
    for result in results:
        if kinds.get(result.test) is None:
            kinds[result.test] = result.kind
    return kinds


def in_common(results: Sequence[Result]) -> list[Result]:
    """The results on test sets that every model translated: means over others cannot be set side by side."""
    models = {result.model for result in results}
    having: dict[str, set[str]] = {}
    for result in results:
        having.setdefault(result.test, set()).add(result.model)
    return [result for result in results if having[result.test] == models]


def mean_of(results: Sequence[Result], model: str, metric: str, kind: Kind | None = None) -> float | None:
    """Return the mean point score of a model over the test sets of a kind (over all for None), or None for no set.

    Test sets that one of the models could not translate are left out for all.
    """
    kinds = kinds_by_test(results)
    values = [
        result.scores[metric].value
        for result in in_common(results)
        if result.model == model and metric in result.scores and kind in (None, kinds[result.test])
    ]
    return mean(values) if values else None


def score_table(results: Sequence[Result], metrics: Sequence[str], title: str = "Scores") -> Table:
    """Put results side by side: a row per test set, a column per metric and model, supervised rows first.

    Below them stand the means of the supervised and of the zero-shot test sets, apart; one row of means where no
    kind is known. Differences to a baseline get a column with their paired interval.
    """
    models = list(dict.fromkeys(result.model for result in results))
    kinds = kinds_by_test(results)
    found = {(result.test, result.model): result for result in results}
    columns = [(metric, model) for metric in metrics for model in models]
    compared = [(metric, model) for metric, model in columns if _has_difference(results, metric, model)]
    names = ["Test", "Pair", *(["Kind"] if any(kinds.values()) else []), "Sentences"]
    names += [metric if len(models) == 1 else f"{metric} {model}" for metric, model in columns]
    names += [f"{metric} {model} − baseline" for metric, model in compared]
    rows: list[tuple[Cell, ...]] = []
    for test in _ordered(kinds):
        first = next(result for result in results if result.test == test)
        kind: list[Cell] = [kinds[test]] if any(kinds.values()) else []
        cells: list[Cell] = [test, f"{first.source}-{first.target}", *kind, first.sentences]
        cells += [_score(found.get((test, model)), metric) for metric, model in columns]
        cells += [_difference(found.get((test, model)), metric) for metric, model in compared]
        rows.append(tuple(cells))
    groups: list[Kind | None] = [kind for kind in KINDS if kind in kinds.values()]
    shared = {result.test for result in in_common(results)}
    for group in groups or [None]:
        size = sum(group in (None, kinds[test]) for test in shared)
        if not size:
            continue
        start: list[Cell] = [f"mean of {size}", None, *([group] if any(kinds.values()) else []), None]
        means: list[Cell] = [mean_of(results, model, metric, group) for metric, model in columns]
        rows.append((*start, *means, *([None] * len(compared))))
    note = "In brackets: 95 % bootstrap intervals over sentences. Means are of point scores, each test set alike."
    if len(shared) < len(kinds):
        note += " They are over the test sets that every model translates; a hole is a language a model cannot be told."
    if compared:
        note += " Differences to the baseline: paired bootstrap over the same resamples; p-values stand below."
    return Table(title, tuple(names), tuple(rows), note)


def difference_table(results: Sequence[Result]) -> Table | None:
    """Tell every difference to the baseline with its interval and the p-values of both paired tests; None without."""
    rows: list[tuple[Cell, ...]] = []
    for test in _ordered(kinds_by_test(results)):
        for result in (result for result in results if result.test == test):
            for metric, found in result.differences.items():
                cells = (test, f"{result.source}-{result.target}", result.model, metric, result.sentences)
                rows.append((*cells, found, p_text(found.p_bootstrap), p_text(found.p_randomisation)))
    if not rows:
        return None
    names = ("Test", "Pair", "Model", "Metric", "Sentences", "Difference", "p bootstrap", "p randomisation")
    note = (
        "Two-sided p-values: how often chance alone would show as large a difference on these sentences. They know "
        f"nothing of training seeds. Of {len(rows)} comparisons, about one in twenty falls below 0.05 by chance."
    )
    return Table("Differences to the baseline", names, tuple(rows), note)


def p_text(value: float) -> str:
    """Write a p-value with as many digits as it is worth."""
    return f"{value:.2g}" if value < 0.095 else f"{value:.2f}"


def score_bars(results: Sequence[Result], metric: str, baseline: str | None = None) -> Bars:
    """Draw one metric: a bar per test set and model.

    Bars of a single model are coloured by kind; of several, the first model's by kind and the others' by model.
    """
    kinds = kinds_by_test(results)
    first = next((result.model for result in results if result.model != baseline), baseline)
    bars = []
    for test in _ordered(kinds):
        for result in (result for result in results if result.test == test and metric in result.scores):
            score = result.scores[metric]
            series = (kinds[test] or result.model) if result.model == first else result.model
            bars.append(Bar(test, series, score.value, score.low, score.high))
    return Bars(f"{metric} by test set", metric, tuple(bars))


def _ordered(kinds: Mapping[str, Kind | None]) -> list[str]:
    return sorted(kinds, key=lambda test: (*KINDS, None).index(kinds[test]))


def _score(result: Result | None, metric: str) -> Cell:
    return None if result is None else result.scores.get(metric)


def _has_difference(results: Sequence[Result], metric: str, model: str) -> bool:
    return any(metric in result.differences for result in results if result.model == model)


def _difference(result: Result | None, metric: str) -> Cell:
    return None if result is None else result.differences.get(metric)

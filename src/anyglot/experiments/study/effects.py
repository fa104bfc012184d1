"""What a condition changes: one number a model, differences paired by seed, and a verdict from their interval alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from anyglot.experiments.study.results import Model, Results, Score, mean
from anyglot.stats.seeds import OverSeeds, over_seeds

FEWEST_RUNS = 3
Verdict = Literal["higher", "lower", "not distinguishable", "too few runs"]


@dataclass(frozen=True)
class Measure:
    """A number of a model.

    Attributes:
        name: As tables call it.
        unit: Of the number and of its differences.
        values: Model -> number.
        decimals: Digits that are told.
    """

    name: str
    unit: str
    values: Mapping[Model, float]
    decimals: int = 1


@dataclass(frozen=True)
class Effect:
    """A condition's difference to another in a measure.

    Attributes:
        differences: One a seed that both have, in the order of the seeds.
        summary: Their mean with a 95 % interval of Student's t; None where no seed has both.
    """

    measure: Measure
    condition: str
    against: str
    differences: tuple[float, ...]
    summary: OverSeeds | None

    @property
    def verdict(self) -> Verdict | None:
        """What the interval allows to say; None where there is nothing to compare."""
        if self.summary is None:
            return None
        return verdict(self.summary, len(self.differences))


def verdict(summary: OverSeeds, runs: int) -> Verdict:
    """higher or lower only where the whole interval lies on one side of 0.

    Fewer than three runs conclude nothing, nor do runs that differ by the very same number: scores are shares of a few
    hundred examples, two runs hit the same one easily, and the interval would have no width.
    """
    if summary.low is None or summary.high is None or runs < FEWEST_RUNS:
        return "too few runs"
    if not summary.deviation and summary.mean:
        return "too few runs"
    if summary.low > 0:
        return "higher"
    return "lower" if summary.high < 0 else "not distinguishable"


def effect(measure: Measure, condition: str, against: str, seeds: tuple[str, ...]) -> Effect:
    """Compare two conditions, seed by seed."""
    both = [
        measure.values[condition, seed] - measure.values[against, seed]
        for seed in seeds
        if (condition, seed) in measure.values and (against, seed) in measure.values
    ]
    return Effect(measure, condition, against, tuple(both), over_seeds(both) if both else None)


def effects(results: Results, measure: Measure, *, further: bool = False) -> list[Effect]:
    """Every condition against the base; with `further` also against the control, and the pairs the study names."""
    others = [condition for condition in results.conditions if condition != results.base]
    named = [(condition, results.base) for condition in others]
    if further and results.control is not None:
        named += [(condition, results.control) for condition in others if condition != results.control]
    if further:
        named += results.pairs
    found = [effect(measure, condition, against, results.seeds) for condition, against in dict.fromkeys(named)]
    return [each for each in found if each.summary is not None]


def transfer(results: Results) -> Measure:
    """Mean over tasks of the mean over languages that were not trained on."""
    return _of_scores(results, "zero-shot transfer", lambda score: score.language != results.train_language)


def trained_language(results: Results) -> Measure:
    """Mean over tasks of the score in the language that was trained on."""
    return _of_scores(
        results, f"score in {results.train_language}", lambda score: score.language == results.train_language
    )


def average(results: Results) -> Measure:
    """The paper's average (table 1): mean over tasks of the mean over all languages, English included."""
    return _of_scores(results, "average", lambda score: True)


def task_transfer(results: Results, task: str) -> Measure:
    """Mean over the languages of one task that were not trained on."""
    wanted = _of_scores(
        results, task, lambda score: score.task == task and score.language != results.train_language, one_task=True
    )
    return wanted


def norm_growth(results: Results) -> Measure:
    """By how many per cent the norms of singular values exceed the base model's, the mean over encoder matrices."""
    values: dict[Model, float] = {}
    for model, scales in results.spectra.items():
        own_base = results.spectra.get((results.base, model[1]))
        if own_base is None:
            continue
        ratios = [
            100 * (scale.norm / own_base[place].norm - 1)
            for place, scale in scales.items()
            if place[0] == "encoder" and place in own_base and own_base[place].norm > 0
        ]
        growth = mean(ratios)
        if growth is not None:
            values[model] = growth
    return Measure("norms of singular values, encoder", "per cent over the base", values, 2)


def spectral_distance(results: Results) -> Measure:
    """Distance d of sorted singular values to the base model's, the mean over encoder matrices."""
    values = {}
    for model, scales in results.spectra.items():
        found = mean(scale.distance for place, scale in scales.items() if place[0] == "encoder")
        if found is not None:
            values[model] = found
    return Measure("distance of spectra, encoder", "d", values, 2)


def language_share(results: Results) -> Measure:
    """Share of the last layer's variance that is between languages."""
    values = {model: layers[-1].share for model, layers in results.apart.items() if layers}
    known = {model: share for model, share in values.items() if share is not None}
    return Measure("variance between languages, last layer", "per cent of variance", known)


def probe_accuracy(results: Results) -> Measure:
    """Accuracy of a linear probe of the language at the last layer."""
    values = {model: layers[-1].accuracy for model, layers in results.apart.items() if layers}
    return Measure("probe of the language, last layer", "per cent right", values)


def language_similarity(results: Results) -> Measure:
    """CKA between languages at the last layer, the mean over pairs."""
    values = {}
    for model, rows in results.between.items():
        found = mean(row[-1] for row in rows.values() if row)
        if found is not None:
            values[model] = found
    return Measure("CKA between languages, last layer", "CKA", values, 3)


def _of_scores(results: Results, name: str, wanted: Callable[[Score], bool], *, one_task: bool = False) -> Measure:
    by_task: dict[Model, dict[str, list[float]]] = {}
    for score in results.scores:
        if wanted(score):
            by_task.setdefault(score.model, {}).setdefault(score.task, []).append(score.value)
    tasks = {name} if one_task else {task for found in by_task.values() for task in found}
    values = {}
    for model, found in by_task.items():
        # A mean over other tasks than the others' would be no mean to compare.
        if set(found) == tasks:
            values[model] = sum(sum(scores) / len(scores) for scores in found.values()) / len(found)
    return Measure(name, "points", values)

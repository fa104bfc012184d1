"""Averages as the papers define them, on the test set and on each resample, so that every mean has its interval.

| Mean | As in |
|---|---|
| of a task | the plain mean over its test languages, English included (XTREME, XGLUE; method cards 4.3, 6.1) |
| of question answering | of F1 and exact match |
| of parts of speech | XTREME: F1 of seqeval on bare tags; XGLUE: its precision, printed as accuracy |
| of a suite | the plain mean over its tasks |
| over seeds | the mean of the scores of each seed; their standard deviation stands apart |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anyglot.evaluation.finetuning.results import SeedResult, read_sums
from anyglot.evaluation.finetuning.retrieving import RETRIEVAL, retrieval_value
from anyglot.evaluation.tasks.metrics import METRICS
from anyglot.evaluation.tasks.task import Task
from anyglot.stats.resampling import mean_over

Vector = NDArray[np.float64]
"""(1 + resamples,): a score on the test set, then on each resample."""

LEGACY: Mapping[str, str] = {"xtreme": "f1", "xglue": "precision"}
"""Which of seqeval's numbers on bare tags a suite averages."""
NAMES: Mapping[tuple[str, str], str] = {
    ("accuracy", "accuracy"): "accuracy",
    ("tag_accuracy", "accuracy"): "accuracy of tags",
    ("legacy_pos", "f1"): "legacy F1 of bare tags (XTREME)",
    ("legacy_pos", "precision"): "legacy precision of bare tags (XGLUE's ACC)",
    ("legacy_pos", "recall"): "legacy recall of bare tags",
    ("span_f1", "f1"): "span F1",
    ("span_f1", "precision"): "span precision",
    ("span_f1", "recall"): "span recall",
    ("ndcg", "ndcg"): "nDCG by class index, ties averaged (official)",
    ("ndcg_expected", "ndcg_expected"): "nDCG by expected grade",
    ("f1", "f1"): "F1 of pairs",
}


@dataclass(frozen=True)
class Measure:
    """A value of a metric."""

    metric: str
    value: str

    @property
    def title(self) -> str:
        """What tables call it."""
        known = NAMES.get((self.metric, self.value))
        return known or (self.metric if self.metric == self.value else f"{self.metric} {self.value}")


def measures(task: Task, suite: str) -> tuple[Measure, ...]:
    """All values of a task's metrics, the one that is averaged first."""
    if task.name in RETRIEVAL:
        return (Measure(task.metric, task.metric),)
    found = [Measure(name, value) for name in task.metrics for value in METRICS[name](task, "en").values]
    headline = found[0]
    if "legacy_pos" in task.metrics and suite in LEGACY:
        headline = Measure("legacy_pos", LEGACY[suite])
    return (headline, *(measure for measure in found if measure != headline))


@dataclass(frozen=True, eq=False)
class Values:
    """One measure of one system on one task.

    Attributes:
        languages: Those scored with every seed.
        seeds: In order.
        units: By language.
        data: By language: hash of the test set.
        vectors: What it scored.

    Shape:
        vectors: (seeds, languages, 1 + resamples)
    """

    system: str
    task: str
    measure: Measure
    languages: tuple[str, ...]
    seeds: tuple[int, ...]
    units: Mapping[str, int]
    data: Mapping[str, str]
    vectors: NDArray[np.float64]

    def of(self, language: str) -> Vector:
        """A language's score, the mean over seeds."""
        vector: Vector = self.vectors[:, self.languages.index(language)].mean(axis=0)
        return vector

    def mean(self, languages: Sequence[str] | None = None) -> Vector:
        """The mean over languages and seeds."""
        return mean_over([self.of(language) for language in (self.languages if languages is None else languages)])

    def by_seed(self) -> NDArray[np.float64]:
        """Each seed's mean over languages on the test set. (seeds,)"""
        points: NDArray[np.float64] = self.vectors[:, :, 0].mean(axis=1)
        return points

    def deviation(self) -> float | None:
        """The standard deviation over seeds (of a sample: n - 1) of the mean over languages; None of a single seed."""
        return float(self.by_seed().std(ddof=1)) if len(self.seeds) > 1 else None

    def gap(self, language: str) -> Vector | None:
        """A language's score minus the mean of all others: what transfer loses. None without it or without others."""
        others = [code for code in self.languages if code != language]
        return self.of(language) - self.mean(others) if language in self.languages and others else None


def values_of(task: Task, measure: Measure, results: Sequence[tuple[SeedResult, Path]]) -> Values | None:
    """The values of a system's results on a task; None where no language could be scored."""
    first = results[0][0]
    languages = tuple(code for code in first.languages if all(code in result.languages for result, _ in results))
    if not languages:
        return None
    vectors = []
    for _, folder in results:
        sums = read_sums(folder)
        vectors.append([_vector(task, measure, code, sums[code, measure.metric]) for code in languages])
    return Values(
        system=first.system,
        task=task.name,
        measure=measure,
        languages=languages,
        seeds=tuple(result.seed for result, _ in results),
        units={code: first.languages[code].units for code in languages},
        data={code: first.languages[code].data for code in languages},
        vectors=np.array(vectors),
    )


def _vector(task: Task, measure: Measure, language: str, sums: NDArray[np.float64]) -> Vector:
    if task.name in RETRIEVAL:
        return retrieval_value(task.name, sums)
    metric = METRICS[measure.metric](task, language)
    vector: Vector = metric.value(sums)[..., metric.values.index(measure.value)]
    return vector


def suite_mean(values: Sequence[Values]) -> Vector:
    """The mean over tasks of a system."""
    return mean_over([each.mean() for each in values])


def suite_deviation(values: Sequence[Values]) -> float | None:
    """The standard deviation over seeds of the mean over tasks; None unless all that have seeds have the same ones.

    A task without seeds (retrieval) and a system without any add the same to every seed.
    """
    seeds = {each.seeds for each in values if len(each.seeds) > 1}
    if len(seeds) != 1:
        return None
    count = len(next(iter(seeds)))
    points = [each.by_seed() if len(each.seeds) > 1 else np.repeat(each.by_seed(), count) for each in values]
    return float(np.mean(points, axis=0).std(ddof=1))

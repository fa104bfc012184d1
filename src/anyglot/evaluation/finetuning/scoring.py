"""Predictions to scores, a window at a time: prediction files, statistics and resampled statistics in one pass."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anyglot.evaluation.finetuning.results import LanguageScores
from anyglot.evaluation.tasks.examples import ChoiceExample, Example, QuestionExample, TaggedExample
from anyglot.evaluation.tasks.metrics import METRICS
from anyglot.evaluation.tasks.predictions import Prediction, prediction_writer
from anyglot.evaluation.tasks.task import Task
from anyglot.stats.resampling import Resampler

Predict = Callable[[Iterable[Example], str], Iterator[tuple[list[Example], list[Prediction]]]]
"""Examples and their language to windows of them with predictions, in order; rows of a query are never cut apart."""


@dataclass(frozen=True)
class Scored:
    """A language's scores, and the statistics by metric: (1 + resamples, statistics) each, the whole set's first."""

    scores: LanguageScores
    sums: Mapping[str, NDArray[np.float64]]


def resampling_seed(seed: int, task: str) -> int:
    """The seed of a task's bootstrap: the same for all its languages and systems, so that what is parallel is paired.

    Another one for each task, as tasks have nothing in common.
    """
    return int.from_bytes(hashlib.sha256(f"{seed} {task}".encode()).digest()[:4])


def score_language(
    task: Task,
    examples: Iterable[Example],
    language: str,
    predict: Predict,
    path: Path,
    *,
    data_hash: str,
    seed: int,
    resamples: int,
) -> Scored | None:
    """Predict a test set, write the prediction file, and count; None where the test set has no labels.

    Memory does not grow with the test set.

    Args:
        path: The prediction file.
        data_hash: Of the test set.
        seed: Of the bootstrap, from `resampling_seed`.
        resamples: Of the bootstrap.

    Raises:
        UserError: The file cannot be written; what `predict` raises.
    """
    metrics = {name: METRICS[name](task, language) for name in task.metrics}
    resamplers = {name: Resampler(seed, resamples) for name in metrics}
    units = dict.fromkeys(metrics, 0)
    labelled, seen = True, False
    with prediction_writer(task, path) as writer:
        for window, predictions in predict(examples, language):
            seen = seen or bool(window)
            writer.add(window, predictions)
            labelled = labelled and all(map(is_labelled, window))
            if labelled:
                for name, metric in metrics.items():
                    statistics = metric.of(window, predictions)
                    units[name] += len(statistics)
                    resamplers[name].add(statistics)
    if not labelled or not seen or not units[task.metric]:
        return None
    sums = {name: np.concatenate([found.sums()[None], found.resampled()]) for name, found in resamplers.items()}
    scores = {
        name: dict(zip(metric.values, map(float, metric.value(sums[name][0])), strict=True))
        for name, metric in metrics.items()
    }
    return Scored(LanguageScores(units[task.metric], scores, data_hash), sums)


def is_labelled(example: Example) -> bool:
    """Whether the right answer is known."""
    if isinstance(example, ChoiceExample):
        return example.label >= 0
    if isinstance(example, TaggedExample):
        return bool(example.tags) or not example.words
    if isinstance(example, QuestionExample):
        return bool(example.answers)
    return bool(example.label)

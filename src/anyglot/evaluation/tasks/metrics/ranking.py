"""Normalised discounted cumulative gain of the rows of each query, as XGLUE's scorer has it (method card 4.3).

The gain of a row is its grade, the discount of place i (from 0) is 1 / log2(i + 2), there is no cut-off, and rows with
equal scores share the mean of their places (sklearn's `ndcg_score`). A query is a run of rows with the same `group`;
one of fewer than two rows is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from anyglot.evaluation.tasks.examples import Example, TextExample
from anyglot.evaluation.tasks.metrics.accuracy import classes, gold_classes
from anyglot.evaluation.tasks.metrics.metric import ratio
from anyglot.evaluation.tasks.predictions import ClassPrediction, Prediction, expected_grade


@dataclass(frozen=True, slots=True)
class Ndcg:
    """Mean nDCG over queries; the unit is a query, and parts of a test set never cut one in two.

    Args:
        labels: Grades, the worst first: the gain of a grade is its index.
        expected: Whether rows are ranked by the mean of class indices under the predicted probabilities, and not by
            the predicted class index, as XGLUE does it, so that most rows tie.
    """

    labels: tuple[str, ...]
    expected: bool = False
    statistics: tuple[str, ...] = ("ndcg", "queries")
    values: tuple[str, ...] = ("ndcg",)

    @property
    def name(self) -> str:
        """Both forms have their own."""
        return "ndcg_expected" if self.expected else "ndcg"

    def of(self, examples: Sequence[Example], predictions: Sequence[Prediction]) -> NDArray[np.float64]:
        gains = gold_classes(examples, self.labels).astype(np.float64)
        scores = _expected_grades(predictions) if self.expected else classes(predictions).astype(np.float64)
        if len(gains) != len(scores):
            raise ValueError(f"{len(scores)} predictions for {len(gains)} rows")
        if not len(gains):
            return np.zeros((0, len(self.statistics)))
        queries = _queries(examples)
        found = ndcg(gains, scores, queries)
        counted = np.bincount(queries) >= 2
        return np.stack([np.where(counted, found, 0.0), counted.astype(np.float64)], axis=1)

    def value(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return ratio(sums[..., :1], sums[..., 1:])


def ndcg(gains: NDArray[np.float64], scores: NDArray[np.float64], queries: NDArray[np.int64]) -> NDArray[np.float64]:
    """Score the rows of each query, ties averaged; 0 where no row has a gain.

    Args:
        gains: Not negative.
        queries: Index of each row's query, ascending from 0 without gaps.

    Shape:
        gains, scores, queries: (rows,)
        returns: (queries,)
    """
    first = np.searchsorted(queries, np.arange(queries[-1] + 1))
    discounts = 1.0 / np.log2(np.arange(len(queries)) - first[queries] + 2)
    order = np.lexsort((-scores, queries))
    ranked = scores[order]
    # A run of rows of one query with one score: its mean gain at each of its places.
    starts = np.flatnonzero(
        np.concatenate([[True], (ranked[1:] != ranked[:-1]) | (queries[1:] != queries[:-1])]),
    )
    lengths = np.diff(np.append(starts, len(queries)))
    shared = np.add.reduceat(gains[order], starts) / lengths * np.add.reduceat(discounts, starts)
    found = np.bincount(queries[starts], weights=shared)
    best = np.bincount(queries, weights=gains[np.lexsort((-gains, queries))] * discounts)
    return np.divide(found, best, out=np.zeros_like(found), where=best > 0)


def _queries(examples: Sequence[Example]) -> NDArray[np.int64]:
    groups = []
    for example in examples:
        assert isinstance(example, TextExample)
        groups.append(example.group)
    changes = [before != after for before, after in pairwise(groups)]
    return np.concatenate([[0], np.cumsum(np.array(changes, dtype=np.int64))]).astype(np.int64)


def _expected_grades(predictions: Sequence[Prediction]) -> NDArray[np.float64]:
    found = []
    for prediction in predictions:
        assert isinstance(prediction, ClassPrediction)
        found.append(expected_grade(prediction))
    return np.array(found)

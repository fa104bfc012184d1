"""nDCG of queries against sklearn's, with the ties that class indices make."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from anyglot.evaluation.tasks.examples import TextExample
from anyglot.evaluation.tasks.metrics.ranking import Ndcg
from anyglot.evaluation.tasks.predictions import ClassPrediction

GRADES = ("Bad", "Fair", "Good", "Excellent", "Perfect")


def _rows(sizes: list[int], gold: list[int]) -> list[TextExample]:
    groups = [f"query {index}" for index, size in enumerate(sizes) for _ in range(size)]
    return [
        TextExample(str(index), (group, "page"), GRADES[grade], group)
        for index, (group, grade) in enumerate(zip(groups, gold, strict=True))
    ]


def _predictions(rng: np.random.Generator, rows: int) -> list[ClassPrediction]:
    # Probabilities on a coarse grid, so that expected grades tie now and then too.
    raw = rng.integers(0, 3, (rows, len(GRADES))) + 0.25
    shares = raw / raw.sum(axis=1, keepdims=True)
    return [ClassPrediction(int(row.argmax()), tuple(row.tolist())) for row in shares]


def _score(prediction: ClassPrediction, expected: bool) -> float:
    if not expected:
        return float(prediction.label)
    return sum(index * share for index, share in enumerate(prediction.scores))


@pytest.mark.parametrize("expected", [False, True])
@pytest.mark.parametrize("seed", range(150))
def test_each_query_scores_as_in_sklearn(seed: int, expected: bool) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 8, int(rng.integers(1, 12))).tolist()
    gold = rng.integers(0, 5, sum(sizes)).tolist()
    if seed % 3 == 0:
        gold[: sizes[0]] = [0] * sizes[0]
    predictions = _predictions(rng, sum(sizes))
    if expected:
        # An expected grade summed in another order is off by a rounding, which makes or breaks a tie.
        predictions = [
            ClassPrediction(one.label, (1 - grade, grade, 0.0, 0.0, 0.0))
            for one, grade in zip(predictions, (rng.integers(0, 9, sum(sizes)) / 8).tolist(), strict=True)
        ]
    metric = Ndcg(GRADES, expected=expected)
    counted = metric.of(_rows(sizes, gold), predictions)
    reference, start = [], 0
    for size in sizes:
        rows = slice(start, start + size)
        start += size
        if size < 2:
            reference.append((0.0, 0.0))
            continue
        scores = [_score(one, expected) for one in predictions[rows]]
        reference.append((ndcg_score([gold[rows]], [scores]), 1.0))
    np.testing.assert_allclose(counted, np.array(reference), atol=1e-12)
    whole = [score for score, queries in reference if queries]
    assert metric.value(counted.sum(axis=0)) == pytest.approx([100 * np.mean(whole) if whole else 0.0])


def test_a_query_that_comes_again_later_is_another_one() -> None:
    rows = _rows([2], [0, 4]) + _rows([0, 2], [4, 0]) + _rows([2], [4, 0])
    counted = Ndcg(GRADES).of(rows, [ClassPrediction(grade, ()) for grade in (0, 4, 0, 0, 4, 0)])
    assert counted[:, 1].tolist() == [1.0, 1.0, 1.0]
    # All tied: the mean of first place and second, 1 / log2(3).
    assert counted[:, 0] == pytest.approx([1.0, (1 + 1 / np.log2(3)) / 2, 1.0])


def test_expected_grades_order_what_class_indices_leave_tied() -> None:
    rows = _rows([2], [4, 0])
    predictions = [ClassPrediction(2, (0, 0, 0.6, 0, 0.4)), ClassPrediction(2, (0.4, 0, 0.6, 0, 0))]
    assert Ndcg(GRADES, expected=True).of(rows, predictions)[0, 0] == pytest.approx(1.0)
    assert Ndcg(GRADES).of(rows, predictions)[0, 0] < 0.9


def test_rows_without_a_gain_score_nothing() -> None:
    counted = Ndcg(GRADES).of(_rows([3], [0, 0, 0]), [ClassPrediction(grade, ()) for grade in (4, 2, 0)])
    assert counted.tolist() == [[0.0, 1.0]]

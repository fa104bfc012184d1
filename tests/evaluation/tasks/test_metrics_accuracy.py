"""Accuracy against sklearn and against a loop."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from anyglot.errors import UserError
from anyglot.evaluation.tasks.examples import ChoiceExample, TaggedExample, TextExample
from anyglot.evaluation.tasks.metrics import METRICS
from anyglot.evaluation.tasks.metrics.accuracy import Accuracy, TagAccuracy
from anyglot.evaluation.tasks.predictions import ClassPrediction
from anyglot.evaluation.tasks.task import Task

LABELS = ("entailment", "neutral", "contradiction")
TASK = Task("toy", "Toy", "classification", LABELS, ("en",), ("accuracy",))


def _classified(gold: list[int]) -> list[TextExample]:
    return [TextExample(str(index), ("a", "b"), LABELS[label]) for index, label in enumerate(gold)]


def _predicted(labels: list[int]) -> list[ClassPrediction]:
    return [ClassPrediction(label, ()) for label in labels]


@pytest.mark.parametrize("seed", range(200))
def test_accuracy_is_that_of_sklearn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 60))
    gold, own = rng.integers(0, 3, size).tolist(), rng.integers(0, 3, size).tolist()
    metric = METRICS["accuracy"](TASK, "en")
    counted = metric.of(_classified(gold), _predicted(own))
    assert counted.shape == (size, 2)
    assert metric.value(counted.sum(axis=0)) == pytest.approx([100 * accuracy_score(gold, own)])


def test_many_sums_are_scored_at_once() -> None:
    metric = Accuracy(LABELS)
    sums = np.array([[[3.0, 4.0], [0.0, 0.0]], [[1.0, 1.0], [0.0, 9.0]]])
    assert metric.value(sums).tolist() == [[[75.0], [0.0]], [[100.0], [0.0]]]


def test_choices_are_scored_by_their_index() -> None:
    examples = [ChoiceExample(str(index), "p", "cause", ("a", "b"), index % 2) for index in range(4)]
    assert Accuracy(()).of(examples, _predicted([0, 1, 1, 1])).sum(axis=0).tolist() == [3.0, 4.0]


@pytest.mark.parametrize(
    ("example", "said"),
    [
        (TextExample("row 7", ("a",), ""), "example row 7 has no gold label"),
        (TextExample("row 7", ("a",), "maybe"), 'example row 7 has the label "maybe"'),
        (ChoiceExample("row 7", "p", "effect", ("a", "b"), -1), "example row 7 has no gold label"),
    ],
)
def test_an_example_without_a_label_of_the_task_is_named(example: TextExample | ChoiceExample, said: str) -> None:
    with pytest.raises(UserError, match=said):
        Accuracy(LABELS).of([example], _predicted([0]))


def test_predictions_are_as_many_as_examples() -> None:
    with pytest.raises(ValueError, match="2 predictions for 3 examples"):
        Accuracy(LABELS).of(_classified([0, 1, 2]), _predicted([0, 1]))


def test_words_are_counted_over_all_sentences() -> None:
    rng = np.random.default_rng(1)
    examples, predictions, right, words = [], [], 0, 0
    for index in range(50):
        size = int(rng.integers(0, 8))
        gold = tuple(rng.choice(["NOUN", "VERB", "X"], size).tolist())
        own = tuple(rng.choice(["NOUN", "VERB", "X"], size).tolist())
        examples.append(TaggedExample(str(index), ("w",) * size, gold))
        predictions.append(own)
        right += sum(one == other for one, other in zip(gold, own, strict=True))
        words += size
    metric = TagAccuracy()
    counted = metric.of(examples, predictions)
    assert counted.sum(axis=0).tolist() == [right, words]
    assert metric.value(counted.sum(axis=0)) == pytest.approx([100 * right / words])


def test_a_sentence_has_a_predicted_tag_for_each_word() -> None:
    sentence = TaggedExample("s3", ("a", "b"), ("X", "X"))
    with pytest.raises(ValueError, match="1 tags for the 2 words of sentence s3"):
        TagAccuracy().of([sentence], [("X",)])
    with pytest.raises(UserError, match="s3 has no gold label"):
        TagAccuracy().of([TaggedExample("s3", ("a", "b"), ())], [("X", "X")])


@pytest.mark.parametrize("name", sorted(METRICS))
def test_every_metric_is_called_what_it_is_called_and_scores_no_units(name: str) -> None:
    metric = METRICS[name](TASK, "en")
    assert metric.name == name
    assert metric.of([], []).shape == (0, len(metric.statistics))
    assert metric.value(np.zeros((5, len(metric.statistics)))).tolist() == [[0.0] * len(metric.values)] * 5

"""How many are right? Of examples (sklearn's `accuracy_score`) and of words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anyglot.errors import UserError
from anyglot.evaluation.tasks.examples import ChoiceExample, Example, TaggedExample, TextExample
from anyglot.evaluation.tasks.metrics.metric import no_gold, ratio
from anyglot.evaluation.tasks.predictions import ClassPrediction, Prediction


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Share of examples whose class is the gold one.

    Args:
        labels: Of the task, in the order of class indices; empty for choice.
    """

    labels: tuple[str, ...]
    name: str = "accuracy"
    statistics: tuple[str, ...] = ("right", "examples")
    values: tuple[str, ...] = ("accuracy",)

    def of(self, examples: Sequence[Example], predictions: Sequence[Prediction]) -> NDArray[np.float64]:
        gold = gold_classes(examples, self.labels)
        own = classes(predictions)
        if len(gold) != len(own):
            raise ValueError(f"{len(own)} predictions for {len(gold)} examples")
        return np.stack([(gold == own).astype(np.float64), np.ones(len(gold))], axis=1)

    def value(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return ratio(sums[..., :1], sums[..., 1:])


@dataclass(frozen=True, slots=True)
class TagAccuracy:
    """Share of words with the gold tag, over all sentences together; the unit is a sentence."""

    name: str = "tag_accuracy"
    statistics: tuple[str, ...] = ("right", "words")
    values: tuple[str, ...] = ("accuracy",)

    def of(self, examples: Sequence[Example], predictions: Sequence[Prediction]) -> NDArray[np.float64]:
        pairs = tags(examples, predictions)
        right = [sum(map(str.__eq__, gold, own)) for gold, own in pairs]
        return np.array([right, [len(gold) for gold, _ in pairs]], dtype=np.float64).T

    def value(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return ratio(sums[..., :1], sums[..., 1:])


def gold_classes(examples: Sequence[Example], labels: tuple[str, ...]) -> NDArray[np.int64]:
    """Class indices of examples.

    Raises:
        UserError: One has no label, or one that is not in `labels`.
    """
    indices = {label: index for index, label in enumerate(labels)}
    return np.fromiter((_gold_class(example, indices) for example in examples), np.int64, len(examples))


def _gold_class(example: Example, indices: dict[str, int]) -> int:
    if isinstance(example, ChoiceExample):
        if example.label < 0:
            raise no_gold(example)
        return example.label
    assert isinstance(example, TextExample)
    if not example.label:
        raise no_gold(example)
    if example.label not in indices:
        raise UserError(
            f'example {example.id} has the label "{example.label}", which the task has not; '
            f"it has {', '.join(indices)}: correct the file"
        )
    return indices[example.label]


def classes(predictions: Sequence[Prediction]) -> NDArray[np.int64]:
    """Class indices of predictions."""
    found = []
    for prediction in predictions:
        assert isinstance(prediction, ClassPrediction)
        found.append(prediction.label)
    return np.array(found, dtype=np.int64)


def tags(
    examples: Sequence[Example], predictions: Sequence[Prediction]
) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Gold and predicted tags of each sentence.

    Raises:
        UserError: A sentence has no tags.
        ValueError: There are more or fewer predicted tags than words.
    """
    pairs = []
    for example, own in zip(examples, predictions, strict=True):
        assert isinstance(example, TaggedExample) and isinstance(own, tuple)
        if len(example.tags) != len(example.words):
            raise no_gold(example)
        if len(own) != len(example.words):
            raise ValueError(f"{len(own)} tags for the {len(example.words)} words of sentence {example.id}")
        pairs.append((example.tags, own))
    return pairs

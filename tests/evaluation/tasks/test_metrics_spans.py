"""Spans against seqeval, in all kinds of tags, and the same whatever the parts a test set comes in."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from seqeval.metrics import f1_score, precision_score, recall_score

from anyglot.evaluation.tasks.examples import TaggedExample
from anyglot.evaluation.tasks.metrics.accuracy import TagAccuracy
from anyglot.evaluation.tasks.metrics.legacy_pos import legacy_pos
from anyglot.evaluation.tasks.metrics.spans import Spans

UPOS = ["ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT", "SCONJ"]
UPOS += ["SYM", "VERB", "X", "_"]
TAGS = {
    "names": ["O", "O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC", "I-ORG"],
    "every scheme": ["O", "B-A", "I-A", "E-A", "S-A", "B-B-C", "I-B-C", "E-B", "S-B", "B", "I", "E", "S", "B-", "I-"],
    "pos": UPOS,
    "odd pos": ["X", "_", "SCONJ", "CCONJ", "INTJ", "ADJ", "O", ".", ".X", "SYM", "B", "Ox"],
}

Sentences = list[tuple[str, ...]]


def _sentences(rng: np.random.Generator, tags: list[str]) -> tuple[Sentences, Sentences]:
    """Gold tags and a prediction that has most of them right, so that spans match."""
    gold, own = [], []
    for _ in range(int(rng.integers(1, 9))):
        size = int(rng.integers(0, 9))
        right = rng.choice(tags, size)
        wrong = rng.random(size) < rng.choice([0.1, 0.5])
        gold.append(tuple(right.tolist()))
        own.append(tuple(np.where(wrong, rng.choice(tags, size), right).tolist()))
    return gold, own


def _examples(gold: Sentences) -> list[TaggedExample]:
    return [TaggedExample(str(index), ("w",) * len(tags), tags) for index, tags in enumerate(gold)]


def _scores(metric: Spans, gold: Sentences, own: Sentences) -> dict[str, float]:
    counted = metric.of(_examples(gold), own)
    assert counted.shape == (len(gold), 3)
    return dict(zip(metric.values, metric.value(counted.sum(axis=0)).tolist(), strict=True))


def _reference(gold: Sentences, own: Sentences) -> dict[str, float]:
    lists = [list(tags) for tags in gold], [list(tags) for tags in own]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "f1": 100 * f1_score(*lists),
            "precision": 100 * precision_score(*lists),
            "recall": 100 * recall_score(*lists),
        }


@pytest.mark.parametrize("kind", TAGS)
def test_scores_are_those_of_seqeval(kind: str) -> None:
    rng = np.random.default_rng(len(kind))
    for _ in range(1000):
        gold, own = _sentences(rng, TAGS[kind])
        metric = legacy_pos() if "pos" in kind else Spans()
        assert _scores(metric, gold, own) == pytest.approx(_reference(gold, own), abs=1e-9), (gold, own)


@pytest.mark.parametrize("kind", TAGS)
def test_parts_of_a_test_set_count_what_the_whole_does(kind: str) -> None:
    rng = np.random.default_rng(len(kind))
    for _ in range(100):
        gold, own = _sentences(rng, TAGS[kind])
        whole = Spans().of(_examples(gold), own)
        metric, parts, start = Spans(), [], 0
        while start < len(gold):
            stop = start + int(rng.integers(0, 4))
            parts.append(metric.of(_examples(gold[start:stop]), own[start:stop]))
            start = stop
        np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_an_inside_tag_begins_a_span() -> None:
    counted = Spans().of(_examples([("I-PER", "I-PER", "O", "I-LOC")]), [("B-PER", "I-PER", "O", "B-LOC")])
    assert counted.tolist() == [[2.0, 2.0, 2.0]]


def test_bare_tags_score_other_than_their_accuracy() -> None:
    """The example of method card 4.3: precision 0.50, recall 0.67, while three words of four are right."""
    gold, own = [("NOUN", "NOUN", "VERB", "PUNCT")], [("NOUN", "PROPN", "VERB", "PUNCT")]
    scores = _scores(legacy_pos(), gold, own)
    assert list(scores) == ["precision", "f1", "recall"]
    assert scores == pytest.approx({"precision": 50.0, "recall": 200 / 3, "f1": 400 / 7})
    assert TagAccuracy().of(_examples(gold), own).tolist() == [[3.0, 4.0]]


def test_both_conjunctions_are_one_type() -> None:
    right = legacy_pos().of(_examples([("NOUN", "CCONJ", "VERB")]), [("NOUN", "SCONJ", "VERB")])
    assert right.tolist() == [[3.0, 3.0, 3.0]]


def test_scores_of_resamples_are_taken_at_once() -> None:
    metric = Spans()
    values = metric.value(np.array([[1.0, 2.0, 4.0], [0.0, 0.0, 0.0], [0.0, 3.0, 0.0]]))
    assert values == pytest.approx(np.array([[100 / 3, 50.0, 25.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))

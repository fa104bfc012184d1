"""Half an item says nothing about its label; the whole says it. (Gururangan et al., 2018; Poliak et al., 2018)

A bag of words and word pairs of one half, in a logistic regression trained on the training split, stays within
`MARGIN` of chance on the test split; what compares the meanings of the two halves is far above.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from functools import lru_cache
from itertools import chain, pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from anyglot.phrasebook import Clause, Meaning, realise
from anyglot.phrasebook.labelled import labelled_items
from anyglot.phrasebook.labelled.draws import value
from anyglot.phrasebook.labelled.items import ChoiceItem, DocumentItem, PairItem, QuestionItem, TextItem
from anyglot.phrasebook.labelled.paraphrase import CONVERSES
from anyglot.phrasebook.labelled.writing import answer, say

TRAIN, TEST = 1500, 900
MARGIN = 0.06  # three standard errors and more of an accuracy at chance on 900 items
SLOTS = ("agent", "verb", "patient", "place", "time")


@lru_cache
def drawn(task: str, split: str, seed: int = 7) -> list[Any]:
    return labelled_items(task, split, TRAIN if split == "train" else TEST, seed)


def words_of(text: str, language: str) -> list[str]:
    words = list(text) if language == "zh" else text.lower().replace(".", " .").split()
    return words + [f"{first}_{second}" for first, second in pairwise(words)]


def bags(texts: Sequence[str], vocabulary: dict[str, int], language: str) -> NDArray[np.float64]:
    found = np.zeros((len(texts), len(vocabulary) + 2))
    for row, text in zip(found, texts, strict=True):
        words = words_of(text, language)
        for word in words:
            if word in vocabulary:
                row[vocabulary[word]] = 1.0
        row[-1], row[-2] = 1.0, len(words) / 20
    return found


def fitted(features: NDArray[np.float64], labels: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """Softmax regression by gradient descent with a little decay."""
    weights = np.zeros((features.shape[1], classes))
    wanted = np.eye(classes)[labels]
    for _ in range(200):
        scores = features @ weights
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        weights -= 1.0 * (features.T @ (shares - wanted) / len(labels) + 1e-3 * weights)
    return weights


def vocabulary_of(texts: Sequence[str], language: str) -> dict[str, int]:
    counts = Counter(word for text in texts for word in set(words_of(text, language)))
    return {word: i for i, (word, count) in enumerate(counts.most_common(800)) if count > 2}


def accuracy(
    train: Sequence[str], labels: Sequence[int], test: Sequence[str], truth: Sequence[int], language: str = "en"
) -> float:
    vocabulary = vocabulary_of(train, language)
    weights = fitted(bags(train, vocabulary, language), np.array(labels), max(labels) + 1)
    return float(np.mean((bags(test, vocabulary, language) @ weights).argmax(axis=1) == np.array(truth)))


def by_key(train: Sequence[tuple[Hashable, int]], test: Sequence[tuple[Hashable, int]]) -> float:
    """Accuracy of the most frequent label of each key."""
    seen: dict[Hashable, Counter[int]] = defaultdict(Counter)
    for key, label in train:
        seen[key][label] += 1
    overall = Counter(label for _, label in train).most_common(1)[0][0]
    return float(np.mean([(seen[key].most_common(1)[0][0] if seen[key] else overall) == label for key, label in test]))


NLI = {"entailment": 0, "neutral": 1, "contradiction": 2}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_hypothesis_alone_says_nothing(language: str) -> None:
    train, test = (drawn("nli", split) for split in ("train", "test"))
    score = accuracy(
        [say(item.second, language) for item in train],
        [NLI[item.label] for item in train],
        [say(item.second, language) for item in test],
        [NLI[item.label] for item in test],
        language,
    )
    assert abs(score - 1 / 3) < MARGIN


def test_negation_is_as_frequent_in_every_class() -> None:
    shares = defaultdict(list)
    for item in drawn("nli", "train"):
        shares[item.label].append(item.second[0].first.negated)
    assert all(abs(np.mean(negated) - 0.5) < MARGIN for negated in shares.values())


def slot_key(item: PairItem) -> tuple[Hashable, ...]:
    """How the sentence of the premise that is most like the hypothesis compares with it, slot by slot."""
    hypothesis = item.second[0].first

    def relation(clause: Clause, slot: str) -> str:
        mine, other = filler(clause, slot), filler(hypothesis, slot)
        return "same" if mine == other else "less" if mine is None else "more" if other is None else "other"

    def likeness(clause: Clause) -> int:
        return sum(relation(clause, slot) == "same" for slot in (*SLOTS, "property"))

    best = max((clause for meaning in item.first for clause in meaning.clauses()), key=likeness)
    relations = [relation(best, slot) for slot in (*SLOTS, "property", "adjective", "relation")]
    who = relations.pop(0)
    whats = [relation for relation in relations if relation != "same"]
    return (who, tuple(sorted(whats)), best.negated, hypothesis.negated, best.kind == "location")


def filler(clause: Clause, slot: str) -> Any:
    if slot == "property":
        return clause.property
    if slot == "adjective":
        return clause.patient.property if clause.patient else None
    if slot == "relation":
        return clause.place.relation if clause.place and clause.kind == "location" else None
    return value(clause, slot)  # type: ignore[arg-type]


def test_the_meanings_of_premise_and_hypothesis_say_the_label() -> None:
    keys = [[(slot_key(item), NLI[item.label]) for item in drawn("nli", split)] for split in ("train", "test")]
    assert by_key(*keys) > 0.9


@pytest.mark.parametrize("language", ["en", "de", "zh"])
@pytest.mark.parametrize("side", ["first", "second"])
def test_one_side_of_a_paraphrase_says_nothing(side: str, language: str) -> None:
    train, test = (drawn("paraphrase", split) for split in ("train", "test"))
    score = accuracy(
        [say(getattr(item, side), language) for item in train],
        [int(item.label) for item in train],
        [say(getattr(item, side), language) for item in test],
        [int(item.label) for item in test],
        language,
    )
    assert abs(score - 0.5) < MARGIN


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_words_that_two_texts_share_do_not_tell_a_paraphrase(language: str) -> None:
    def key(item: PairItem) -> int:
        first, second = (Counter(w for w in words_of(say(t, language), language) if "_" not in w) for t in pair(item))
        return round(10 * sum((first & second).values()) / sum((first | second).values()))

    def pair(item: PairItem) -> tuple[tuple[Meaning, ...], tuple[Meaning, ...]]:
        return item.first, item.second

    keys = [[(key(item), int(item.label)) for item in drawn("paraphrase", split)] for split in ("train", "test")]
    assert abs(by_key(*keys) - 0.5) < MARGIN


def facts(text: tuple[Meaning, ...]) -> set[tuple[Any, ...]]:
    """What is said, in no order; of a place behind something, that the thing is in front."""
    found: set[tuple[Any, ...]] = set()
    for clause in (clause for meaning in text for clause in meaning.clauses()):
        place = clause.place
        if place and place.relation in CONVERSES and clause.kind == "location":
            ends = (clause.agent.concept, place.entity.concept)
            found.add((clause.tense, *(ends if place.relation == "behind" else ends[::-1])))
        else:
            found.add((clause.key().replace("first", ""),))
    return found


def test_what_is_said_tells_a_paraphrase() -> None:
    assert all((facts(item.first) == facts(item.second)) == (item.label == "1") for item in drawn("paraphrase", "test"))


def test_choices_alone_say_nothing() -> None:
    train, test = (drawn("choice", split) for split in ("train", "test"))

    def sides(items: Sequence[ChoiceItem]) -> list[list[str]]:
        return [[realise(item.choices[side], "en").text for item in items] for side in (0, 1)]

    vocabulary = vocabulary_of(list(chain(*sides(train))), "en")

    def difference(items: Sequence[ChoiceItem]) -> NDArray[np.float64]:
        first, second = (bags(texts, vocabulary, "en") for texts in sides(items))
        return second - first

    weights = fitted(difference(train), np.array([item.label for item in train]), 2)
    guesses = (difference(test) @ weights).argmax(axis=1)
    assert abs(np.mean(guesses == np.array([item.label for item in test])) - 0.5) < MARGIN


def course_key(item: ChoiceItem, side: int) -> tuple[Hashable, ...]:
    premise, choice = item.premise.first, item.choices[side].first
    given = {entity.concept for entity in premise.entities()}
    same = tuple(entity.concept in given for entity in choice.entities())
    target = value(choice, "agent") == (premise.recipient.concept if premise.recipient else value(premise, "agent"))
    reader = choice.recipient.concept == value(premise, "agent") if choice.recipient else None
    places = [clause.place.relation if clause.place else None for clause in (premise, choice)]
    on_the_spot = places[0] == places[1] or {"to", "at"} == set(places)
    return (premise.verb, premise.property, choice.verb, choice.property, same, target, reader, on_the_spot)


def test_premise_and_choice_say_which() -> None:
    right: dict[Hashable, list[int]] = defaultdict(lambda: [1, 2])
    for item in drawn("choice", "train"):
        for side in (0, 1):
            counts = right[course_key(item, side)]
            counts[0] += item.label == side
            counts[1] += 1
    hits = []
    for item in drawn("choice", "test"):
        shares = [right[course_key(item, side)][0] / right[course_key(item, side)][1] for side in (0, 1)]
        hits.append(int(np.argmax(shares)) == item.label)
    assert np.mean(hits) > 0.9


def test_a_document_alone_does_not_say_its_grade() -> None:
    train, test = (drawn("ranking", split) for split in ("train", "test"))

    def text(item: DocumentItem) -> str:
        return f"{realise(item.title, 'en').text} {say(item.snippet, 'en')}"

    score = accuracy(
        [text(item) for item in train], [item.grade for item in train],
        [text(item) for item in test], [item.grade for item in test],
    )  # fmt: skip
    assert abs(score - 0.2) < MARGIN


def test_the_slots_that_query_and_document_share_are_the_grade() -> None:
    for item in drawn("ranking", "test"):
        document = max((m.first for m in item.snippet), key=lambda clause: _shared(item.query.first, clause))
        assert _shared(item.query.first, document) == item.grade


def _shared(query: Clause, clause: Clause) -> int:
    return sum(value(query, slot) == value(clause, slot) for slot in ("agent", "verb", "patient", "place"))  # type: ignore[arg-type]


def test_a_question_or_a_position_alone_does_not_find_the_answer() -> None:
    train, test = (drawn("questions", split) for split in ("train", "test"))
    frequent: dict[str, Counter[str]] = defaultdict(Counter)
    for item in train:
        frequent[item.slot][answer(item, "en")[1]] += 1
    guesses = [frequent[item.slot].most_common(1)[0][0] == answer(item, "en")[1] for item in test]
    assert np.mean(guesses) < 0.1
    positions = [[(item.slot, item.asked) for item in items] for items in (train, test)]
    assert abs(by_key(*positions) - 0.25) < MARGIN


def test_only_one_sentence_answers_a_question() -> None:
    for item in drawn("questions", "test"):
        assert isinstance(item, QuestionItem)
        asked = item.context[item.asked].first
        rest = [slot for slot in ("agent", "verb", "patient", "place") if slot != item.slot]
        alike = [m for m in item.context if all(value(m.first, s) == value(asked, s) for s in rest)]  # type: ignore[arg-type]
        assert alike == [item.context[item.asked]]
        candidates = {value(m.first, item.slot) for m in item.context} - {None}
        assert len(candidates) == 4


def test_the_words_of_a_text_say_its_topic() -> None:
    train, test = (drawn("topic", split) for split in ("train", "test"))
    topics = sorted({item.label for item in train})
    assert len(topics) == 14
    assert all(isinstance(item, TextItem) for item in train)
    score = accuracy(
        [say(item.text, "en") for item in train], [topics.index(item.label) for item in train],
        [say(item.text, "en") for item in test], [topics.index(item.label) for item in test],
    )  # fmt: skip
    assert score > 0.7

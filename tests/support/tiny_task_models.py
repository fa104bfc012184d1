"""Tiny encoders and tasks that a tiny encoder can learn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from anyglot.evaluation.tasks.examples import (
    Answer,
    ChoiceExample,
    Example,
    QuestionExample,
    TaggedExample,
    TextExample,
)
from anyglot.evaluation.tasks.task import Protocol, Task
from support.tiny_encoders import write_xlmr
from support.tiny_translators import TEXTS

PROTOCOL = Protocol(learning_rate=3e-3, epochs=6, batch=8, max_length=64)
TOPICS = Task("topics", "Topics", "classification", ("animal", "house"), ("de", "en"), ("accuracy",))
TAGGING = Task("tagging", "Tags", "tagging", ("O", "B-LOC"), ("de", "en"), ("span_f1",))
CHOOSING = Task("choosing", "Choices", "choice", (), ("de",), ("accuracy",))
ASKING = Task("asking", "Questions", "answering", (), ("de",), ("squad",))
RANKING = Task("ranking", "Grades", "ranking", ("Bad", "Good"), ("de",), ("ndcg", "ndcg_expected"))


def encoder_folder(folder: Path) -> str:
    """A random tiny XLM-R."""
    return str(write_xlmr(folder, width=32, layers=2))


def _words(index: int) -> list[str]:
    return TEXTS[index % len(TEXTS)].split()


def topics(count: int, start: int = 0) -> Iterator[Example]:
    """The class says whether the text has a certain word in front."""
    for index in range(start, start + count):
        label = TOPICS.labels[index % 2]
        front = "Hund" if label == "animal" else "Haus"
        yield TextExample(str(index), (" ".join([front, *_words(index // 2)]),), label)


def tagged(count: int) -> Iterator[Example]:
    """One word is a place wherever it stands."""
    for index in range(count):
        words = _words(index)
        words.insert(index % (len(words) + 1), "Haus")
        yield TaggedExample(str(index), tuple(words), tuple("B-LOC" if word == "Haus" else "O" for word in words))


def choices(count: int) -> Iterator[Example]:
    """The right choice has a certain word."""
    for index in range(count):
        pair = ("Hund", "Haus") if index % 2 else ("Haus", "Hund")
        yield ChoiceExample(str(index), TEXTS[index % len(TEXTS)], "effect", pair, pair.index("Hund"))


def questions(count: int) -> Iterator[Example]:
    """The answer is the same word of every context."""
    for index in range(count):
        words = _words(index)
        words.insert(index % (len(words) + 1), "Haus")
        context = " ".join(words)
        yield QuestionExample(str(index), "Hund?", context, (Answer(context.index("Haus"), "Haus"),))


def graded(count: int) -> Iterator[Example]:
    """Three documents a query, one of them good."""
    for index in range(count):
        good = index % 3 == (index // 3) % 3
        text = "Hund" if good else "Haus"
        yield TextExample(str(index), (TEXTS[0], text), "Good" if good else "Bad", group=f"q{index // 3}")

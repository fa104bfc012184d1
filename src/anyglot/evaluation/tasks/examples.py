"""What a labelled example is, for each kind of task. Readers make them; features and metrics take them apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["classification", "ranking", "choice", "tagging", "answering"]


@dataclass(frozen=True, slots=True)
class TextExample:
    """A sentence or a pair with a class; in ranking, a query and a document with a grade.

    Args:
        texts: One text or two.
        label: One of the task's labels; "" where it is not known.
        group: In ranking what the rows of one query share; else "".
    """

    id: str
    texts: tuple[str, ...]
    label: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class ChoiceExample:
    """A premise and what may have been its cause or its effect (XCOPA).

    Args:
        label: Index of the right choice; -1 where it is not known.
    """

    id: str
    premise: str
    question: Literal["cause", "effect"]
    choices: tuple[str, ...]
    label: int


@dataclass(frozen=True, slots=True)
class TaggedExample:
    """A sentence in words, each with a tag; `tags` is as long as `words`, or empty where they are not known."""

    id: str
    words: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A span of a context: `context[start : start + len(text)] == text`, in characters (code points)."""

    start: int
    text: str


@dataclass(frozen=True, slots=True)
class QuestionExample:
    """A question about a context; `answers` are the gold spans, one or more, none where they are not known."""

    id: str
    question: str
    context: str
    answers: tuple[Answer, ...]


Example = TextExample | ChoiceExample | TaggedExample | QuestionExample

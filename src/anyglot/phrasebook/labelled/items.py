"""What an item of each labelled set is before it is said in a language: meanings and what holds of them.

An item is in no language, so that item i says the same in all of them. A text is a tuple of meanings, one a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from anyglot.phrasebook.meaning import Meaning

Text = tuple[Meaning, ...]
Slot = Literal["agent", "verb", "patient", "place", "time"]

NLI_LABELS = ("entailment", "neutral", "contradiction")
PARAPHRASE_LABELS = ("0", "1")
GRADES = ("Bad", "Fair", "Good", "Excellent", "Perfect")


@dataclass(frozen=True, slots=True)
class TextItem:
    """A text and its class; "" in the tagging sets, whose labels are the tokens' own."""

    text: Text
    label: str = ""


@dataclass(frozen=True, slots=True)
class PairItem:
    """Two texts and what holds between them."""

    first: Text
    second: Text
    label: str


@dataclass(frozen=True, slots=True)
class QuestionItem:
    """A context and a question about one slot of one of its sentences.

    Args:
        asked: Index of the sentence of the context that has the answer.
        slot: What is asked for.
    """

    context: Text
    asked: int
    slot: Slot


@dataclass(frozen=True, slots=True)
class DocumentItem:
    """A document for a query; the rows of a query stand together.

    Args:
        grade: How many slots of the query the document has, 0 to 4: an index into `GRADES`.
    """

    query: Meaning
    title: Meaning
    snippet: Text
    grade: int


@dataclass(frozen=True, slots=True)
class ChoiceItem:
    """A premise and what may have been its cause or its effect."""

    premise: Meaning
    choices: tuple[Meaning, Meaning]
    question: Literal["cause", "effect"]
    label: int


Item = TextItem | PairItem | QuestionItem | DocumentItem | ChoiceItem

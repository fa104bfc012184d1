"""Rows of classification, ranking and choice."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from anyglot.errors import UserError
from anyglot.evaluation.tasks.examples import ChoiceExample, TextExample
from anyglot.evaluation.tasks.pairs import PairFrame
from anyglot.evaluation.tasks.rows import ChoiceRow, TextRow
from anyglot.text.encoder_templates import EncoderTemplate

# jiant's COPA puts an English question behind the premise whatever the language, and so do we: the phrase only says
# which of two relations is asked for, and one wording in all languages is what an English-trained model has learnt.
QUESTIONS = {"cause": "What was the cause?", "effect": "What happened as a result?"}


def text_rows(
    examples: Sequence[TextExample], framing: EncoderTemplate, language: str | None, limit: int
) -> list[TextRow]:
    """A row for each example, of one text or two.

    Args:
        language: Of the texts; needed where the checkpoint has language tokens.
        limit: Most tokens of a row; of a pair that is too long the longer text is cut first.

    Raises:
        UserError: An example has other than one or two texts, the limit has no room for text, or the checkpoint has no
            token for the language.
    """
    frame = PairFrame.of(framing, language)
    for example in examples:
        if len(example.texts) not in (1, 2):
            raise UserError(f"example {example.id!r} has {len(example.texts)} texts; a row has one or two.")
    encoded = iter(framing.tokenizer.encode(list(chain.from_iterable(example.texts for example in examples))))
    return [frame.row([next(encoded) for _ in example.texts], limit) for example in examples]


def choice_rows(
    examples: Sequence[ChoiceExample], framing: EncoderTemplate, language: str | None, limit: int
) -> list[ChoiceRow]:
    """For each example a pair for each choice: the premise with the question in English behind it, and the choice.

    Args:
        language: As in `text_rows`.
        limit: As in `text_rows`.

    Raises:
        UserError: As in `text_rows`.
    """
    frame = PairFrame.of(framing, language)
    premises = framing.tokenizer.encode([f"{each.premise} {QUESTIONS[each.question]}" for each in examples])
    encoded = iter(framing.tokenizer.encode(list(chain.from_iterable(each.choices for each in examples))))
    return [
        ChoiceRow(tuple(frame.row([premise, next(encoded)], limit) for _ in example.choices))
        for example, premise in zip(examples, premises, strict=True)
    ]


def text_targets(examples: Sequence[TextExample], labels: Sequence[str]) -> NDArray[np.int64]:
    """The class index of each example, (N,); -1 where its label is not known.

    Raises:
        UserError: A label is not one of the task's.
    """
    index = {"": -1} | {label: number for number, label in enumerate(labels)}
    for example in examples:
        if example.label not in index:
            raise UserError(f"example {example.id!r} has the label {example.label!r}; known are {', '.join(labels)}.")
    return np.asarray([index[example.label] for example in examples], dtype=np.int64)

"""The five kinds of tasks: how each turns examples into rows, rows into batches, and logits into predictions.

`KINDS[task.kind](task, reader)` makes the one a task needs. All of them speak of items: an item is what goes through
the model at once, a text, all choices of an example, or a window of a long sentence or context.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from anyglot.data.batch import IGNORED
from anyglot.data.labelled import ClassBatch, LabelledBatch, SpanBatch, TagBatch
from anyglot.evaluation.finetuning.padding import padded, real, segments_of
from anyglot.evaluation.finetuning.reading import Reader
from anyglot.evaluation.tasks.answers import answers
from anyglot.evaluation.tasks.examples import ChoiceExample, Example, Kind, QuestionExample, TaggedExample, TextExample
from anyglot.evaluation.tasks.predictions import ClassPrediction, Prediction
from anyglot.evaluation.tasks.rows import ChoiceRow, SpanRow, TagRow, TextRow
from anyglot.evaluation.tasks.tag_rows import filler, merged_tags, tag_targets
from anyglot.evaluation.tasks.task import Task
from anyglot.evaluation.tasks.text_rows import text_targets

Logits = NDArray[np.float32]
ExampleT = TypeVar("ExampleT", TextExample, ChoiceExample, TaggedExample, QuestionExample)


@dataclass(frozen=True, eq=False)
class Item:
    """What goes through the model at once.

    Attributes:
        example: Index of its example in the list that was encoded.
        length: Tokens of its longest row.
        row: Its tokens.
        target: What is to be learned of it: a class index, or the tag indices at the row's positions; None for spans,
            whose row knows.
    """

    example: int
    length: int
    row: Any
    target: Any = None


class TaskKind(Protocol):
    """A kind of task for one encoder."""

    def items(self, examples: Sequence[Example], language: str, *, training: bool) -> list[Item]:
        """Rows of examples in a language, in order; in training without those nothing can be learned of."""
        ...

    def batch(self, items: Sequence[Item]) -> LabelledBatch:
        """A padded batch; labels that are not known are 0 or `IGNORED`."""
        ...

    def predictions(
        self, examples: Sequence[Example], items: Sequence[Item], logits: Sequence[Logits]
    ) -> list[Prediction]:
        """One prediction for each example, from the logits of each item without its padding."""
        ...


def _all(examples: Sequence[Example], kind: type[ExampleT]) -> list[ExampleT]:
    assert all(isinstance(example, kind) for example in examples)
    return list(examples)  # type: ignore[arg-type]


def _known(items: list[Item]) -> list[Item]:
    """Those whose gold answer is known."""
    return [item for item in items if item.target is not None]


@dataclass(frozen=True)
class Texts:
    """Classification and ranking: a class for a row."""

    task: Task
    reader: Reader

    def items(self, examples: Sequence[Example], language: str, *, training: bool) -> list[Item]:
        texts = _all(examples, TextExample)
        rows, classes = self.reader.texts(texts, language), text_targets(texts, self.task.labels).tolist()
        items = [
            Item(place, len(row.tokens), row, number if number >= 0 else None)
            for place, (row, number) in enumerate(zip(rows, classes, strict=True))
        ]
        return _known(items) if training else items

    def batch(self, items: Sequence[Item]) -> ClassBatch:
        rows: list[TextRow] = [item.row for item in items]
        tokens = [row.tokens for row in rows]
        labels = torch.tensor([item.target or 0 for item in items])
        return ClassBatch(padded(tokens, self.reader.pad_id), real(tokens), labels, segments_of(rows))

    def predictions(
        self, examples: Sequence[Example], items: Sequence[Item], logits: Sequence[Logits]
    ) -> list[Prediction]:
        return _classes(logits)


@dataclass(frozen=True)
class Choices:
    """Choice: one logit for each of an example's rows."""

    task: Task
    reader: Reader

    def items(self, examples: Sequence[Example], language: str, *, training: bool) -> list[Item]:
        chosen = _all(examples, ChoiceExample)
        rows = self.reader.choices(chosen, language)
        items = [
            Item(place, max(len(choice.tokens) for choice in row.choices), row, each.label if each.label >= 0 else None)
            for place, (each, row) in enumerate(zip(chosen, rows, strict=True))
        ]
        return _known(items) if training else items

    def batch(self, items: Sequence[Item]) -> ClassBatch:
        rows: list[ChoiceRow] = [item.row for item in items]
        count, length = max(len(row.choices) for row in rows), max(item.length for item in items)
        # An example with fewer choices than another has rows of one token more, which no label points to.
        flat = [choice for row in rows for choice in (*row.choices, *(row.choices[:1] * (count - len(row.choices))))]
        tokens = [choice.tokens for choice in flat]
        segments = segments_of(flat, length)
        shape = (len(rows), count, length)
        return ClassBatch(
            padded(tokens, self.reader.pad_id, length).view(shape),
            real(tokens, length).view(shape),
            torch.tensor([item.target or 0 for item in items]),
            None if segments is None else segments.view(shape),
        )

    def predictions(
        self, examples: Sequence[Example], items: Sequence[Item], logits: Sequence[Logits]
    ) -> list[Prediction]:
        return _classes([row[: len(item.row.choices)] for item, row in zip(items, logits, strict=True)])


@dataclass(frozen=True)
class Tags:
    """Tagging: a tag at the first piece of each word; long sentences in windows, every word in one of them."""

    task: Task
    reader: Reader

    def items(self, examples: Sequence[Example], language: str, *, training: bool) -> list[Item]:
        sentences = _all(examples, TaggedExample)
        rows = self.reader.tags(sentences, language)
        targets = tag_targets(rows, sentences, self.task.labels)
        items = [
            Item(row.example, len(row.tokens), row, target if (target >= 0).all() else None)
            for row, target in zip(rows, targets, strict=True)
        ]
        return [item for item in _known(items) if len(item.target)] if training else items

    def batch(self, items: Sequence[Item]) -> TagBatch:
        rows: list[TagRow] = [item.row for item in items]
        tokens = [row.tokens for row in rows]
        table = padded(tokens, self.reader.pad_id)
        labels = torch.full_like(table, IGNORED)
        for place, (item, row) in enumerate(zip(items, rows, strict=True)):
            if item.target is not None:
                labels[place, torch.from_numpy(row.positions.astype(np.int64))] = torch.from_numpy(item.target)
        return TagBatch(table, real(tokens), labels)

    def predictions(
        self, examples: Sequence[Example], items: Sequence[Item], logits: Sequence[Logits]
    ) -> list[Prediction]:
        sentences = _all(examples, TaggedExample)
        rows: list[TagRow] = [item.row for item in items]
        best = [scores[row.positions].argmax(axis=-1) for row, scores in zip(rows, logits, strict=True)]
        # What a protocol cuts off gets the tag that says least; gold tags must not decide it.
        return list(merged_tags(sentences, rows, best, self.task.labels, filler(self.task.labels)).tags)


@dataclass(frozen=True)
class Spans:
    """Answering: the first and the last token of a span of the context, which is read in windows."""

    task: Task
    reader: Reader

    def items(self, examples: Sequence[Example], language: str, *, training: bool) -> list[Item]:
        rows = self.reader.spans(_all(examples, QuestionExample), language)
        return [Item(row.example, len(row.tokens), row) for row in rows if not training or row.answer_first >= 0]

    def batch(self, items: Sequence[Item]) -> SpanBatch:
        rows: list[SpanRow] = [item.row for item in items]
        tokens = [row.tokens for row in rows]
        return SpanBatch(
            padded(tokens, self.reader.pad_id),
            real(tokens),
            torch.tensor([max(row.answer_first, 0) for row in rows]),
            torch.tensor([max(row.answer_last, 0) for row in rows]),
            segments_of([TextRow(row.tokens, row.segments) for row in rows]),
        )

    def predictions(
        self, examples: Sequence[Example], items: Sequence[Item], logits: Sequence[Logits]
    ) -> list[Prediction]:
        questions = _all(examples, QuestionExample)
        rows = [item.row for item in items]
        starts, ends = [each[:, 0] for each in logits], [each[:, 1] for each in logits]
        return list(answers(questions, rows, starts, ends))


def _classes(logits: Sequence[Logits]) -> list[Prediction]:
    found: list[Prediction] = []
    for row in logits:
        shares = np.exp(row.astype(np.float64) - row.max())
        shares /= shares.sum()
        found.append(ClassPrediction(int(row.argmax()), tuple(shares.tolist())))
    return found


KINDS: dict[Kind, Callable[[Task, Reader], TaskKind]] = {
    "classification": Texts,
    "ranking": Texts,
    "choice": Choices,
    "tagging": Tags,
    "answering": Spans,
}

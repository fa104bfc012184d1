"""What a model says about an example, and the files that predictions are handed in as.

| Kind | File, an example after the other |
|---|---|
| classification | `id TAB label` |
| choice | `id TAB index` |
| ranking | `id TAB class index TAB expected grade` |
| tagging | `word TAB tag`, an empty line after each sentence (CoNLL) |
| answering | SQuAD's `{id: text}`, and beside it the n-best lists, as in its `nbest_predictions.json` |
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from anyglot.evaluation.tasks.examples import Example, Kind, QuestionExample, TaggedExample
from anyglot.evaluation.tasks.task import Task
from anyglot.runtime.files import disk_errors, whole_file


@dataclass(frozen=True, slots=True)
class ClassPrediction:
    """Of classification, ranking and choice.

    Args:
        label: Index of the class, in the order of the task's labels; of choice, of the option.
        scores: Probability of each class.
    """

    label: int
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class AnswerPrediction:
    """Of answering: a span of the context, in characters.

    Args:
        start: Where it begins; `context[start : start + len(text)] == text`.
        score: Sum of the logits of its first and its last token.
        best: The best spans as (text, start, score), by descending score, this one first.
    """

    text: str
    start: int
    score: float
    best: tuple[tuple[str, int, float], ...] = ()


Prediction = ClassPrediction | tuple[str, ...] | AnswerPrediction
"""A tuple of strings holds the tags of a sentence, one for each word."""


def expected_grade(prediction: ClassPrediction) -> float:
    """The mean of the class indices under the predicted probabilities, which ranks where class indices tie."""
    return math.fsum(index * score for index, score in enumerate(prediction.scores))


class PredictionWriter(Protocol):
    """Takes examples with their predictions, in order; keeps none of them."""

    def add(self, examples: Sequence[Example], predictions: Sequence[Prediction]) -> None:
        """Write the next examples' predictions, one for each."""
        ...


def nbest_path(path: Path) -> Path:
    """Where the n-best lists beside a file of answers are: test-de.json -> test-de.nbest.json."""
    return path.with_name(f"{path.stem}.nbest{path.suffix}")


@contextmanager
def prediction_writer(task: Task, path: Path) -> Iterator[PredictionWriter]:
    """Open a file of predictions; it is put in place, whole, when the block ends, and not at all if the block fails.

    Args:
        path: The file; its folder is made. Answers have their n-best lists in a second one, at `nbest_path`.

    Raises:
        UserError: It cannot be written.
    """
    with _opened(path) as file:
        if task.kind != "answering":
            yield _Lines(file, _LINES[task.kind], task.labels)
            return
        # Left first, so that where there is a file of answers its n-best lists are there too.
        with _opened(nbest_path(path)) as best:
            answers = _Answers(_JsonObject(file), _JsonObject(best))
            yield answers
            answers.close()


@dataclass(frozen=True, slots=True)
class _File:
    """Where bytes go; says which file it was that could not be written."""

    path: Path
    stream: BinaryIO

    def write(self, text: str) -> None:
        # Lone surrogates, which broken input has, become question marks.
        with disk_errors(self.path):
            self.stream.write(text.encode("utf-8", "replace"))


@contextmanager
def _opened(path: Path) -> Iterator[_File]:
    with whole_file(path) as stream:
        yield _File(path, stream)


@dataclass(frozen=True, slots=True)
class _Lines:
    """Text written for each example by itself."""

    file: _File
    lines: Callable[[Example, Prediction, tuple[str, ...]], str]
    labels: tuple[str, ...]

    def add(self, examples: Sequence[Example], predictions: Sequence[Prediction]) -> None:
        for example, prediction in zip(examples, predictions, strict=True):
            self.file.write(self.lines(example, prediction, self.labels))


def _class_line(example: Example, prediction: Prediction, labels: tuple[str, ...]) -> str:
    assert isinstance(prediction, ClassPrediction)
    return f"{_cell(example.id)}\t{_cell(labels[prediction.label])}\n"


def _choice_line(example: Example, prediction: Prediction, labels: tuple[str, ...]) -> str:
    assert isinstance(prediction, ClassPrediction)
    return f"{_cell(example.id)}\t{prediction.label}\n"


def _ranking_line(example: Example, prediction: Prediction, labels: tuple[str, ...]) -> str:
    assert isinstance(prediction, ClassPrediction)
    return f"{_cell(example.id)}\t{prediction.label}\t{expected_grade(prediction):.6f}\n"


def _tag_lines(example: Example, prediction: Prediction, labels: tuple[str, ...]) -> str:
    assert isinstance(example, TaggedExample) and isinstance(prediction, tuple)
    pairs = zip(example.words, prediction, strict=True)
    return "".join(f"{_cell(word)}\t{_cell(tag)}\n" for word, tag in pairs) + "\n"


_LINES: dict[Kind, Callable[[Example, Prediction, tuple[str, ...]], str]] = {
    "classification": _class_line,
    "choice": _choice_line,
    "ranking": _ranking_line,
    "tagging": _tag_lines,
}


def _cell(text: str) -> str:
    """Text without what ends a cell or a line."""
    return " ".join(text.split()) if any(mark in text for mark in "\t\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029") else text


@dataclass(slots=True)
class _JsonObject:
    """A JSON object written a member at a time."""

    file: _File
    members: int = 0

    def add(self, key: str, value: object) -> None:
        member = f"{json.dumps(key, ensure_ascii=False)}: {json.dumps(value, ensure_ascii=False)}"
        self.file.write((",\n" if self.members else "{\n") + member)
        self.members += 1

    def close(self) -> None:
        self.file.write("\n}\n" if self.members else "{}\n")


@dataclass(frozen=True, slots=True)
class _Answers:
    """Two JSON objects side by side: the answers and their n-best lists."""

    answers: _JsonObject
    best: _JsonObject

    def add(self, examples: Sequence[Example], predictions: Sequence[Prediction]) -> None:
        for example, prediction in zip(examples, predictions, strict=True):
            assert isinstance(example, QuestionExample) and isinstance(prediction, AnswerPrediction)
            self.answers.add(example.id, prediction.text)
            self.best.add(example.id, _nbest(prediction))

    def close(self) -> None:
        self.answers.close()
        self.best.close()


def _nbest(prediction: AnswerPrediction) -> list[dict[str, object]]:
    best = prediction.best or ((prediction.text, prediction.start, prediction.score),)
    top = max(score for _, _, score in best)
    weights = [math.exp(score - top) for _, _, score in best]
    total = math.fsum(weights)
    return [
        {"text": text, "start": start, "score": score, "probability": weight / total}
        for (text, start, score), weight in zip(best, weights, strict=True)
    ]

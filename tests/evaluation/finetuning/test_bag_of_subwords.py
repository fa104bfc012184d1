"""The bag of pieces learns what pieces alone tell, of every kind of task, and answers in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from anyglot.evaluation.finetuning.bag_of_subwords import bag_of_pair, bag_of_pieces, nearest_run
from anyglot.evaluation.tasks.examples import Answer, Example, QuestionExample, TaggedExample, TextExample
from anyglot.evaluation.tasks.metrics import METRICS
from anyglot.evaluation.tasks.task import Task
from anyglot.text.protocols import TextTokenizer
from anyglot.text.tokenizer import load_tokenizer
from support import tiny_task_models
from support.tiny_task_models import encoder_folder


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> TextTokenizer:
    torch.set_num_threads(1)
    return load_tokenizer(encoder_folder(tmp_path_factory.mktemp("models") / "tiny"))


def score(task: Task, opened: Callable[[], Iterator[Example]], tokenizer: TextTokenizer) -> float:
    """The task's score on its training set."""
    predict = bag_of_pieces(task, {"de": opened}, tokenizer, seed=1)
    metric = METRICS[task.metric](task, "de")
    sums, seen = 0.0, []
    for window, predictions in predict(opened(), "de"):
        assert len(window) == len(predictions)
        seen += [example.id for example in window]
        sums = sums + metric.of(window, predictions).sum(axis=0)
    assert seen == [example.id for example in opened()]
    return float(metric.value(sums)[0])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("task", "examples"),
    [
        (tiny_task_models.TOPICS, lambda: tiny_task_models.topics(240)),
        (tiny_task_models.TAGGING, lambda: tiny_task_models.tagged(120)),
        (tiny_task_models.CHOOSING, lambda: tiny_task_models.choices(240)),
        (tiny_task_models.RANKING, lambda: tiny_task_models.graded(240)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_a_piece_tells_is_learned(
    task: Task, examples: Callable[[], Iterator[Example]], tokenizer: TextTokenizer
) -> None:
    assert score(task, examples, tokenizer) > 90


def test_the_same_seed_answers_the_same(tokenizer: TextTokenizer) -> None:
    def answers(seed: int) -> list[object]:
        predict = bag_of_pieces(tiny_task_models.TOPICS, {"de": lambda: tiny_task_models.topics(40)}, tokenizer, seed)
        return [
            prediction
            for _, predictions in predict(tiny_task_models.topics(10, 40), "de")
            for prediction in predictions
        ]

    assert answers(1) == answers(1)


def test_order_tells_it_nothing(tokenizer: TextTokenizer) -> None:
    one, other = tokenizer.encode(["Hund Haus", "Haus Hund"])
    size = tokenizer.vocabulary_size
    if sorted(one) == sorted(other):
        assert bag_of_pair(one, [], size) == bag_of_pair(other, [], size)
    assert bag_of_pair(one, other, size) != bag_of_pair(one, [], size)
    assert max(bag_of_pair(one, other, size)) < 3 * size + 3


def test_unknown_words_take_the_commonest_tag(tokenizer: TextTokenizer) -> None:
    rows: list[Example] = [TaggedExample("1", ("Hund", "Haus", "Buch"), ("B-LOC", "O", "O"))]
    predict = bag_of_pieces(tiny_task_models.TAGGING, {"de": lambda: iter(rows)}, tokenizer, seed=1)
    ((_, predictions),) = predict([TaggedExample("2", ("水", "", "Hund"), ())], "de")
    assert predictions == [("O", "O", "B-LOC")]


def test_the_rows_of_a_query_stay_together(tokenizer: TextTokenizer) -> None:
    rows: list[Example] = [TextExample(str(n), ("q", "Hund"), "Good", f"q{n // 700}") for n in range(1400)]
    predict = bag_of_pieces(tiny_task_models.RANKING, {"de": lambda: tiny_task_models.graded(30)}, tokenizer, seed=1)
    for window, _ in predict(rows, "de"):
        first, last = window[0], window[-1]
        assert isinstance(first, TextExample) and isinstance(last, TextExample)
        assert int(first.id) % 700 == 0 and int(last.id) % 700 == 699


@pytest.mark.parametrize(
    ("question", "context", "answer"),
    [
        ("Who lives in Rome?", "Anna has a dog. Peter lives in Rome. Maria reads.", "Peter"),
        ("谁住在罗马？", "安娜有狗。王住在罗马。", "王"),
        ("Nothing?", "", ""),
    ],
)
def test_answers_stand_beside_the_questions_words(question: str, context: str, answer: str) -> None:
    found = nearest_run(QuestionExample("1", question, context, (Answer(0, ""),)))
    assert found.text == answer and context[found.start : found.start + len(found.text)] == found.text


def test_a_model_folder_is_not_needed_to_answer(tmp_path: Path, tokenizer: TextTokenizer) -> None:
    predict = bag_of_pieces(tiny_task_models.ASKING, {}, tokenizer, seed=1)
    ((_, predictions),) = predict(tiny_task_models.questions(3), "de")
    assert len(predictions) == 3

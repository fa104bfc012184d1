"""Prediction files: what stands in them, and that they are there whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyglot.errors import UserError
from anyglot.evaluation.tasks.examples import (
    Answer,
    ChoiceExample,
    Example,
    Kind,
    QuestionExample,
    TaggedExample,
    TextExample,
)
from anyglot.evaluation.tasks.predictions import (
    AnswerPrediction,
    ClassPrediction,
    Prediction,
    expected_grade,
    nbest_path,
    prediction_writer,
)
from anyglot.evaluation.tasks.task import Task


def _task(kind: Kind, *labels: str) -> Task:
    return Task("toy", "Toy", kind, labels, ("en",), ("accuracy",))


def _written(path: Path, task: Task, examples: list[Example], predictions: list[Prediction]) -> str:
    with prediction_writer(task, path) as writer:
        for example, prediction in zip(examples, predictions, strict=True):
            writer.add([example], [prediction])
    return path.read_text(encoding="utf-8")


def test_a_class_is_written_by_its_label(tmp_path: Path) -> None:
    task = _task("classification", "Bad", "Good")
    examples: list[Example] = [TextExample("a1", ("x",), "Good"), TextExample("a\t2", ("y",), "")]
    written = _written(tmp_path / "out" / "en.tsv", task, examples, [ClassPrediction(1, ()), ClassPrediction(0, ())])
    assert written == "a1\tGood\na 2\tBad\n"


def test_a_choice_is_written_by_its_index(tmp_path: Path) -> None:
    example = ChoiceExample("7", "p", "cause", ("a", "b"), 0)
    assert _written(tmp_path / "en.tsv", _task("choice"), [example], [ClassPrediction(1, (0.2, 0.8))]) == "7\t1\n"


def test_a_grade_is_written_with_the_expected_one(tmp_path: Path) -> None:
    task = _task("ranking", "Bad", "Fair", "Good")
    prediction = ClassPrediction(2, (0.25, 0.25, 0.5))
    assert expected_grade(prediction) == 1.25
    example = TextExample("r", ("q", "d"), "Bad", "q")
    assert _written(tmp_path / "en.tsv", task, [example], [prediction]) == "r\t2\t1.250000\n"


def test_tags_are_written_beside_their_words(tmp_path: Path) -> None:
    examples: list[Example] = [TaggedExample("1", ("Ada", "ran"), ()), TaggedExample("2", ("a\u00a0b",), ("O",))]
    written = _written(tmp_path / "en.tsv", _task("tagging", "O", "B-PER"), examples, [("B-PER", "O"), ("O",)])
    assert written == "Ada\tB-PER\nran\tO\n\na\u00a0b\tO\n\n"


def test_a_sentence_has_as_many_tags_as_words(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="zip"):
        _written(tmp_path / "en.tsv", _task("tagging", "O"), [TaggedExample("1", ("a", "b"), ())], [("O",)])
    assert list(tmp_path.iterdir()) == []


def test_answers_and_their_n_best_lists(tmp_path: Path) -> None:
    task = _task("answering")
    examples: list[Example] = [QuestionExample(name, "?", "上海 in", (Answer(0, "上海"),)) for name in ("q1", 'q"2')]
    best = (("上海", 0, 2.0), ("in", 3, 2.0))
    predictions: list[Prediction] = [AnswerPrediction("上海", 0, 2.0, best), AnswerPrediction("in", 3, 0.5)]
    path = tmp_path / "zh.json"
    assert json.loads(_written(path, task, examples, predictions)) == {"q1": "上海", 'q"2': "in"}
    assert "上海" in path.read_text(encoding="utf-8")
    found = json.loads(nbest_path(path).read_text(encoding="utf-8"))
    assert nbest_path(path).name == "zh.nbest.json"
    assert found["q1"][1] == {"text": "in", "start": 3, "score": 2.0, "probability": 0.5}
    assert found['q"2'] == [{"text": "in", "start": 3, "score": 0.5, "probability": 1.0}]


@pytest.mark.parametrize("kind", ["classification", "answering"])
def test_no_examples_make_a_file_that_can_be_read(tmp_path: Path, kind: Kind) -> None:
    written = _written(tmp_path / "en.txt", _task(kind, "a"), [], [])
    assert written == ("" if kind == "classification" else "{}\n")


@pytest.mark.parametrize("kind", ["classification", "answering"])
def test_a_failure_leaves_the_file_of_before(tmp_path: Path, kind: Kind) -> None:
    path = tmp_path / "en.json"
    path.write_text("before", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt), prediction_writer(_task(kind, "a"), path):
        raise KeyboardInterrupt
    assert path.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    path = tmp_path / "file" / "en.tsv"
    with pytest.raises(UserError, match=r"cannot write .*en\.tsv"):
        _written(path, _task("classification", "a"), [], [])


@given(st.text(st.characters(blacklist_categories=()), max_size=20))
def test_any_id_stays_on_its_line_and_any_text_can_be_read_back(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    line = _written(
        folder / "a.tsv", _task("classification", "yes"), [TextExample(text, (), "")], [ClassPrediction(0, ())]
    )
    assert len(line.splitlines()) == 1 and line.count("\t") == 1 and line.endswith("\tyes\n")
    example = QuestionExample("q", "?", text, ())
    written = _written(folder / "a.json", _task("answering"), [example], [AnswerPrediction(text, 0, 0.0)])
    assert json.loads(written) == {"q": "".join("?" if category(mark) == "Cs" else mark for mark in text)}

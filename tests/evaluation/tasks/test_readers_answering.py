"""Questions: spans are spans, misplaced answers are found again, and broken files are called broken."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyglot.evaluation.tasks.answering import nearest, questions
from anyglot.evaluation.tasks.data_issues import FileIssues
from anyglot.evaluation.tasks.examples import Answer, QuestionExample
from support.official_files import squad, write


def asked(path: Path, *, test: bool = False, language: str = "") -> tuple[list[QuestionExample], FileIssues]:
    faults = FileIssues(path)
    return [example for _, example in questions(path, faults, test=test, language=language)], faults


def file_of(folder: Path, context: Any, *records: Any) -> Path:
    data = {"data": [{"paragraphs": [{"context": context, "qas": list(records)}]}]}
    return write(folder / "a.json", json.dumps(data))


def record(text: str, start: Any, name: str = "1") -> dict[str, Any]:
    return {"id": name, "question": "q?", "answers": [{"text": text, "answer_start": start}]}


def test_spans_of_every_script_are_characters(tmp_path: Path) -> None:
    context = "𝒜𝒷 北京は首都ではない。 हिन्दी"
    for answer in ("北京", "हिन्दी", "𝒷"):
        found, faults = asked(file_of(tmp_path, context, record(answer, context.index(answer))))
        [gold] = found[0].answers
        assert context[gold.start : gold.start + len(gold.text)] == answer and faults.count == 0


def test_a_misplaced_answer_is_found_again_nearest_to_its_place(tmp_path: Path) -> None:
    found, faults = asked(file_of(tmp_path, "ab ab ab", record("ab", 4)))
    assert found[0].answers == (Answer(3, "ab"),)
    assert (faults.mended, faults.left_out) == (1, 0)
    assert "stands at 3, not 4; put right" in faults.first()[0].message


def test_white_space_around_an_answer_is_none_of_it(tmp_path: Path) -> None:
    found, faults = asked(file_of(tmp_path, "x Ada wrote", record(" Ada ", 1)))
    assert found[0].answers == (Answer(2, "Ada"),) and faults.count == 0


def test_an_answer_that_is_nowhere_takes_its_question_along(tmp_path: Path) -> None:
    two = record("Ada", 0)
    two["answers"].append({"text": "Bob", "answer_start": 3})
    found, faults = asked(file_of(tmp_path, "Ada wrote", record("Bob", 0, "n"), two))
    assert [(example.id, example.answers) for example in found] == [("1", (Answer(0, "Ada"),))]
    assert faults.left_out == 1 and "question 1 (id 'n'): the answer 'Bob' does not stand" in faults.first()[0].message


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"id": "x", "question": "", "answers": []}, "the question is missing or empty"),
        ({"question": "q?", "answers": [{"text": "a", "answer_start": 0}]}, "the id is missing"),
        ({"id": "x", "question": "q?", "answers": []}, "none of its 0 answers can be used"),
        ("nonsense", "the question is missing or empty"),
    ],
)
def test_bad_questions(bad: Any, message: str, tmp_path: Path) -> None:
    found, faults = asked(file_of(tmp_path, "a b", record("a", 0), bad, record("b", 2, "2")))
    assert [example.id for example in found] == ["1", "2"]
    assert message in faults.first()[0].message and faults.rows == 3


def test_answers_may_be_missing_from_a_test_file_only(tmp_path: Path) -> None:
    # XTREME's preprocessing leaves an empty answer at 0.
    path = file_of(tmp_path, "a b", record("", 0))
    assert asked(path, test=True)[0][0].answers == ()
    assert asked(path)[0] == []


def test_repeated_ids_are_told_apart(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", squad(*[("7", f"q{n}?", f"Ada {n}", "Ada") for n in range(3)]))
    found, faults = asked(path)
    assert [example.id for example in found] == ["7", "7#2", "7#3"] and faults.left_out == 0


def test_one_language_out_of_several_and_paragraphs_stay_together(tmp_path: Path) -> None:
    faults = FileIssues(tmp_path / "a.json")
    path = file_of(
        tmp_path, "a b", record("a", 0, "english-1"), record("b", 2, "english-2"), record("b", 2, "finnish-1")
    )
    assert [(item, e.id) for item, e in questions(path, faults, test=False, language="english")] == [
        (0, "english-1"),
        (0, "english-2"),
    ]


@pytest.mark.parametrize("packed", [False, True])
def test_a_half_downloaded_file_is_broken(packed: bool, tmp_path: Path) -> None:
    raw = squad(*[(str(n), f"question {n * 7919}?", "Ada wrote it.", "Ada") for n in range(500)]).encode()
    raw = gzip.compress(raw) if packed else raw
    path = tmp_path / ("a.json.gz" if packed else "a.json")
    path.write_bytes(raw[: len(raw) // 2])
    found, faults = asked(path)
    assert found == [] and faults.fatal and "half downloaded" in faults.first()[0].message


@pytest.mark.parametrize("text", ["[]", "{}", '{"data": 3}', "null", "", "nonsense"])
def test_a_file_of_another_format_is_broken(text: str, tmp_path: Path) -> None:
    found, faults = asked(write(tmp_path / "a.json", text))
    assert found == [] and faults.broken
    found, faults = asked(tmp_path / "none.json")
    assert found == [] and faults.broken


@given(st.text("ab", min_size=1, max_size=3), st.text("ab", max_size=30), st.integers(0, 30))
def test_nearest_is_nearest(text: str, context: str, start: int) -> None:
    places = [place for place in range(len(context)) if context.startswith(text, place)]
    found = nearest(text, context, start)
    if not places:
        assert found == -1
    else:
        assert found in places and abs(found - start) == min(abs(place - start) for place in places)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["data", "paragraphs", "qas", "context", "question", "id", "answers", "text", "answer_start"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(qas=st.lists(JSON, max_size=4), context=JSON, test=st.booleans(), data=JSON)
def test_any_json_gives_questions_or_faults(qas: list[Any], context: Any, test: bool, data: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for value in (data, {"data": data}, {"data": [{"paragraphs": [{"context": context, "qas": qas}]}]}):
            path = write(Path(folder) / "a.json", json.dumps(value))
            found, faults = asked(path, test=test)
            assert faults.rows == len(found) + faults.left_out
            for example in found:
                for answer in example.answers:
                    assert example.context[answer.start : answer.start + len(answer.text)] == answer.text != ""

"""Rows of text, rankings and choices: what comes out, what is a fault, and that nothing ever falls over."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyglot.evaluation.tasks.catalogue import TASKS
from anyglot.evaluation.tasks.choice import choices
from anyglot.evaluation.tasks.data_issues import Faults, FileIssues
from anyglot.evaluation.tasks.examples import Example
from anyglot.evaluation.tasks.line_io import unquoted
from anyglot.evaluation.tasks.ranking import ranked
from anyglot.evaluation.tasks.task_data import open_task
from anyglot.evaluation.tasks.tsv import Columns, texts_and_labels
from support.official_files import records, table, write

PAIR = Columns(((0,), (1,)), 2, 3)
PAGE = Columns(((0,), (1, 2)), 3, 4, spellings={"0": "Bad", "4": "Perfect"})
LABELS = ("entailment", "neutral", "contradiction")


def pairs(path: Path, *, test: bool = False) -> tuple[list[tuple[int, Example]], FileIssues]:
    faults = FileIssues(path)
    return [*texts_and_labels(path, (PAIR,), LABELS, faults, test=test)], faults


def test_rows_of_every_kind_of_line_end(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "\ufeffpremise\thypothesis\tlabel\r\na\tb\tneutral\r\n\r\nc\td\tcontradictory\n")
    examples, faults = pairs(path)
    assert [(place, e.texts, e.label) for place, e in examples] == [  # type: ignore[union-attr]
        (0, ("a", "b"), "neutral"),
        (1, ("c", "d"), "contradiction"),
    ]
    assert faults.count == 0


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a\tb\tmaybe", "the label 'maybe' is none of entailment"),
        ("a\tb\t", "the label '' is none of"),
        ("a\tb", "2 tab-separated columns where there are to be 3"),
        ("a\tb\tneutral\tx", "4 tab-separated columns"),
        (" \tb\tneutral", "text 1 is empty"),
        ("a\t\tneutral", "text 2 is empty"),
    ],
)
def test_a_bad_row_is_named_and_the_rest_goes_on(row: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", f"a\tb\tneutral\n{row}\nc\td\tneutral\n")
    examples, faults = pairs(path)
    assert [place for place, _ in examples] == [0, 2]
    [fault] = faults.first()
    assert (fault.file, fault.line, fault.kind) == (path, 2, "left out")
    assert message in fault.message


def test_a_line_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes(b"a\tb\tneutral\n\xff\tb\tneutral\nc\td\tneutral\n")
    examples, faults = pairs(path)
    assert [place for place, _ in examples] == [0, 2]
    assert faults.first()[0].line == 2 and "UTF-8" in faults.first()[0].message


def test_labels_may_be_missing_from_a_test_file_only(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "a\tb\nc\td\n")
    examples, faults = pairs(path, test=True)
    assert [e.label for _, e in examples] == ["", ""]  # type: ignore[union-attr]
    assert faults.count == 0
    examples, faults = pairs(path)
    assert not examples and faults.left_out == 2 and faults.fatal


@pytest.mark.parametrize(
    ("cell", "plain"),
    [
        ('"He said ""hi"" twice"', 'He said "hi" twice'),
        ('"Hello"', '"Hello"'),
        ('"a" and "b"', '"a" and "b"'),
        ('say ""hi""', 'say ""hi""'),
        ('""', '""'),
        ("", ""),
    ],
)
def test_only_what_csv_must_have_quoted_is_unquoted(cell: str, plain: str) -> None:
    assert unquoted(cell) == plain


@given(st.text(alphabet=st.characters(blacklist_characters="\t\r\n", blacklist_categories=["Cs"])))
def test_unquoting_undoes_csv(text: str) -> None:
    import csv
    import io

    written = io.StringIO()
    csv.writer(written, delimiter="\t", lineterminator="\n").writerow([text, "x"])
    cell = written.getvalue().split("\t")[0]
    if '"' in text:
        assert unquoted(cell) == text
    else:
        assert cell == text == unquoted(cell)


def test_a_half_downloaded_file_is_broken(tmp_path: Path) -> None:
    packed = gzip.compress("".join(f"premise {n}\thypothesis {n * 7919}\tneutral\n" for n in range(5000)).encode())
    path = tmp_path / "a.tsv.gz"
    path.write_bytes(packed[: len(packed) // 2])
    examples, faults = pairs(path)
    assert 0 < len(examples) < 5000
    assert faults.broken and faults.fatal and "truncated" in faults.first()[0].message


def test_an_id_that_comes_again_is_told_apart(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", table(("7", "x", "neutral"), ("7", "y", "neutral"), ("7", "z", "neutral")))
    faults = FileIssues(path)
    shape = Columns(((1,),), 2, 3, id=0)
    names = [example.id for _, example in texts_and_labels(path, (shape,), LABELS, faults, test=False)]
    assert names == ["7", "7#2", "7#3"]
    assert faults.mended == 2 and faults.left_out == 0 and len(faults.first()) == 1


def test_queries_are_runs_of_rows(tmp_path: Path) -> None:
    rows = (
        ("q", "t", "s", "4"),
        ("q", "u", "s", "Fair"),
        ("r", "t", "s", "0"),
        ("q", "v", "", "Good"),
        ("q", "w", "x", "9"),
    )
    path = write(tmp_path / "a.tsv", table(*rows))
    faults = FileIssues(path)
    grades = ("Bad", "Fair", "Good", "Excellent", "Perfect")
    found = [*ranked(path, (PAGE,), grades, faults, test=False)]
    assert [(item, e.group, e.label) for item, e in found] == [
        (0, "0", "Perfect"),
        (0, "0", "Fair"),
        (1, "1", "Bad"),
        (2, "2", "Good"),
    ]
    assert found[0][1].texts == ("q", "t s") and found[3][1].texts == ("q", "v")
    assert (faults.mended, faults.left_out) == (1, 1)


COPA = {"premise": "p", "choice1": "a", "choice2": "b", "question": "cause", "label": 1, "idx": 3}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"premise": " "}, "'premise' is missing or empty"),
        ({"choice2": None}, "'choice2' is missing or empty"),
        ({"question": "why"}, "neither 'cause' nor 'effect'"),
        ({"label": 2}, "neither 0 nor 1"),
        ({"label": None}, "neither 0 nor 1"),
        ({"label": True}, "neither 0 nor 1"),
    ],
)
def test_faulty_choices(change: dict[str, object], message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", records(COPA, COPA | change, COPA | {"idx": 4}))
    faults = FileIssues(path)
    assert [e.id for _, e in choices(path, faults, test=False)] == ["3", "4"]
    assert faults.first()[0].line == 2 and message in faults.first()[0].message


def test_the_last_line_of_a_half_downloaded_json_lines_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", json.dumps(COPA) + "\n" + json.dumps(COPA)[:20])
    faults = FileIssues(path)
    assert len([*choices(path, faults, test=False)]) == 1
    assert "not JSON" in faults.first()[0].message and faults.first()[0].line == 2


LINES = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.sampled_from(
            ["a\tb\tneutral", "a\tb\t4", "q\tt\ts\tBad", json.dumps(COPA), "{}", '"', "word\tNOUN", "\x85"]
        ),
    ),
    max_size=12,
)


def _readers(path: Path, faults: FileIssues, test: bool) -> Iterator[tuple[str, Iterator[tuple[int, Example]]]]:
    yield "pairs", texts_and_labels(path, (PAIR,), LABELS, faults, test=test)
    yield "ranking", ranked(path, (PAGE,), ("Bad", "Good"), faults, test=test)
    yield "choice", choices(path, faults, test=test)


@settings(max_examples=150, deadline=None)
@given(lines=LINES, test=st.booleans(), end=st.sampled_from(["\n", "\r\n", ""]))
def test_any_text_gives_rows_or_faults(lines: list[str], test: bool, end: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tsv"
        path.write_bytes(("\n".join(lines) + end).encode("utf-8", "surrogatepass"))
        for number in range(3):
            faults = FileIssues(path)
            name, items = [*_readers(path, faults, test)][number]
            came = [*items]
            assert faults.rows == len(came) + faults.left_out, name
            for _, example in came:
                assert example.id


@settings(max_examples=100, deadline=None)
@given(raw=st.binary(max_size=200))
def test_any_bytes_packed_or_not(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.tsv", "a.tsv.gz"):
            path = Path(folder) / name
            path.write_bytes(raw)
            examples, faults = pairs(path)
            assert faults.rows == len(examples) + faults.left_out


def test_one_label_for_all_rows_is_no_test_set(tmp_path: Path) -> None:
    """A copy of XCOPA's test has label 0 everywhere: whoever prefers the first choice would be right in all of it."""
    folder = tmp_path / "xcopa"
    folder.mkdir()

    def write(name: str, labels: list[int]) -> None:
        rows = [
            {"premise": f"p{n}", "choice1": "a", "choice2": "b", "question": "cause", "label": label, "idx": n}
            for n, label in enumerate(labels)
        ]
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    for code in ("en", "it"):
        write(f"test-{code}.jsonl", [0] * 60)
        write(f"val-{code}.jsonl", [0, 1] * 30)
    write("train-en.jsonl", [1, 0] * 30)
    faults = Faults()
    data = open_task(TASKS["xcopa"], tmp_path, faults)
    assert any("every label is '0'" in sentence for sentence in faults.say())
    assert {example.label for example in data.examples("test", "it")} == {0, 1}
    assert data.files("test", "it") == (folder / "val-it.jsonl",)
    assert "dev is the test set" in data.note
    write("test-it.jsonl", [0] * 59 + [1])  # a real set, however lopsided
    write("test-en.jsonl", [0] * 49)  # too few rows to tell
    again = open_task(TASKS["xcopa"], tmp_path, Faults())
    assert {again.files("test", code)[0].name for code in ("en", "it")} == {"test-en.jsonl", "test-it.jsonl"}

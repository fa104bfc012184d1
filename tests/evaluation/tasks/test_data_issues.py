"""Faults are counted, said once, and stop a run only where going on is not safe."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyglot.errors import UserError
from anyglot.evaluation.tasks.data_issues import SHOWN, Faults

FILE = Path("a.tsv")


def test_equal_faults_are_one_with_a_count() -> None:
    faults = Faults()
    reading = faults.reading(FILE)
    for line in (3, 5, 9):
        reading.add(line, "text 1 is empty")
    assert faults.say() == ("a.tsv, line 3: text 1 is empty (3 times)",)
    assert len(faults) == 3 and faults.left_out == 3


def test_reading_again_replaces_what_was_told() -> None:
    faults = Faults()
    for _ in range(3):
        faults.reading(FILE, "train en").add(1, "odd")
    assert len(faults) == 1
    faults.reading(FILE, "dev en").add(1, "odd")
    # The same row of the same file is said once, though two sets met it.
    assert len(faults) == 2 and len(faults.say()) == 1


def test_many_faults_are_shown_in_part() -> None:
    faults = Faults()
    reading = faults.reading(FILE)
    for line in range(500):
        reading.add(line, f"odd {line}")
    other = faults.reading(Path("b.tsv"))
    for line in range(5):
        other.add(line, f"odd {line}")
    other.add(0, "breaks off", "broken")
    said = faults.say()
    assert len(said) == SHOWN + 1 and said[0] == "b.tsv: breaks off" and "506 faults in all" in said[-1]


def test_a_few_bad_rows_do_no_harm_and_many_do() -> None:
    faults = Faults()
    reading = faults.reading(FILE)
    reading.rows = 100
    for line in range(10):
        reading.add(line, "odd")
    faults.raise_if_fatal()
    reading.add(11, "odd")
    with pytest.raises(UserError, match=r"11 of 100 rows of a\.tsv cannot be used"):
        faults.raise_if_fatal()
    faults.raise_if_fatal(Path("b.tsv"))


def test_a_broken_file_is_fatal_and_a_mended_row_is_not() -> None:
    faults = Faults()
    faults.reading(FILE).add(2, "put right", "mended")
    faults.raise_if_fatal()
    faults.reading(Path("b.tsv.gz")).add(0, "the file is truncated", "broken")
    with pytest.raises(UserError, match=r"b\.tsv\.gz: the file is truncated"):
        faults.raise_if_fatal()

"""A study's text: aligned, held out once, the same rows for every objective."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from anyglot.data.manifest import read_sheet
from anyglot.errors import UserError
from anyglot.experiments.study.texts import TextSplitSpecification, codes, directions, split_rows, write_texts


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def aligned(folder: Path, count: int = 60) -> str:
    for code in ("en", "de", "fr"):
        texts = ["" if code == "fr" and n % 10 == 0 else f"{code} {n % 50}" for n in range(count)]
        with gzip.open(folder / f"{code}.txt.gz", "wt") as file:
            file.write("\n".join(texts) + "\n")
    return str(folder / "*.txt.gz")


def test_rows_stay_aligned_and_no_row_is_in_two_splits(tmp_path: Path) -> None:
    wanted = TextSplitSpecification(("en", "de", "fr"), aligned(tmp_path), validation=5, sample=7)
    written = write_texts(wanted, tmp_path / "text")
    assert written.incomplete == 6 and written.repeated == 9
    assert written.rows == {"train": 45 - 12, "validation": 5, "sample": 7}
    seen: set[str] = set()
    for split in written.rows:
        texts = {code: lines(tmp_path / "text" / f"{split}.{code}.txt") for code in wanted.languages}
        assert [text.split()[1] for text in texts["en"]] == [text.split()[1] for text in texts["fr"]]
        assert not seen & set(texts["en"])
        seen |= set(texts["en"])
    assert len(seen) == 45


def test_every_condition_reads_the_same_files(tmp_path: Path) -> None:
    write_texts(TextSplitSpecification(("en", "de", "fr"), aligned(tmp_path), 5, 7), tmp_path / "text")
    rows = {
        name: [row.source for row in read_sheet(tmp_path / "text" / f"{name}.tsv")] for name in ("text", "m2m", "o2m")
    }
    assert [row["language"] for row in rows["text"]] == ["en", "de", "fr"]
    assert [(row["source"], row["target"]) for row in rows["m2m"]] == [
        ("de", "en"), ("fr", "en"), ("en", "de"), ("en", "fr"),
    ]  # fmt: skip
    assert rows["o2m"] == rows["m2m"][2:]
    assert {row["file"] for row in rows["text"]} == {file for row in rows["m2m"] for file in row["files"]}
    held = read_sheet(tmp_path / "text" / "validation.m2o.tsv")
    assert held[0].source["files"] == ["validation.de.txt", "validation.en.txt"]


def test_directions_go_through_the_first_language() -> None:
    assert directions("m2o", ("en", "de")) == [("de", "en")]
    assert directions("o2m", ("en", "de")) == [("en", "de")]
    assert codes("eng, de_DE") == ("en", "de")


def test_what_is_held_out_does_not_depend_on_how_much_there_is() -> None:
    rows = [(f"sentence {n}", f"Satz {n}") for n in range(1000)]
    few, many = (split_rows(part, {"validation": 40}, 1)["validation"] for part in (rows[:500], rows))
    assert len(set(few) & set(many)) >= 10  # about half: those of the first 500 rows
    assert split_rows(rows, {"validation": 40}, 1) != split_rows(rows, {"validation": 40}, 2)


def test_a_phrasebook_needs_no_files(tmp_path: Path) -> None:
    wanted = TextSplitSpecification(("en", "de"), "phrasebook:sentences=80&level=beginner&seed=1", 5, 5, limit=20)
    assert write_texts(wanted, tmp_path).rows["train"] == 20


def test_mistakes_are_told(tmp_path: Path) -> None:
    source = aligned(tmp_path)
    with pytest.raises(UserError, match="two languages or more"):
        write_texts(TextSplitSpecification(("en",), source), tmp_path / "text")
    with pytest.raises(UserError, match="45 rows are complete in every language, but 600 are to be held out"):
        write_texts(TextSplitSpecification(("en", "de", "fr"), source), tmp_path / "text")
    with pytest.raises(UserError, match="names one file for all languages"):
        write_texts(TextSplitSpecification(("en", "de"), str(tmp_path / "en.txt.gz")), tmp_path / "text")
    with gzip.open(tmp_path / "de.txt.gz", "wt") as file:
        file.write("a single line\n")
    with pytest.raises(UserError, match=r"de.txt.gz ends before line 2"):
        write_texts(TextSplitSpecification(("en", "de"), source), tmp_path / "text")

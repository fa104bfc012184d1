"""The public face: parallel rows, offsets, files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from anyglot.errors import UserError
from anyglot.phrasebook import Meaning, Phrasebook, realise, write_phrasebook


def test_rows_are_translations() -> None:
    for row in Phrasebook(["en", "de"], 4).parallel("train", 200):
        assert row["en"].meaning == row["de"].meaning
        assert row["de"] == realise(row["en"].meaning, "de")


def test_offset_continues() -> None:
    book = Phrasebook(["en"], 1)
    whole = [sentence.text for sentence in book.sentences("train", 60, "en")]
    assert [sentence.text for sentence in book.sentences("train", 20, "en", offset=40)] == whole[40:]


def test_unknown_language_names_the_known() -> None:
    with pytest.raises(UserError, match=r"tlh.*de, en"):
        Phrasebook(["en", "tlh"])
    with pytest.raises(UserError, match="twice"):
        Phrasebook(["en", "en"])


def test_written_files(tmp_path: Path) -> None:
    folder = tmp_path / "book"
    manifest = write_phrasebook(folder, ["en", "de"], {"train": 30, "test": 10}, seed=5)
    assert manifest["sentences"] == {"train": 30, "test": 10}
    english = (folder / "train.en.txt").read_text(encoding="utf-8").splitlines()
    german = (folder / "train.de.txt").read_text(encoding="utf-8").splitlines()
    rows = (folder / "train.meanings.jsonl").read_text(encoding="utf-8").splitlines()
    for source, target, row in zip(english, german, rows, strict=True):
        meaning = Meaning.from_json(json.loads(row))
        assert (source, target) == (realise(meaning, "en").text, realise(meaning, "de").text)
    blocks = (folder / "test.de.pos").read_text(encoding="utf-8").split("\n\n")
    assert len([block for block in blocks if block.strip()]) == 10
    stored = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert stored == manifest
    for name, digest in stored["sha256"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_writing_twice_gives_the_same_and_leaves_nothing_behind(tmp_path: Path) -> None:
    first = write_phrasebook(tmp_path / "book", ["en"], {"train": 10})
    assert write_phrasebook(tmp_path / "book", ["en"], {"train": 10}) == first
    assert [path.name for path in tmp_path.iterdir()] == ["book"]


def test_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        write_phrasebook(tmp_path / "book", ["en"], {"nosuch": 10})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_the_user_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious", encoding="utf-8")
    with pytest.raises(UserError, match="no phrasebook"):
        write_phrasebook(tmp_path, ["en"], {"train": 1})
    assert (tmp_path / "thesis.txt").exists()

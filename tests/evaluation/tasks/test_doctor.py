"""The doctor says what is there, missing and wrong, and its exit code says whether anything is of use."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from anyglot.cli.check import check
from anyglot.errors import UserError
from anyglot.evaluation.tasks.catalogue import SUITES, TASKS
from anyglot.evaluation.tasks.doctor import Finding, format_finding, inspect, usable
from support.official_files import WRITERS, write

APP = typer.Typer()
APP.command()(check)


def examined(name: str, folder: Path) -> Finding:
    suite = next(suite for suite, names in SUITES.items() if name in names)
    [finding] = inspect(suite, folder, (name,))
    return finding


@pytest.mark.parametrize("name", [name for name in TASKS if name != "squad"])
def test_every_task_is_found(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path)
    finding = examined(name, tmp_path)
    assert finding.state in ("ready", "usable") and finding.rows > 0 and not finding.faulty
    assert set(finding.missing) == set(TASKS[name].languages) - set(finding.languages["test"])


def test_an_empty_folder(tmp_path: Path) -> None:
    findings = inspect("xtreme", tmp_path)
    assert [finding.task for finding in findings] == list(SUITES["xtreme"])
    assert {finding.state for finding in findings} == {"missing"} and not usable(findings)
    assert any("download_xnli" in line for line in format_finding(findings[0]))
    assert not any("http" in line for finding in findings for line in format_finding(finding))


def test_a_file_of_the_wrong_shape(tmp_path: Path) -> None:
    for name in ("train-en", "dev-en", "test-en"):
        write(tmp_path / f"xnli/{name}.tsv", "only one column\n" * 30)
    finding = examined("xnli", tmp_path)
    assert finding.state == "of no use" and finding.rows == 0
    assert finding.faults[0].line == 1 and "1 tab-separated columns" in finding.faults[0].message
    write(tmp_path / "xnli/notes.txt", "x")
    assert examined("xnli", tmp_path).unknown == ("notes.txt",)


def test_a_folder_with_strange_files_only(tmp_path: Path) -> None:
    write(tmp_path / "xnli/readme.md", "x")
    finding = examined("xnli", tmp_path)
    assert finding.state == "of no use" and finding.unknown == ("readme.md",)


def test_a_half_downloaded_file_is_found_behind_a_sound_beginning(tmp_path: Path) -> None:
    WRITERS["book_nli"](tmp_path)
    raw = "".join(f"premise {n * 7919}\thypothesis {n * 104729}\tneutral\n" for n in range(20_000)).encode()
    packed = gzip.compress(raw)
    (tmp_path / "nli/train-en.tsv").unlink()
    (tmp_path / "nli/train-en.tsv.gz").write_bytes(packed[: len(packed) * 3 // 4])
    finding = examined("book_nli", tmp_path)
    assert finding.state == "usable"
    assert [fault.kind for fault in finding.faults] == ["broken"]
    assert any("half downloaded" in line for line in format_finding(finding))


def test_test_files_without_labels_are_told(tmp_path: Path) -> None:
    WRITERS["xnli"](tmp_path)
    write(tmp_path / "xnli/test-de.tsv", "a\tb\nc\td\n")
    finding = examined("xnli", tmp_path)
    assert finding.unlabelled == ("de",)
    assert any("without labels" in line and "de" in line for line in format_finding(finding))


def test_the_verb(tmp_path: Path) -> None:
    WRITERS["xcopa"](tmp_path)
    right = CliRunner().invoke(APP, ["--suite", "more", "--data", str(tmp_path)])
    assert right.exit_code == 0
    assert "xcopa        usable" in right.output and "sib200       missing" in right.output
    wrong = CliRunner().invoke(APP, ["--suite", "xglue", "--data", str(tmp_path)])
    assert wrong.exit_code == 2 and "can be used for the suite xglue" in wrong.output
    with pytest.raises(UserError, match="no folder"):
        inspect("xglue", tmp_path / "nowhere")

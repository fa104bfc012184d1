"""W8: a language that a model has no token for leaves a hole in that model's row and nothing else."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from anyglot.evaluation.finetuning.report import build_report
from anyglot.evaluation.finetuning.requests import SuiteRequest
from anyglot.evaluation.finetuning.results import read_result
from anyglot.evaluation.finetuning.suite import Outcome, run_suite
from support import foreign_translators
from support.suite_data import write_sets
from support.tiny_task_models import encoder_folder

QUICK = {"epochs": "1", "batch": "8", "max_length": "48", "learning_rate": "3e-3"}
LANGUAGES = ("en", "bg", "de")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """mBART-50, which has no token for Bulgarian, and an XLM-R, which is not told languages."""
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("models")
    return str(foreign_translators.write("mbart50", root / "mbart")), encoder_folder(root / "plain")


def scored(
    models: tuple[str, ...], out: Path, data: Path, **changes: object
) -> tuple[SuiteRequest, Outcome, list[str]]:
    said: list[str] = []
    request = SuiteRequest(models, ("book_nli", "book_pos"), "", LANGUAGES, data, out, overrides=QUICK, resamples=20)
    request = dataclasses.replace(request, **changes)  # type: ignore[arg-type]
    return request, run_suite(request, said.append), said


def test_w8_a_missing_token_leaves_a_hole_in_one_row(models: tuple[str, str], tmp_path: Path) -> None:
    data = write_sets(tmp_path / "sets", LANGUAGES)
    request, outcome, said = scored(models, tmp_path / "out", data, selection="mean")
    assert not outcome.left_out and not outcome.holes and list(outcome.tasks) == ["book_nli", "book_pos"]
    for task in outcome.tasks:
        ((hole, folder),) = outcome.results["mbart", task]
        ((whole, _),) = outcome.results["plain", task]
        assert set(whole.languages) == {*LANGUAGES} and not whole.missing
        assert set(hole.languages) == {"en", "de"} and hole.missing == ("bg",)
        assert read_result(folder) == hole
    assert sum("no token for the language bg" in line for line in said) == 2
    assert any("sets in bg" in line for line in said)  # neither chosen by
    report = build_report(request, outcome, "", 1.0)
    tables = {table.title.partition(":")[0]: table for table in report.tables}
    rows = {row[0]: dict(zip(tables["book_nli by language"].columns, row, strict=True))
            for row in tables["book_nli by language"].rows}  # fmt: skip
    assert rows["mbart"]["bg"] is None and rows["plain"]["bg"] is not None and rows["mbart"]["de"] is not None
    assert ("book_nli", "mbart", "no token for bg: means are over its other languages") in tables["Left out"].rows
    assert any("mbart" in line and "less" in line for line in report.summary)

    alone = scored(models[1:], tmp_path / "alone", data, selection="mean")[1]
    assert alone.results["plain", "book_nli"][0][0].languages == outcome.results["plain", "book_nli"][0][0].languages
    assert scored(models, tmp_path / "out", data, selection="mean")[1].kept == 4


def test_w8_a_model_without_the_training_language_is_a_hole(models: tuple[str, str], tmp_path: Path) -> None:
    data = write_sets(tmp_path / "sets", LANGUAGES)
    request, outcome, _ = scored(models, tmp_path / "out", data, train_language="bg", tasks=("book_nli",))
    assert list(outcome.results) == [("plain", "book_nli")] and not outcome.left_out
    assert "no token for the language bg" in outcome.holes["mbart", "book_nli"]
    table = next(table for table in build_report(request, outcome, "", 1.0).tables if table.title == "Left out")
    assert table.rows[0][:2] == ("book_nli", "mbart")

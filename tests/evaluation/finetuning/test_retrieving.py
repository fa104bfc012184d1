"""BUCC within a suite: the threshold of its preset, told beside the score."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from anyglot.evaluation.finetuning.candidates import open_systems
from anyglot.evaluation.finetuning.report import build_report
from anyglot.evaluation.finetuning.requests import SuiteRequest
from anyglot.evaluation.finetuning.retrieving import _open
from anyglot.evaluation.finetuning.suite import run_suite
from anyglot.evaluation.retrieval.bucc import read_split
from anyglot.evaluation.retrieval.bucc_report import threshold_text
from anyglot.evaluation.retrieval.protocol import BUCC_PRESETS, Tuning
from anyglot.evaluation.retrieval.tuning import across_halves, mine_split, oracle
from anyglot.inference.embedding import Embedder
from support.tiny_task_models import encoder_folder
from support.tiny_translators import TEXTS


def quiet(line: str) -> None:
    """Nobody listens."""


@pytest.mark.parametrize("tuning", ["oracle", "halves"])
def test_w10_buccs_threshold_in_a_suite_is_its_presets_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tuning: Tuning
) -> None:
    """As `anyglot evaluate` scores the same files under the same preset, the table of thresholds included."""
    torch.set_num_threads(1)
    model = encoder_folder(tmp_path / "tiny")
    folder = tmp_path / "data" / "bucc2018"
    folder.mkdir(parents=True)
    sides = {"de": TEXTS * 3, "en": [text.upper() for text in TEXTS * 3]}
    for code, lines in sides.items():
        content = "".join(f"{code}{row}\t{line} {row}\n" for row, line in enumerate(lines))
        (folder / f"de-en.dev.{code}").write_text(content, "utf-8")
    gold = "".join(f"de{row}\ten{row}\n" for row in range(0, len(TEXTS) * 3, 2))
    (folder / "de-en.dev.gold").write_text(gold, "utf-8")
    monkeypatch.setitem(BUCC_PRESETS, "xtreme", dataclasses.replace(BUCC_PRESETS["xtreme"], tuning=tuning))
    said: list[str] = []
    asked = SuiteRequest((model,), ("bucc",), "xtreme", (), tmp_path / "data", tmp_path / "out", resamples=50)
    outcome = run_suite(asked, said.append)
    ((result, _),) = outcome.results["tiny", "bucc"]

    rules = BUCC_PRESETS["xtreme"].scaled(Embedder.from_pretrained(model).layers)
    opened = _open(open_systems((model,), anchors=False, out=tmp_path, seed=1, say=quiet)[0], rules, None)
    split = read_split(folder, "de-en", "dev")
    mined = mine_split(opened, split, rules, (rules.margin,), 1)[rules.margin]
    best, (one, other, both) = oracle(mined, split), across_halves(mined, split, 1)
    expected = best if tuning == "oracle" else both
    assert best.cut.f1 != both.cut.f1, "files on which the two do not differ show nothing"
    assert result.languages["de"].scores["f1"]["f1"] == pytest.approx(expected.cut.f1)
    told = result.facts["thresholds"]["de"]
    cuts = [best] if tuning == "oracle" else [one, other]
    assert told["threshold"] == " and ".join(str(threshold_text(outcome.cut.threshold)) for outcome in cuts)
    assert told["tuned on"] == ("the scored pairs (oracle)" if tuning == "oracle" else "the other half")
    assert any(told["threshold"] in line for line in said) and f"tuned:{tuning}" in result.facts["signature"]
    table = next(table for table in build_report(asked, outcome, "", 1.0).tables if table.title == "Thresholds")
    assert table.rows[0][:5] == ("bucc", "tiny", "de", told["tuned on"], told["threshold"])

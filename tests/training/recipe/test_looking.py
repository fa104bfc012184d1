"""A run tells whether its decoder looks at its source: in metrics.jsonl, in words, in run.json, and in its curves."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from typer.testing import CliRunner

from anyglot.cli.show import show
from anyglot.hub.push import prepare
from anyglot.models.store import load_model, save_model
from anyglot.reporting.curves import curves_from_metrics
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.run import run_recipe
from support import training_traces
from support.recipe_words import write_words

RECIPE = """
name: words
method:
  name: transformer
  label_smoothing: 0.0
  encoder: {layers: 1, width: 32, heads: 4, feedforward_width: 32, dropout: 0.1}
  decoder: {layers: 1, heads: 4, feedforward_width: 32, dropout: 0.1}
tokenizer: {train: {vocabulary_size: 36}}
data:
  train: [{source: de, target: en, files: [train.de, train.en]}]
  validation: [{source: de, target: en, files: [valid.de, valid.en]}]
  max_length: 24
  batch_tokens: 512
  cache: cache
stages: {all: {updates: 60, learning_rate: 8e-3, warmup_updates: 10, clip_norm: 1.0}}
validation: {every: 10}
checkpoints: {every: 20}
runtime: {precision: fp32}
tracking: {log_every: 5}
"""
BLIND = """
name: blind
method: {name: adapters, start: cut, groups: ["*"], bottleneck: 8}
data:
  train: [{source: de, target: en, files: [train.de, train.en]}]
  validation: [{source: de, target: en, files: [valid.de, valid.en]}]
  max_length: 24
  batch_tokens: 512
  cache: cache
stages: {adapters: {updates: 8, learning_rate: 1e-3}}
validation: {every: 2}
runtime: {precision: fp32}
tracking: {log_every: 4}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose decoder learned to look; the same one cut off from its source, `cut`."""
    root = tmp_path_factory.mktemp("looking")
    write_words(root, train=1000, valid=60)
    (root / "words.yaml").write_text(RECIPE)
    (root / "blind.yaml").write_text(BLIND)
    assert run_recipe(load_recipe(root / "words.yaml"), root / "run", quiet=True)
    shutil.copytree(root / "run", root / "cut", ignore=shutil.ignore_patterns("checkpoints", "run.json"))
    model = load_model(root / "run")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".cross_attention." in name and ".output." in name:
                parameter.zero_()
    save_model(model, root / "cut")
    return root


def validations(run: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == "validation"]


def shown(run: Path) -> str:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(show)
    return CliRunner().invoke(app, [str(run)]).stdout


def test_a_run_keeps_since_when_its_decoder_looks(folder: Path) -> None:
    lines = validations(folder / "run")
    looked = [line["update"] for line in lines if line["looks_at_source"]]
    assert not lines[0]["looks_at_source"] and looked[-1] == 60
    assert lines[-1]["shuffled_source_loss"] > lines[-1]["loss"] + 0.3
    assert lines[-1]["looks_at_source_from"] == looked[0] > 10
    record = json.loads((folder / "run" / "run.json").read_text())
    assert record["looks_at_source"] is True and record["looks_at_source_from"] == looked[0]
    assert f"the decoder looks at its source, first seen after update {looked[0]}\n" in shown(folder / "run")
    card = prepare(folder / "run", "somebody/words")["README.md"]
    assert isinstance(card, bytes) and f"| Looks at its source from update | {looked[0]} |" in card.decode()
    [loss, *_] = curves_from_metrics(folder / "run" / "metrics.jsonl")
    points = {line.name: line.points for line in loss.lines}["validation, sources shuffled"]
    assert points == tuple((line["update"], line["shuffled_source_loss"]) for line in lines)
    assert (looked[0], "looks at its source") in loss.boundaries


def test_training_is_the_same_to_the_last_bit_without_it_and_best_too(folder: Path, tmp_path: Path) -> None:
    recipe = load_recipe(folder / "words.yaml", ["validation.shuffled_sources=false"])
    assert run_recipe(recipe, tmp_path / "run", quiet=True)
    told = ("shuffled_source_loss", "shuffled_source_error", "looks_at_source", "looks_at_source_from")
    with_it, without = training_traces.metrics(folder / "run"), training_traces.metrics(tmp_path / "run")
    assert [{key: value for key, value in line.items() if key not in told} for line in with_it] == without
    one, other = training_traces.state(folder / "run"), training_traces.state(tmp_path / "run")
    assert one.keys() == other.keys()  # the best among them
    for name, files in one.items():
        assert files["progress"]["best"] == other[name]["progress"]["best"]
        assert all(files[file] == other[name][file] for file in ("random", "model", "optimizer"))
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert "looks_at_source" not in record and "looks at" not in shown(tmp_path / "run")


def test_a_run_may_be_resumed_with_it_and_without(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "run", tmp_path / "run")
    (tmp_path / "run" / "run.json").unlink()
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "step-60")
    recipe = load_recipe(folder / "words.yaml", ["validation.shuffled_sources=false"])
    assert run_recipe(recipe, tmp_path / "run", resume=True, quiet=True)
    one, other = folder / "run" / "model.safetensors", tmp_path / "run" / "model.safetensors"
    assert one.read_bytes() == other.read_bytes()


def test_a_decoder_cut_off_from_its_source_is_warned_of_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert run_recipe(load_recipe(folder / "blind.yaml"), folder / "blind", quiet=True)
    [warning] = [line for line in caplog.messages if "look" in line]
    assert warning.startswith("update 4: the decoder does not look at its source.")
    assert "stages.adapters.learning_rate" in warning
    for line in validations(folder / "blind"):
        assert line["shuffled_source_loss"] == line["loss"] and line["looks_at_source"] is False
        assert line["looks_at_source_from"] is None
    record = json.loads((folder / "blind" / "run.json").read_text())
    assert record["looks_at_source"] is False and record["looks_at_source_from"] is None
    assert "the decoder does not look at its source\n" in shown(folder / "blind")


def test_the_line_of_a_run_shows_both_losses(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = load_recipe(folder / "words.yaml", ["stages.all.updates=20"])
    assert run_recipe(recipe, tmp_path / "run")
    lines = capsys.readouterr().err.splitlines()
    [after] = [line for line in lines if line.startswith("stage all 15/20")]
    assert "validation_loss" in after and "shuffled_source_loss" in after
    assert any(line.startswith("validation after 10") and "shuffled_source_loss" in line for line in lines)

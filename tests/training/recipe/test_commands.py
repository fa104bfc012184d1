"""The verbs train, show, list and average, as typed."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from anyglot.cli.average import average
from anyglot.cli.listing import list_things
from anyglot.cli.show import show
from anyglot.cli.train import train
from anyglot.errors import UserError

RECIPE = """
name: tiny
method: {name: transformer, encoder: {layers: 1, width: 8, heads: 2, feedforward_width: 8},
         decoder: {layers: 1, heads: 2, feedforward_width: 8}}
tokenizer: {train: {vocabulary_size: 16}}
data:
  train: [{source: de, target: en, files: [a.de, a.en]}]
  max_length: 16
  batch_tokens: 64
  cache: cache
stages: {all: {updates: 3, learning_rate: 1e-3}}
runtime: {precision: fp32}
"""


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    app = typer.Typer(pretty_exceptions_enable=False)
    for verb in (train, show, average):
        app.command()(verb)
    app.command("list")(list_things)
    return app


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, app: typer.Typer) -> Path:
    root = tmp_path_factory.mktemp("commands")
    (root / "a.de").write_text("aa bb\nbb cc dd\ncc aa\n" * 20)
    (root / "a.en").write_text("xx yy\nyy zz ww\nzz xx\n" * 20)
    (root / "r.yaml").write_text(RECIPE)
    done = CliRunner().invoke(app, ["train", str(root / "r.yaml"), "stages.all.updates=4", "--out", str(root / "run")])
    assert done.exit_code == 0, done.output
    assert str(root / "run") in done.stdout and "stage all" in done.stderr
    return root


def test_show_tells_a_recipe_and_a_model(app: typer.Typer, folder: Path) -> None:
    told = CliRunner().invoke(app, ["show", str(folder / "r.yaml"), "stages.all.updates=9"]).stdout
    assert "encoder.stack.blocks.*.self_attention" in told and "9 updates" in told and "memory:" in told
    rates = ["stages.all.rates={encoder.*: 0.5, decoder.*: 4}"]
    told = CliRunner().invoke(app, ["show", str(folder / "r.yaml"), *rates]).stdout
    assert "  0.5 times that rate: encoder.*\n  4 times that rate: decoder.*\n" in told
    told = CliRunner().invoke(app, ["show", str(folder / "run")]).stdout
    assert "kind: encoder-decoder" in told and "decoder.stack.blocks.*.cross_attention" in told


@pytest.mark.parametrize(
    ("things", "found"), [("methods", "masked_language"), ("recipes", "sixt/xlmr_large"), ("languages", "deu_Latn")]
)
def test_list(app: typer.Typer, things: str, found: str) -> None:
    told = CliRunner().invoke(app, ["list", things])
    assert told.exit_code == 0 and found in told.stdout


def test_average(app: typer.Typer, folder: Path) -> None:
    done = CliRunner().invoke(app, ["average", str(folder / "run"), "--last", "1", "--out", str(folder / "mean")])
    assert done.exit_code == 0 and "step-4" in done.stdout
    assert (folder / "mean" / "model.safetensors").read_bytes() == (folder / "run" / "model.safetensors").read_bytes()


def test_mistakes_are_user_errors(app: typer.Typer, folder: Path) -> None:
    again = CliRunner().invoke(app, ["train", str(folder / "r.yaml"), "--out", str(folder / "run")])
    assert isinstance(again.exception, UserError) and "already holds a run" in str(again.exception)
    unknown = CliRunner().invoke(app, ["train", "sixt/xlmr", "--out", str(folder / "x")])
    assert isinstance(unknown.exception, UserError) and not (folder / "x").exists()
    assert CliRunner().invoke(app, ["train", str(folder / "r.yaml")]).exit_code == 2


def test_average_names_its_folder_after_the_run(app: typer.Typer, folder: Path) -> None:
    done = CliRunner().invoke(app, ["average", str(folder / "run"), "--last", "1"])
    assert done.exit_code == 0 and (folder / "run-last-1" / "model.safetensors").is_file()

"""VECO's pretraining as a recipe: text and pairs in turns, stopped between them and resumed to the same bits."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from anyglot.errors import UserError
from anyglot.runtime.signals import Stopped
from anyglot.training.loop.train import Run
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.record import RUN
from anyglot.training.recipe.run import run_recipe
from anyglot.training.recipe.schema import Recipe
from support import training_traces

RECIPE = """
name: veco
method: {name: veco, layers: 2, width: 16, heads: 2, feedforward_width: 16, positions: 64, dropout: 0.1}
tokenizer: {train: {vocabulary_size: 120, character_coverage: 1.0}}
data:
  train:
    - {language: de, file: "phrasebook:sentences=60&level=beginner"}
    - {language: en, file: "phrasebook:sentences=20&level=beginner"}
    - {source: de, target: en, file: "phrasebook:sentences=40&level=beginner"}
  validation:
    - {language: de, file: "phrasebook:sentences=10&level=beginner&split=validation"}
    - {source: de, target: en, file: "phrasebook:sentences=10&level=beginner&split=validation"}
  max_length: 64
  batch_tokens: 512
  mask_rate: 0.25
  bilingual: {max_length: 32, mask_rate: 0.15}
  cache: cache
stages:
  cross_attention: {updates: 3, learning_rate: 1e-2}
  joint: {updates: 6, learning_rate: 1e-2, accumulation: 2}
validation: {every: 4}
checkpoints: {every: 100}
runtime: {precision: fp32}
tracking: {log_every: 2}
"""


@contextmanager
def stopped_after(update: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """SIGTERM comes when this update of the run is done."""
    count = Run._count

    def counted(self: Run, outcome: Any) -> None:
        count(self, outcome)
        if self.progress.update == update:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "_count", counted)
        yield


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    folder = tmp_path_factory.mktemp("veco")
    (folder / "veco.yaml").write_text(RECIPE)
    return load_recipe(folder / "veco.yaml")


@pytest.fixture(scope="module")
def unbroken(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    assert run_recipe(recipe, folder, quiet=True)
    return folder


def test_stopped_between_text_and_pairs_a_run_ends_with_the_same_bits(
    recipe: Recipe, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    for update in (1, 2, 5, 8):  # after text and after pairs, in either stage
        with stopped_after(update, monkeypatch), pytest.raises(Stopped):
            run_recipe(recipe, run, resume=True, quiet=True)
        assert not (run / RUN).exists()
    assert run_recipe(recipe, run, resume=True, quiet=True)
    assert (run / "model.safetensors").read_bytes() == (unbroken / "model.safetensors").read_bytes()
    assert training_traces.metrics(run) == training_traces.metrics(unbroken)


def test_both_kinds_of_data_are_logged_and_validated(unbroken: Path) -> None:
    lines = training_traces.metrics(unbroken)
    trained = [line for line in lines if line["kind"] == "train"]
    assert any("text.cross_first" in line and "pairs.cross_first" in line for line in trained)
    assert "pairs.translation" in trained[-1] and "text.translation" not in trained[-1]
    validated = [line for line in lines if line["kind"] == "validation"]
    assert {"loss", "loss.de", "loss.de-en"} <= set(validated[-1])


def test_other_options_of_pairs_are_another_run(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stopped_after(1, monkeypatch), pytest.raises(Stopped):
        run_recipe(recipe, tmp_path / "run", quiet=True)
    pairs = recipe.data.bilingual.model_copy(update={"mask_rate": 0.5})  # type: ignore[union-attr]
    changed = recipe.model_copy(update={"data": recipe.data.model_copy(update={"bilingual": pairs})})
    with pytest.raises(UserError, match=r"data\.bilingual\.mask_rate"):
        run_recipe(changed, tmp_path / "run", resume=True, quiet=True)

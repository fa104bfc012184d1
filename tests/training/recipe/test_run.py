"""From recipes to model folders, with the real data room and the real methods; stopped, resumed, run again."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from anyglot.errors import UserError
from anyglot.models.pretrained.run_checkpoints import read_tensors
from anyglot.models.store import load_config, load_model
from anyglot.runtime.signals import Stopped
from anyglot.text.tokenizer import load_tokenizer
from anyglot.training.recipe import run as run_module
from anyglot.training.recipe.averaged import average_run
from anyglot.training.recipe.load import load_recipe, save_recipe
from anyglot.training.recipe.outline import outline
from anyglot.training.recipe.run import run_recipe
from anyglot.training.recipe.schema import Recipe
from support import training_traces
from support.recipe_words import write_words

MASKED = """
name: encoder
method: {name: masked_language, layers: 2, width: 16, heads: 2, feedforward_width: 16, positions: 32}
tokenizer: {train: {vocabulary_size: 30}}
data:
  train: [{language: de, file: train.de}, {language: en, file: train.en}]
  validation: [{language: de, file: valid.de}]
  max_length: 32
  batch_tokens: 128
  cache: cache
stages: {pretrain: {updates: 6, learning_rate: 1e-3}}
validation: {every: 3}
runtime: {precision: fp32}
tracking: {log_every: 2}
"""

SIXT = """
name: translator
method: {name: sixt, start: encoder, decoder: {layers: 1, heads: 2, feedforward_width: 16}}
data:
  train: [{source: de, target: en, files: [train.de, train.en]}]
  validation: [{source: de, target: en, files: [valid.de, valid.en]}]
  max_length: 32
  batch_tokens: 128
  cache: cache
stages:
  decoder: {updates: 5, learning_rate: 3e-3, accumulation: 2}
  joint: {updates: 5, learning_rate: 1e-3, batch_tokens: 64, clip_norm: 1.0}
validation: {every: 4, sentences: 4, metric: chrf}
checkpoints: {every: 3}
runtime: {precision: fp32}
tracking: {log_every: 2}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Corpora, recipes, a trained encoder and a translator trained from it."""
    root = tmp_path_factory.mktemp("runs")
    write_words(root, train=300, valid=12)
    (root / "encoder.yaml").write_text(MASKED)
    (root / "sixt.yaml").write_text(SIXT)
    assert run_recipe(load_recipe(root / "encoder.yaml"), root / "encoder", quiet=True)
    assert run_recipe(load_recipe(root / "sixt.yaml"), root / "translator", quiet=True, command="anyglot train")
    return root


def test_a_run_folder_is_a_model_folder(folder: Path) -> None:
    run = folder / "translator"
    model = load_model(run)
    assert model.config.dropped_skips == ("encoder.stack.blocks.0.self_attention",)
    tokenizer = load_tokenizer(run)
    assert tokenizer.fingerprint == load_tokenizer(folder / "encoder").fingerprint
    assert tokenizer.decode(tokenizer.encode(["hund sieht katze"])) == ["hund sieht katze"]
    languages = json.loads((run / "languages.json").read_text())
    assert languages == {"source": ["de", "en"], "supervised": ["de"], "target": ["en"], "pairs": ["de-en"]}
    record = json.loads((run / "run.json").read_text())
    assert record["updates"] == 10 and record["command"] == "anyglot train" and record["seed"] == 1
    assert {"commit", "data", "tokenizer", "versions", "machine", "seconds", "metrics"} <= set(record)
    assert {"loss", "bleu", "chrf"} <= set(record["metrics"])


def test_stage_one_left_the_encoder_bit_equal_and_stage_two_did_not(folder: Path) -> None:
    encoder = dict(load_model(folder / "encoder").named_parameters())
    after = dict(load_model(folder / "translator").named_parameters())
    assert torch.equal(after["encoder.embeddings.tokens.weight"], encoder["embeddings.tokens.weight"])
    moved = [
        key for key in encoder if key.startswith("stack.") and not torch.equal(encoder[key], after[f"encoder.{key}"])
    ]
    assert len(moved) > 10


def test_the_saved_recipe_runs_again_to_the_same_model(folder: Path, tmp_path: Path) -> None:
    recipe = load_recipe(folder / "translator")
    assert recipe == load_recipe(folder / "sixt.yaml")
    assert run_recipe(recipe, tmp_path / "again", quiet=True)
    one, two = folder / "translator", tmp_path / "again"
    assert (one / "model.safetensors").read_bytes() == (two / "model.safetensors").read_bytes()
    assert training_traces.metrics(one) == training_traces.metrics(two)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stopped_run_resumes_to_the_same_bits(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """Stopped in the middle of an epoch of either stage, with and without threads that read ahead."""
    recipe = load_recipe(folder / "sixt.yaml", [f"data.workers={workers}"])
    for update in (2, 4, 7):
        with monkeypatch.context() as patch:
            patch.setattr("anyglot.training.loop.train.Step", _stopping_step(update))
            with pytest.raises(Stopped):
                run_recipe(recipe, tmp_path / "run", resume=True, quiet=True)
        assert not (tmp_path / "run" / "run.json").exists()
    assert run_recipe(recipe, tmp_path / "run", resume=True, quiet=True)
    one, two = folder / "translator", tmp_path / "run"
    assert (one / "model.safetensors").read_bytes() == (two / "model.safetensors").read_bytes()
    assert training_traces.metrics(one) == training_traces.metrics(two)


def test_factors_on_rates_are_resumed_to_the_same_bits(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = load_recipe(folder / "sixt.yaml", ["stages.joint.rates={encoder.stack.blocks.0.*: 3}"])
    assert run_recipe(recipe, tmp_path / "whole", quiet=True)
    with monkeypatch.context() as patch:
        patch.setattr("anyglot.training.loop.train.Step", _stopping_step(7))
        with pytest.raises(Stopped):
            run_recipe(recipe, tmp_path / "run", quiet=True)
    assert run_recipe(recipe, tmp_path / "run", resume=True, quiet=True)
    one, two = tmp_path / "whole", tmp_path / "run"
    assert (one / "model.safetensors").read_bytes() == (two / "model.safetensors").read_bytes()
    assert (one / "model.safetensors").read_bytes() != (folder / "translator" / "model.safetensors").read_bytes()
    assert training_traces.metrics(one) == training_traces.metrics(two)


def test_a_factor_for_what_a_stage_does_not_train_is_refused_before_training(folder: Path, tmp_path: Path) -> None:
    for change, told in (
        ("stages.decoder.rates={encoder.*: 2}", r"factor for 'encoder\.\*'"),
        ("stages.joint.rates={encoder.embeddings.*: 2}", r"factor for 'encoder\.embeddings\.\*'"),
    ):
        with pytest.raises(UserError, match=told):
            run_recipe(load_recipe(folder / "sixt.yaml", [change]), tmp_path / "run", quiet=True)
        assert not (tmp_path / "run" / "checkpoints").exists()
        shutil.rmtree(tmp_path / "run", ignore_errors=True)


def test_a_finished_run_is_left_as_it_is(folder: Path) -> None:
    told: list[str] = []
    recipe = load_recipe(folder / "sixt.yaml")
    before = (folder / "translator" / "run.json").read_bytes()
    assert not run_recipe(recipe, folder / "translator", resume=True, quiet=True, say=told.append)
    assert "finished" in told[0]
    with pytest.raises(UserError, match="already holds a run"):
        run_recipe(recipe, folder / "translator", quiet=True)
    assert (folder / "translator" / "run.json").read_bytes() == before


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["seed=9"], "seed was 1, now 9"),
        (["method.decoder.layers=2", "validation.every=2"], r"method\.decoder\.layers was 1, now 2; validation\.every"),
        (["stages.joint.updates=6"], r"stages\.joint\.updates was 5, now 6"),
        (["data.train.0.files.0={new}"], r"data\.0\.de-en was [0-9a-f]{64}, now [0-9a-f]{64}"),
    ],
)
def test_w5_a_finished_run_of_something_else_is_refused_by_name(
    folder: Path, tmp_path: Path, overrides: list[str], told: str
) -> None:
    """And the old model does not pass for the new one; what changes nothing of the model is no other run."""
    (tmp_path / "new.de").write_text((folder / "train.de").read_text().replace("hund", "mann", 1))
    before = (folder / "translator" / "run.json").read_bytes()
    wanted = load_recipe(folder / "sixt.yaml", [each.format(new=tmp_path / "new.de") for each in overrides])
    with pytest.raises(UserError, match=rf"cannot be resumed: {told}"):
        run_recipe(wanted, folder / "translator", resume=True, quiet=True)
    shutil.copy(folder / "train.de", tmp_path / "same.de")
    same = load_recipe(folder / "sixt.yaml", ["data.workers=1", f"data.train.0.files.0={tmp_path / 'same.de'}"])
    assert not run_recipe(same, folder / "translator", resume=True, quiet=True)
    assert (folder / "translator" / "run.json").read_bytes() == before


@pytest.mark.parametrize("change", ["recipe", "data"])
def test_resuming_with_something_else_is_refused_by_name(folder: Path, tmp_path: Path, change: str) -> None:
    shutil.copytree(folder / "translator", tmp_path / "run")
    (tmp_path / "run" / "run.json").unlink()
    overrides = ["stages.joint.learning_rate=2e-3"]
    told = r"stages\.joint\.learning_rate was 0\.001, now 0\.002"
    if change == "data":
        (tmp_path / "new.de").write_text((folder / "train.de").read_text().replace("hund", "mann", 1))
        overrides, told = [f"data.train.0.files.0={tmp_path / 'new.de'}"], r"data\.0\.de-en was "
    with pytest.raises(UserError, match=told):
        run_recipe(load_recipe(folder / "sixt.yaml", overrides), tmp_path / "run", resume=True, quiet=True)


def test_a_crash_before_the_model_was_written_is_made_good(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = load_recipe(folder / "sixt.yaml")

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(run_module, "save_model", full)
        with pytest.raises(UserError, match=r"(?i)no space left on device.*`resume=True`"):
            run_recipe(recipe, tmp_path / "run", quiet=True)
    assert run_recipe(recipe, tmp_path / "run", resume=True, quiet=True)
    names = ("model.safetensors", "config.json", "languages.json")
    for name in names:
        assert (tmp_path / "run" / name).read_bytes() == (folder / "translator" / name).read_bytes()


def test_bad_data_leaves_nothing_half_written(folder: Path, tmp_path: Path) -> None:
    recipe = load_recipe(folder / "sixt.yaml", ["data.train.0.files.1=/nowhere/x.en"])
    with pytest.raises(UserError, match=r"/nowhere/x\.en"):
        run_recipe(recipe, tmp_path / "run", quiet=True)
    assert not list((tmp_path / "run").iterdir())


def test_stages_that_do_not_fit_the_method_are_named(folder: Path, tmp_path: Path) -> None:
    recipe = load_recipe(folder / "sixt.yaml", ["stages.third={updates: 1, learning_rate: 1}"])
    with pytest.raises(UserError, match=r"third unknown\. It has the stages decoder, joint"):
        run_recipe(recipe, tmp_path / "run", quiet=True)


def test_a_stage_without_updates_is_passed_over_with_its_edits(folder: Path, tmp_path: Path) -> None:
    recipe = load_recipe(folder / "sixt.yaml", ["stages.joint.updates=0"])
    assert recipe.method.disentangle  # type: ignore[attr-defined]
    assert run_recipe(recipe, tmp_path / "run", quiet=True)
    assert load_config(folder / "translator").dropped_skips
    assert not load_config(tmp_path / "run").dropped_skips


def test_averages_are_models(folder: Path, tmp_path: Path) -> None:
    chosen = average_run(folder / "translator", tmp_path / "average", last=2)
    assert len(chosen) == 2
    name = "decoder.stack.final_norm.weight"
    values = [dict(load_model(tmp_path / "average").named_parameters())[name]]
    values += [read_tensors(path / "model.safetensors")[name] for path in chosen]
    torch.testing.assert_close(values[0].detach(), (values[1].double() + values[2].double()).div(2).float())
    assert load_tokenizer(tmp_path / "average").vocabulary_size == 30
    with pytest.raises(UserError, match="is not empty"):
        average_run(folder / "translator", tmp_path / "average", best=1)
    with pytest.raises(UserError, match="one of `last=N`, `best=N` and `steps=N`"):
        average_run(folder / "translator", tmp_path / "other")


def test_the_average_of_the_first_stage_is_the_model_of_the_first_stage(folder: Path, tmp_path: Path) -> None:
    """With the skip that the second stage drops; and no mean of networks with and without it."""
    kept = load_recipe(folder / "sixt.yaml", ["checkpoints.keep_last=9"])
    assert run_recipe(kept, tmp_path / "both", quiet=True)
    assert run_recipe(load_recipe(folder / "sixt.yaml", ["stages.joint.updates=0"]), tmp_path / "first", quiet=True)
    average_run(tmp_path / "both", tmp_path / "average", steps=[5])
    assert load_config(tmp_path / "average") == load_config(tmp_path / "first")
    assert load_config(tmp_path / "both").dropped_skips and not load_config(tmp_path / "average").dropped_skips
    wanted = dict(load_model(tmp_path / "first").named_parameters())
    for name, value in load_model(tmp_path / "average").named_parameters():
        assert torch.equal(value, wanted[name]), name
    with pytest.raises(UserError, match=r"step-5 and step-9 of .* are of different networks"):
        average_run(tmp_path / "both", tmp_path / "mixed", steps=[5, 9])
    average_run(tmp_path / "both", tmp_path / "last", last=3)
    assert load_config(tmp_path / "last") == load_config(tmp_path / "both")


def test_the_outline_of_sixt_is_that_of_the_paper() -> None:
    """SixT+ has 0.7 B parameters (method card 1.1); stage one trains the decoder, stage two all but the embeddings."""
    found = outline(load_recipe("sixt/xlmr_large"))
    assert sum(part.parameters for part in found.parts) == 735_223_808
    parts = {part.name: part for part in found.parts}
    table = parts["encoder.embeddings.tokens"]
    assert table.shared == ("decoder.embeddings.tokens", "output") and table.trained == (0, 0)
    attention = parts["encoder.stack.blocks.*.self_attention"]
    assert attention.trained == (0, attention.parameters) and attention.origin.startswith("loaded from")
    cross = parts["decoder.stack.blocks.*.cross_attention"]
    assert cross.trained == (cross.parameters,) * 2 and cross.origin == "fresh"
    assert str(found.stages[1].edits[0]) == "drop the skip around encoder.stack.blocks.22.self_attention"
    first, second = found.memory
    assert first.weights == second.weights == 4 * 735_223_808
    assert first.gradients == 4 * sum(part.trained[0] for part in found.parts) < second.gradients


def test_the_outline_of_a_local_start_and_a_new_tokenizer(folder: Path) -> None:
    local = outline(load_recipe(folder / "sixt.yaml"))
    trained = sum(p.numel() for p in load_model(folder / "translator").parameters())
    assert sum(part.parameters for part in local.parts) == trained
    fresh = outline(load_recipe(folder / "encoder.yaml"))
    assert sum(part.parameters for part in fresh.parts) == sum(
        p.numel() for p in load_model(folder / "encoder").parameters()
    )


def _stopping_step(update: int) -> type:
    from anyglot.training.loop.step import Step

    class Stopping(Step):
        """Asks for a stop while the update with this number of the run is done."""

        def __call__(self, batches: list[Any], rate: float) -> Any:
            run = _progress.update + 1
            if run == update:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().__call__(batches, rate)

    return Stopping


class _Progress:
    update = 0


_progress = _Progress()


@pytest.fixture(autouse=True)
def follow_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `_stopping_step` know how far the run is."""
    from anyglot.training.loop.train import Run

    count = Run._count

    def counted(self: Run, outcome: Any) -> None:
        count(self, outcome)
        _progress.update = self.progress.update

    enter = Run._enter

    def entered(self: Run, *arguments: Any) -> Any:
        _progress.update = self.progress.update
        return enter(self, *arguments)

    monkeypatch.setattr(Run, "_count", counted)
    monkeypatch.setattr(Run, "_enter", entered)


def test_a_recipe_object_needs_no_file(folder: Path, tmp_path: Path) -> None:
    recipe = load_recipe(folder / "encoder.yaml")
    save_recipe(Recipe.model_validate(recipe.document()), tmp_path / "copy.yaml")
    assert load_recipe(tmp_path / "copy.yaml") == recipe


def test_sentences_longer_than_the_positions_are_refused_before_training(folder: Path) -> None:
    recipe = load_recipe(folder / "sixt.yaml", ["data.max_length=40"])
    with pytest.raises(UserError, match="has 32 positions"):
        run_recipe(recipe, folder / "too-long", quiet=True)

"""A recipe's encoder cache: the model that comes out is the one that comes out without it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from anyglot.errors import UserError
from anyglot.models.encoder import Encoder
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.standardize import last_norm
from anyglot.models.store import load_model
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.run import recipe_identity, run_recipe
from support import deadly
from support.recipe_words import write_words
from support.waiting import PATIENCE

MASKED = """
name: encoder
method: {name: masked_language, layers: 2, width: 16, heads: 2, feedforward_width: 16, positions: 32}
tokenizer: {train: {vocabulary_size: 24}}
data: {train: [{language: de, file: train.de}], max_length: 32, batch_tokens: 128, cache: cache}
stages: {pretrain: {updates: 2, learning_rate: 1e-3}}
runtime: {precision: fp32}
"""

SIXT = """
name: translator
method:
  name: sixt
  start: encoder
  encoder_dropout: false
  decoder: {layers: 1, heads: 2, feedforward_width: 16, dropout: 0.0}
data:
  train: [{source: de, target: en, files: [train.de, train.en]}]
  max_length: 32
  batch_tokens: 256
  cache: cache
stages:
  decoder: {updates: 30, learning_rate: 3e-3, accumulation: 2, encoder_cache: {folder: states, storage: fp32}}
  joint: {updates: 2, learning_rate: 1e-3}
checkpoints: {every: 10}
runtime: {precision: fp32}
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cached")
    write_words(folder, train=150)
    (folder / "encoder.yaml").write_text(MASKED)
    (folder / "sixt.yaml").write_text(SIXT)
    run_recipe(load_recipe(folder / "encoder.yaml"), folder / "encoder", quiet=True)
    return folder


def test_training_with_the_cache_ends_where_training_without_it_ends(root: Path, tmp_path: Path) -> None:
    run_recipe(load_recipe(root / "sixt.yaml"), tmp_path / "with", quiet=True)
    run_recipe(
        load_recipe(root / "sixt.yaml", ["stages.decoder.encoder_cache=false"]), tmp_path / "without", quiet=True
    )
    one, two = (dict(load_model(tmp_path / name).named_parameters()) for name in ("with", "without"))
    for name, value in one.items():
        torch.testing.assert_close(
            value, two[name], rtol=1e-3, atol=1e-4, msg=lambda text, name=name: f"{name}: {text}"
        )
    (store,) = (root / "states").iterdir()
    index = (store / "index-0.bin").read_bytes()
    keys = [index[place : place + 16] for place in range(0, len(index), 32)]
    assert len(set(keys)) == len(keys) > 100  # each sentence once, over several epochs


def test_where_it_lies_and_how_much_it_may_take_is_told(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = load_recipe(root / "sixt.yaml", ["stages.decoder.updates=2", f"stages.decoder.encoder_cache={tmp_path}/c"])
    run_recipe(recipe, tmp_path / "run")
    told = capsys.readouterr().err
    assert f"encoder cache {tmp_path}/c/" in told
    assert "source tokens; 0.0 MB of 0 sentences are there, the disk has" in told


def test_moving_the_cache_does_not_make_it_another_run(root: Path) -> None:
    here = load_recipe(root / "sixt.yaml")
    there = load_recipe(root / "sixt.yaml", ["stages.decoder.encoder_cache.folder=elsewhere"])
    rounded = load_recipe(root / "sixt.yaml", ["stages.decoder.encoder_cache.storage=bf16"])
    assert here.stages["decoder"].encoder_cache.folder == root / "states"  # type: ignore[union-attr]
    assert here != there and recipe_identity(here) == recipe_identity(there)
    assert recipe_identity(here) != recipe_identity(rounded)


def test_a_saved_recipe_names_it_still(root: Path, tmp_path: Path) -> None:
    recipe = load_recipe(root / "sixt.yaml")
    (tmp_path / "again.yaml").write_text(json.dumps(recipe.document()))
    assert load_recipe(tmp_path / "again.yaml") == recipe


def test_with_dropout_in_the_encoder_it_is_refused_before_training(root: Path, tmp_path: Path) -> None:
    recipe = load_recipe(root / "sixt.yaml", ["method.encoder_dropout=true"])
    with pytest.raises(UserError, match=r"stages\.decoder\.encoder_cache cannot be used"):
        run_recipe(recipe, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_standardised_states_are_kept_over_a_kill(root: Path, tmp_path: Path) -> None:
    """What was measured at the start is in the checkpoints; a resumed run measures nothing again."""
    changes = ["method.memory.standardize=true", f"stages.decoder.encoder_cache.folder={tmp_path}/c"]
    train = [sys.executable, "-m", "anyglot.cli.main", "train", str(root / "sixt.yaml"), *changes, "--out"]
    subprocess.run([*train, str(tmp_path / "whole"), "--quiet"], timeout=PATIENCE, check=True)
    command = [*train, str(tmp_path / "killed")]
    dying = deadly.command("*/killed/checkpoints/step-10", 1, *command[3:])
    killed = subprocess.run(dying, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert killed.returncode == -signal.SIGKILL and "encoder states standardized over" in killed.stderr
    assert not (tmp_path / "killed" / "run.json").exists()
    resumed = subprocess.run([*command, "--resume"], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert resumed.returncode == 0 and "states standardized" not in resumed.stderr, resumed.stderr[-2000:]
    one, other, start = (load_model(folder) for folder in (tmp_path / "whole", tmp_path / "killed", root / "encoder"))
    theirs = dict(other.named_parameters())
    for name, value in one.named_parameters():
        assert torch.equal(value, theirs[name]), name
    assert isinstance(one, EncoderDecoder) and isinstance(start, Encoder)
    assert not torch.equal(last_norm(one.encoder).weight, last_norm(start).weight)


MANY = {
    "method.target_languages": "[en, de]",
    "data.batch_tokens": "64",
    "stages.decoder.updates": "8",
    "stages.joint.updates": "0",
    "method.disentangle": "false",
}


@pytest.mark.slow
@pytest.mark.parametrize("shard", [False, True])
def test_two_processes_learn_many_to_many_as_one_does(root: Path, tmp_path: Path, shard: bool) -> None:
    """Ranks whose batches hold other languages, and a cache filled from two sides (which a sharded model has not)."""
    pairs = [("de", "en"), ("en", "de")]
    train = [
        {"source": a, "target": b, "files": [str(root / f"train.{a}"), str(root / f"train.{b}")]} for a, b in pairs
    ]
    common = [*(f"{key}={value}" for key, value in MANY.items()), f"data.train={json.dumps(train)}"]
    run_recipe(
        load_recipe(root / "sixt.yaml", [*common, "stages.decoder.accumulation=2"]), tmp_path / "one", quiet=True
    )
    cache = "=false" if shard else f".folder={tmp_path / 'states'}"
    theirs = ["stages.decoder.accumulation=1", f"stages.decoder.encoder_cache{cache}", f"runtime.shard={shard}"]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29617"]
    command += ["-m", "anyglot.cli.main", "train", str(root / "sixt.yaml"), *common, *theirs]
    command += ["--out", str(tmp_path / "two"), "--quiet"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    one, two = (dict(load_model(tmp_path / name).named_parameters()) for name in ("one", "two"))
    for name, value in one.items():
        torch.testing.assert_close(
            value, two[name], rtol=1e-4, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}"
        )
    assert len(list(tmp_path.glob("states/*/states-*.bin"))) == (0 if shard else 2)

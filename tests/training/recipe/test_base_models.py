"""Recipes that start from recipes: trained first, resumed, used again, refused."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from anyglot.errors import UserError
from anyglot.training.recipe.base_models import recipe_of_start
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.outline import outline
from anyglot.training.recipe.run import run_recipe
from support import deadly, training_traces
from support.recipe_words import write_words

ENCODER = """
name: encoder
method: {name: masked_language, layers: 2, width: 16, heads: 2, feedforward_width: 16, positions: 32}
tokenizer: {train: {vocabulary_size: 30}}
data:
  train: [{language: de, file: train.de}, {language: en, file: train.en}]
  max_length: 32
  batch_tokens: 128
  cache: cache
stages: {pretrain: {updates: 40, learning_rate: 1e-3}}
checkpoints: {every: 2}
runtime: {precision: fp32}
tracking: {log_every: 1}
"""

SIXT = """
name: translator
seed: 7
method: {name: sixt, start: "recipe:./encoder.yaml", decoder: {layers: 1, heads: 2, feedforward_width: 16}}
data:
  train: [{source: de, target: en, files: [train.de, train.en]}]
  max_length: 32
  batch_tokens: 128
  cache: cache
stages:
  decoder: {updates: 3, learning_rate: 3e-3}
  joint: {updates: 3, learning_rate: 1e-3}
runtime: {precision: fp32}
tracking: {log_every: 1}
"""
# The encoder goes on from itself: a start that has a start.
FURTHER = ENCODER.replace("name: encoder", "name: further").replace(
    "{name: masked_language, layers: 2, width: 16, heads: 2, feedforward_width: 16, positions: 32}",
    '{name: masked_language, start: "recipe:encoder.yaml"}',
)
FURTHER = FURTHER.replace("tokenizer: {train: {vocabulary_size: 30}}\n", "").replace("updates: 40", "updates: 2")

SGA = """
name: prompts
method: {name: sga, start: "recipe:sixt.yaml"}
data: {train: [{source: de, target: en, files: [train.de, train.en]}]}
stages: {prompts: {updates: 1, learning_rate: 1e-3}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recipes, and a finished run of the one that starts from the other."""
    root = tmp_path_factory.mktemp("starts")
    write_words(root, train=300)
    for name, text in (("encoder", ENCODER), ("sixt", SIXT), ("further", FURTHER)):
        (root / f"{name}.yaml").write_text(text)
    assert run_recipe(load_recipe(root / "sixt.yaml"), root / "run", quiet=True)
    return root


def bits(run: Path) -> bytes:
    return (run / "model.safetensors").read_bytes()


def test_the_start_is_a_run_of_its_own_with_the_seed_of_the_run(folder: Path, tmp_path: Path) -> None:
    start = folder / "run" / "start"
    assert json.loads((start / "run.json").read_text())["seed"] == 7
    assert run_recipe(load_recipe(folder / "encoder.yaml", ["seed=7"]), tmp_path / "alone", quiet=True)
    assert bits(start) == bits(tmp_path / "alone")


def test_the_saved_recipe_runs_again_from_the_trained_start(folder: Path, tmp_path: Path) -> None:
    """Also when the run's folder has been moved: the recipe says where its start lies from there."""
    shutil.copytree(folder / "run", tmp_path / "moved")
    recipe = load_recipe(tmp_path / "moved")
    assert recipe.start == str(tmp_path / "moved" / "start")
    assert run_recipe(recipe, tmp_path / "again", quiet=True)
    assert bits(tmp_path / "again") == bits(folder / "run")
    assert not (tmp_path / "again" / "start").exists()


def test_a_finished_start_is_used_as_it_is(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "run" / "start", tmp_path / "run" / "start")
    before = (tmp_path / "run" / "start" / "run.json").read_bytes()
    assert run_recipe(load_recipe(folder / "sixt.yaml"), tmp_path / "run", quiet=True)
    assert (tmp_path / "run" / "start" / "run.json").read_bytes() == before
    assert bits(tmp_path / "run") == bits(folder / "run")


def test_the_start_of_another_recipe_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "run" / "start", tmp_path / "run" / "start")
    with pytest.raises(UserError, match="start was trained otherwise and cannot be started from: seed was 7, now 8"):
        run_recipe(load_recipe(folder / "sixt.yaml", ["seed=8"]), tmp_path / "run", quiet=True)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["start"]


def test_a_moved_unfinished_run_is_resumed(folder: Path, tmp_path: Path) -> None:
    """What may not change on resuming does not tell where the run's folder lies."""
    shutil.copytree(folder / "run", tmp_path / "moved")
    (tmp_path / "moved" / "run.json").unlink()
    shutil.rmtree(tmp_path / "moved" / "checkpoints" / "step-6")
    assert run_recipe(load_recipe(folder / "sixt.yaml"), tmp_path / "moved", resume=True, quiet=True)
    assert bits(tmp_path / "moved") == bits(folder / "run")


def test_a_kill_in_the_start_is_made_good_by_resuming(folder: Path, tmp_path: Path) -> None:
    """Killed outright while the start trains, as `anyglot train` runs it.

    All three are processes of their own: what other tests leave behind in this one may move the last bits.
    """

    def words(out: str) -> list[str]:
        return ["train", "sixt.yaml", "--quiet", "--out", str(tmp_path / out)]

    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    dying = deadly.command("*/start/checkpoints/step-*", 3, *words("run"))
    killed = subprocess.run(dying, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "run" / "start" / "run.json").exists()
    with pytest.raises(UserError, match=r"run/start already holds a run; give `resume=True`"):
        run_recipe(load_recipe(folder / "sixt.yaml"), tmp_path / "run", quiet=True)
    for further in (words("whole"), [*words("run"), "--resume"]):
        command = [sys.executable, "-m", "anyglot.cli.main", *further]
        subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True)
    for part in ("start", "."):
        assert bits(tmp_path / "run" / part) == bits(tmp_path / "whole" / part)
    assert training_traces.metrics(tmp_path / "run") == training_traces.metrics(tmp_path / "whole")


def test_a_start_may_have_a_start(folder: Path, tmp_path: Path) -> None:
    recipe = load_recipe(folder / "sixt.yaml", [f"method.start=recipe:{folder / 'further.yaml'}"])
    shutil.copytree(folder / "run" / "start", tmp_path / "run" / "start" / "start")
    assert run_recipe(recipe, tmp_path / "run", quiet=True)
    assert bits(tmp_path / "run" / "start") != bits(tmp_path / "run" / "start" / "start")
    shutil.copytree(tmp_path / "run" / "start", tmp_path / "second" / "start")
    assert run_recipe(recipe, tmp_path / "second", quiet=True)
    assert bits(tmp_path / "second") == bits(tmp_path / "run")


def test_mistakes_are_told_before_anything_is_trained(folder: Path, tmp_path: Path) -> None:
    for start, told in (("recipe:sga/tiny_encode", "did you mean sga/tiny_encoder"), ("recipe:", "There is no recipe")):
        with pytest.raises(UserError, match=told):
            run_recipe(load_recipe(folder / "sixt.yaml", [f"method.start={start!r}"]), tmp_path / "run", quiet=True)
    (tmp_path / "sga.yaml").write_text(SGA.replace("sixt.yaml", str(folder / "sixt.yaml")))
    with pytest.raises(UserError, match=r"sixt\.yaml has no language head"):
        run_recipe(load_recipe(tmp_path / "sga.yaml"), tmp_path / "run", quiet=True)
    (tmp_path / "circle.yaml").write_text(FURTHER.replace("encoder.yaml", "circle.yaml"))
    with pytest.raises(UserError, match="starts, in the end, from itself"):
        recipe_of_start(load_recipe(folder / "sixt.yaml", [f"method.start=recipe:{tmp_path / 'circle.yaml'}"]))
    assert not (tmp_path / "run").exists()


def test_the_outline_before_the_start_is_trained_is_that_after(folder: Path) -> None:
    before, after = outline(load_recipe(folder / "sixt.yaml")), outline(load_recipe(folder / "run"))
    assert [(part.name, part.parameters, part.trained) for part in before.parts] == [
        (part.name, part.parameters, part.trained) for part in after.parts
    ]
    assert before.dropped == after.dropped and before.dropped
    assert any("recipe:" in part.origin for part in before.parts)


def test_the_outline_of_sga_over_a_published_encoder_and_over_a_recipe() -> None:
    """8,259,075 values train over XLM-R base (table 1 of SGA, and method card 3.1)."""
    tiny = load_recipe("sga/tiny")
    found = outline(tiny)
    assert {part.name for part in found.parts if any(part.trained)} == {
        "prompts.align", "prompts.denoise", "prompts.encode", "source_key", "source_value"
    }  # fmt: skip
    published = ["method.start=xlm-roberta-base", "method.prompt_length=128"]
    found = outline(load_recipe("sga/tiny", published))
    assert sum(sum(part.trained) for part in found.parts) == 8_259_075

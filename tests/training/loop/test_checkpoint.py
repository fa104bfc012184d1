"""Checkpoints are whole or not there; damage is found, named and survived."""

from __future__ import annotations

import errno
import json
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from anyglot.errors import UserError
from anyglot.models.pretrained import run_checkpoints
from anyglot.models.pretrained.run_checkpoints import DamagedCheckpoint
from anyglot.training.loop import checkpoint, state


def write(root: Path, update: int, value: float = 1.0) -> Path:
    return checkpoint.write_checkpoint(
        root,
        update,
        tensors={"model.safetensors": {"w": torch.full((4,), value)}},
        documents={"progress.json": {"update": update}},
        identity={"recipe": "r"},
        metrics={"loss": 1.5},
    )


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "flipped": (flip, "SHA-256"),
    "cut": (lambda path: os.truncate(path, path.stat().st_size - 1), "bytes in place of"),
    "gone": (lambda path: path.unlink(), "is missing"),
}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    folder = write(tmp_path, 7, 3.0)
    manifest = run_checkpoints.verify(folder)
    assert (manifest.update, manifest.identity, manifest.metrics) == (7, {"recipe": "r"}, {"loss": 1.5})
    assert set(manifest.files) == {"model.safetensors", "progress.json"}
    assert {"torch", "python"} <= set(manifest.versions)
    assert torch.equal(run_checkpoints.read_tensors(folder / "model.safetensors")["w"], torch.full((4,), 3.0))
    assert (tmp_path / "latest").read_text() == "step-7"
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["model.safetensors", "progress.json"])
def test_damage_is_found_named_and_passed_over(
    tmp_path: Path, damage: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, 1)
    bad = write(tmp_path, 2)
    harm, told = DAMAGES[damage]
    harm(bad / name)
    with pytest.raises(DamagedCheckpoint, match=f"{name}.*{told}"):
        run_checkpoints.verify(bad)
    found = checkpoint.newest_good(tmp_path)
    assert found is not None and found[0].name == "step-1"
    assert str(bad) in caplog.text and name in caplog.text


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"format": 99}', '{"format": 1, "update": "x"}', '{"format": 1, "files": 3}']
)
def test_any_manifest_that_is_not_ours_is_damage(tmp_path: Path, content: str) -> None:
    folder = write(tmp_path, 1)
    (folder / "manifest.json").write_text(content)
    with pytest.raises(DamagedCheckpoint):
        run_checkpoints.read_manifest(folder)


def test_a_manifest_cannot_point_outside_its_folder(tmp_path: Path) -> None:
    folder = write(tmp_path, 1)
    outside = tmp_path / "other"
    outside.write_text("x")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["../other"] = [1, run_checkpoints.file_hash(outside)]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DamagedCheckpoint):
        run_checkpoints.verify(folder)


def test_none_good_is_an_error_and_none_at_all_is_not(tmp_path: Path) -> None:
    assert checkpoint.newest_good(tmp_path) is None
    flip(write(tmp_path, 1) / "model.safetensors")
    with pytest.raises(UserError, match=r"No checkpoint in .* is good \(step-1: model.safetensors"):
        checkpoint.newest_good(tmp_path)


def test_retention_keeps_last_and_best_and_only_after_the_newest_verifies(tmp_path: Path) -> None:
    for update in range(1, 7):
        write(tmp_path, update)
    flip(tmp_path / "step-6" / "model.safetensors")
    with pytest.raises(DamagedCheckpoint):
        checkpoint.prune(tmp_path, keep_last=2, keep_best=1, best=[2, 3])
    assert len(run_checkpoints.checkpoint_folders(tmp_path)) == 6
    write(tmp_path, 6)
    checkpoint.prune(tmp_path, keep_last=2, keep_best=1, best=[99, 2, 3])
    assert [folder.name for folder in run_checkpoints.checkpoint_folders(tmp_path)] == ["step-2", "step-5", "step-6"]


@pytest.mark.parametrize("call", range(1, 8))
def test_a_full_disk_is_one_sentence_and_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    write(tmp_path, 1)
    fsync, calls = os.fsync, iter(range(1, 100))

    def full(descriptor: int) -> None:
        if next(calls) == call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    try:
        write(tmp_path, 2)
    except UserError as error:
        assert "no space left on device" in str(error) and "`resume=True`" in str(error)
    monkeypatch.undo()
    assert not [path for path in tmp_path.glob("step-*.tmp")]
    for folder in run_checkpoints.checkpoint_folders(tmp_path):
        run_checkpoints.verify(folder)
    assert checkpoint.newest_good(tmp_path) is not None


def test_changes_are_named(tmp_path: Path) -> None:
    checkpoint.refuse_changes({"a": "1"}, {"a": "1"}, tmp_path)
    with pytest.raises(UserError, match="a was 1, now 2; b was absent, now 3"):
        checkpoint.refuse_changes({"a": "1"}, {"a": "2", "b": "3"}, tmp_path)


def drawn() -> tuple[Any, ...]:
    return (
        random.random(),
        random.gauss(0, 1),
        float(np.random.rand()),
        float(np.random.randn()),
        torch.rand(3).tolist(),
    )


def test_random_generators_go_on_exactly_after_json() -> None:
    random.gauss(0, 1), np.random.randn()  # both keep a spare value that must come along
    saved = json.loads(json.dumps(state.random_state()))
    expected = drawn(), drawn()
    state.set_random_state(saved)
    assert (drawn(), drawn()) == expected


def test_progress_survives_json_bit_for_bit() -> None:
    progress = state.Progress(update=3, window={"total": 0.1 + 0.2, "tokens": 1e300}, best={"3": 1 / 3})
    assert state.Progress.of(json.loads(json.dumps(progress.document()))) == progress


def test_other_shapes_and_names_are_refused() -> None:
    model = torch.nn.Linear(2, 3)
    tensors = state.model_tensors(model)
    with pytest.raises(ValueError, match="differ in"):
        state.load_model_tensors(model, {"weight": tensors["weight"]})
    with pytest.raises(ValueError, match="in the checkpoint"):
        state.load_model_tensors(model, tensors | {"bias": torch.zeros(4)})

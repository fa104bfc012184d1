"""Checkpoints that a power cut cannot damage: written aside, flushed, listed with hashes, then renamed.

    step-N.tmp/  ->  files, fsync  ->  manifest.json, fsync  ->  rename to step-N/  ->  fsync parent  ->  latest

Tensors are safetensors, all else is JSON. How they are read and known to be whole:
`models/pretrained/run_checkpoints.py`.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import shutil
from collections.abc import Collection, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyglot.errors import UserError
from anyglot.models.pretrained.run_checkpoints import (
    FORMAT,
    MANIFEST,
    DamagedCheckpoint,
    Manifest,
    checkpoint_folders,
    file_hash,
    verify,
)
from anyglot.runtime.files import flush, flush_folder, refused, write_text

if TYPE_CHECKING:
    from torch import Tensor

LATEST = "latest"
logger = logging.getLogger(__name__)


def write_checkpoint(
    root: Path,
    update: int,
    *,
    tensors: Mapping[str, Mapping[str, Tensor]],
    documents: Mapping[str, Any],
    identity: Mapping[str, str],
    metrics: Mapping[str, float],
) -> Path:
    """Write `root/step-{update}` so that it is there in full or not at all.

    Args:
        root: The folder of all checkpoints of a run.
        tensors: File name (.safetensors) -> tensors by name; no two may share memory.
        documents: File name (.json) -> what JSON can hold.

    Raises:
        UserError: The disk is full or cannot be written; nothing half-written is left.
    """
    final = root / f"step-{update}"
    partial = root / f"step-{update}.tmp"
    try:
        root.mkdir(parents=True, exist_ok=True)
        _remove(partial)
        partial.mkdir()
        for name, content in tensors.items():
            _write_tensors(partial / name, content)
        for name, document in documents.items():
            _write_flushed(partial / name, json.dumps(document, ensure_ascii=False).encode())
        manifest = {
            "format": FORMAT,
            "update": update,
            "files": {path.name: [path.stat().st_size, file_hash(path)] for path in sorted(partial.iterdir())},
            "versions": dict(versions()),
            "identity": dict(identity),
            "metrics": dict(metrics),
        }
        _write_flushed(partial / MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1).encode())
        flush_folder(partial)
        _remove(final)  # only ever a damaged one: a good one of this step would have been resumed from
        partial.rename(final)
        flush_folder(root)
        _point_latest(root, final.name)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        reason = refused(error)
        raise UserError(f"The checkpoint {final} could not be written: {reason}. {_standing(root)}") from error
    return final


def newest_good(root: Path) -> tuple[Path, Manifest] | None:
    """The newest checkpoint that verifies; each newer one that does not is refused by name with a warning.

    Leftovers of an interrupted write (`step-N.tmp`, `latest.tmp`) are removed.

    Raises:
        UserError: There are checkpoints, but none is good.
    """
    for leftover in root.glob("step-*.tmp"):
        logger.warning("removed %s, left by an interrupted write", leftover)
        shutil.rmtree(leftover, ignore_errors=True)
    (root / f"{LATEST}.tmp").unlink(missing_ok=True)
    folders = checkpoint_folders(root)
    reasons = []
    for folder in reversed(folders):
        try:
            return folder, verify(folder)
        except DamagedCheckpoint as damage:
            reasons.append(f"{folder.name}: {damage}")
            logger.warning("checkpoint %s is damaged and not used: %s", folder, damage)
    if reasons:
        raise UserError(
            f"No checkpoint in {root} is good ({'; '.join(reasons)}); restore one, or start anew in another folder."
        )
    return None


def prune(root: Path, *, keep_last: int, keep_best: int, best: list[int], needed: Collection[int] = ()) -> list[Path]:
    """Delete old checkpoints once the newest has been verified.

    Args:
        keep_last: How many of the newest stay.
        keep_best: How many of the best stay beside them.
        best: Updates of the checkpoints from best to worst.
        needed: Updates of checkpoints that stay whatever else does.

    Raises:
        DamagedCheckpoint: The newest does not verify; nothing is deleted.
    """
    folders = checkpoint_folders(root)
    if not folders:
        return []
    verify(folders[-1])
    kept = {folder.name for folder in folders[-keep_last:]}
    present = {folder.name for folder in folders}
    ranked = [name for name in (f"step-{update}" for update in best) if name in present]
    kept.update(ranked[:keep_best], (f"step-{update}" for update in needed))
    removed = [folder for folder in folders if folder.name not in kept]
    for folder in removed:
        (folder / MANIFEST).unlink(missing_ok=True)  # first, so that a half-deleted folder is never taken for whole
        shutil.rmtree(folder, ignore_errors=True)
    return removed


def refuse_changes(
    found: Mapping[str, str],
    wanted: Mapping[str, str],
    folder: Path,
    *,
    use: str = "resumed",
    defaults: Collection[str] = (),
) -> None:
    """Refuse to resume with another recipe or other data.

    Args:
        use: What cannot be done with the folder if they differ.
        defaults: Names whose wanted value is their default. One that is not found at all had it: the folder is of a
            version that did not know the name.

    Raises:
        UserError: Names every key that differs, with both values.
    """
    unknown_then = {name: wanted[name] for name in defaults if name in wanted}
    if listed := differences({**unknown_then, **found}, wanted):
        raise UserError(
            f"{folder} was trained otherwise and cannot be {use}: {listed}. "
            "Give the recipe and data it was started with, or train into another folder."
        )


def differences(found: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """What differs, with both values, as a part of a sentence; nothing where nothing does."""
    changes = [
        f"{key} was {found.get(key, 'absent')}, now {wanted.get(key, 'absent')}"
        for key in sorted({*found, *wanted})
        if found.get(key) != wanted.get(key)
    ]
    return "; ".join(changes[:8]) + (f"; and {len(changes) - 8} more" if len(changes) > 8 else "")


@cache
def versions() -> dict[str, str]:
    """What wrote the checkpoint: the packages whose arithmetic it depends on."""
    packages = {name: version(name) for name in ("anyglot", "torch", "accelerate", "numpy", "safetensors")}
    return {"python": platform.python_version(), **packages}


def write_document(path: Path, document: Any) -> None:
    """Replace a JSON file in one step: a reader sees the old or the new one.

    Raises:
        UserError: The disk is full or cannot be written.
    """
    write_text(path, json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    flush_folder(path.parent)


def _write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, path)
    except SafetensorError as error:  # the library wraps what the operating system says, a full disk among it
        raise OSError(f"{path.name}: {error}") from error
    flush(path)


def _write_flushed(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _point_latest(root: Path, name: str) -> None:
    partial = root / f"{LATEST}.tmp"
    _write_flushed(partial, name.encode())
    partial.replace(root / LATEST)
    flush_folder(root)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _standing(root: Path) -> str:
    folders = checkpoint_folders(root)
    held = f"The last checkpoint is {folders[-1].name}" if folders else "There is no earlier checkpoint"
    return f"{held}; free some space and run again with `resume=True`."

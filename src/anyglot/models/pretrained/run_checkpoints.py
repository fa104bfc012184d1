"""A training run's checkpoints: where they lie, and whether they are what was written.

A folder is a checkpoint if and only if it has a manifest and every file listed there has its size and SHA-256.
`training/loop/checkpoint.py` writes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyglot.errors import UserError
from anyglot.models.fingerprint import hashed
from anyglot.runtime.untrusted_files import (
    DAMAGE,
    check_regular,
    number,
    parse_json,
    read_json,
    text_of,
    understood,
    whole_number,
)

if TYPE_CHECKING:
    from torch import Tensor

CHECKPOINTS = "checkpoints"
FORMAT = 1
MANIFEST = "manifest.json"
PROGRESS = "progress.json"
FROZEN_NAMES = "unmoved.json"  # which parameters a checkpoint leaves out, since no stage trains them
FROZEN_WEIGHTS_FILE = "unmoved.safetensors"  # those parameters, once, beside the checkpoints of a run that goes


class DamagedCheckpoint(Exception):
    """A folder that is not the checkpoint its manifest lists; the message says which file and how."""


@dataclass(frozen=True)
class Manifest:
    """What a checkpoint says of itself.

    Args:
        update: Updates done over all stages.
        files: File name -> (bytes, SHA-256).
        versions: Package -> version that wrote it.
        identity: What must not change on resuming: recipe keys, data and tokenizer fingerprints.
        metrics: The last validation before it, for keeping the best.
    """

    update: int
    files: dict[str, tuple[int, str]]
    versions: dict[str, str]
    identity: dict[str, str]
    metrics: dict[str, float]

    @property
    def metric(self) -> str:
        """What the run ranks its checkpoints by."""
        return text_of(parse_json(self.identity.get("validation.metric", '"loss"')))


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a checkpoint, without a look at the other files.

    Raises:
        DamagedCheckpoint: There is none, or it cannot be understood.
    """
    try:
        content = read_json(folder / MANIFEST, finite=False)
        if content["format"] != FORMAT:
            raise DamagedCheckpoint(f"{MANIFEST} has format {content['format']}, this version reads {FORMAT}")
        manifest = Manifest(
            update=whole_number(content["update"]),
            files={name: (whole_number(size), text_of(digest)) for name, (size, digest) in content["files"].items()},
            versions={key: text_of(value) for key, value in content["versions"].items()},
            identity={key: text_of(value) for key, value in content["identity"].items()},
            metrics={key: number(value, finite=False) for key, value in content["metrics"].items()},
        )
        text_of(manifest.metric)
        return manifest
    except FileNotFoundError:
        raise DamagedCheckpoint(f"{MANIFEST} is missing") from None
    except (UserError, OSError, *DAMAGE) as error:
        told = " ".join(str(error).split())
        raise DamagedCheckpoint(f"{MANIFEST} cannot be read ({type(error).__name__}: {told:.200})") from None


def verify(folder: Path, names: Container[str] | None = None) -> Manifest:
    """Compare files with the manifest.

    Args:
        names: Of the files; None: all of them.

    Raises:
        DamagedCheckpoint: A file is missing, has another size or another hash.
    """
    manifest = read_manifest(folder)
    for name, (size, digest) in manifest.files.items():
        if names is not None and name not in names:
            continue
        path = folder / name
        if Path(name).name != name or not path.is_file():
            raise DamagedCheckpoint(f"{name} is missing")
        if path.stat().st_size != size:
            raise DamagedCheckpoint(f"{name} has {path.stat().st_size} bytes in place of {size}")
        if file_hash(path) != digest:
            raise DamagedCheckpoint(f"{name} is not what was written (its SHA-256 differs)")
    return manifest


def checkpoint_folders(root: Path) -> list[Path]:
    """All finished checkpoint folders, oldest first; good or damaged."""
    if not root.is_dir():
        return []
    found = [path for path in root.glob("step-*") if path.is_dir() and path.name[5:].isdecimal()]
    return sorted(found, key=lambda path: int(path.name[5:]))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file, on the CPU."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    check_regular(path)
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (SafetensorError, *DAMAGE) as error:
        raise UserError(f"{path} is damaged or not safetensors ({error}).") from None
    return tensors


def read_document(path: Path) -> Any:
    """A JSON file; a training's numbers may be infinite.

    Raises:
        UserError: It is no regular file, too large, or no JSON.
    """
    return read_json(path, finite=False)


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def left_out(checkpoint: Path) -> frozenset[str]:
    """The names of the parameters a checkpoint leaves out; those of older versions leave out none."""
    path = checkpoint / FROZEN_NAMES
    if not path.is_file():
        return frozenset()
    with understood(path):
        return frozenset(text_of(name) for name in read_document(path)["names"])


def key_of_left_out(checkpoint: Path) -> str:
    """The hash of the parameters a checkpoint leaves out.

    Raises:
        UserError: It does not say, or cannot be read.
    """
    path = checkpoint / FROZEN_NAMES
    with understood(path):
        return text_of(read_document(path)["key"])


def best_of(checkpoint: Path) -> dict[str, float]:
    """Update -> the metric that checkpoints are ranked by, as a checkpoint has it.

    Raises:
        UserError: It does not say, or cannot be read.
    """
    path = checkpoint / PROGRESS
    with understood(path):
        return {str(int(update)): number(value, finite=False) for update, value in read_document(path)["best"].items()}


def frozen_weights_key(tensors: Mapping[str, Tensor]) -> str:
    """Hash of the parameters that no stage trains."""
    return hashed("unmoved 1", ((name, tensors[name]) for name in sorted(tensors)))

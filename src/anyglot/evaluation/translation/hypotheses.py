"""Hypotheses on disk: one line per source line, reused when the same model would translate the same input again.

    OUT/hypotheses/<model>/<test>.txt         the translations
    OUT/hypotheses/<model>/<test>.json        what they were made from, and their own hash

A file that was cut short, edited, or made by another model, input or setting is made again.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from anyglot.errors import UserError
from anyglot.runtime.files import write_text
from anyglot.runtime.untrusted_files import LARGE, read_bytes, read_json

_FORMAT = "anyglot-hypotheses-1"


def translated(
    path: Path, made_from: Mapping[str, Any], lines: int, translate: Callable[[], list[str]]
) -> tuple[list[str], bool]:
    """Return the hypotheses kept at `path` if they are these, or else translate and keep them.

    Args:
        path: The text file.
        made_from: Model identity, input hash, languages and settings: JSON values.
        lines: How many lines there have to be.
        translate: Makes them.

    Returns:
        The hypotheses, and whether they were reused.

    Raises:
        UserError: They cannot be written, or another number of lines came out than went in.
    """
    record = {"format": _FORMAT, "lines": lines, **made_from}
    kept = _kept(path, record)
    if kept is not None:
        return kept, True
    # A line break inside a hypothesis would shift every line below it.
    hypotheses = [" ".join(text.splitlines()) for text in translate()]
    if len(hypotheses) != lines:
        raise UserError(f"{lines} lines went into the model but {len(hypotheses)} came out; this is a fault of anyglot")
    content = "".join(line + "\n" for line in hypotheses)
    # Text first: a record must never vouch for lines that are not there yet.
    write_text(path, content)
    digest = hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()
    write_text(record_path(path), json.dumps({**record, "sha256": digest}, ensure_ascii=False, indent=1) + "\n")
    return hypotheses, False


def _kept(path: Path, record: Mapping[str, Any]) -> list[str] | None:
    try:
        found = read_json(record_path(path), LARGE)
        raw = read_bytes(path)
        content = raw.decode("utf-8")
    except (OSError, ValueError, UserError):
        return None
    if found != {**record, "sha256": hashlib.sha256(raw).hexdigest()}:
        return None
    return content.split("\n")[:-1]


def record_path(path: Path) -> Path:
    """Return where the record of a text file of translations lies: beside it."""
    return path.with_name(path.name.removesuffix(".txt") + ".json")


def weights_hash(folder: Path) -> str:
    """SHA-256 over all weights and JSON files of a model folder, empty for a folder without any.

    Raises:
        UserError: A file cannot be read.
    """
    digest = hashlib.sha256()
    weights = [*folder.glob("*.safetensors"), *folder.glob("pytorch_model*.bin")]
    paths = sorted([*weights, folder / "config.json", folder / "sentencepiece.bpe.model"])
    for path in (path for path in paths if path.is_file()):
        digest.update(f"{path.name}\n{path.stat().st_size}\n".encode())
        try:
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        except OSError as error:
            raise UserError(f"{path} could not be read ({error.strerror}); copy the model folder again") from error
    return digest.hexdigest()

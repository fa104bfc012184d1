"""Vectors into a file that appears whole or not at all: .npy, or .parquet with a hash of each text.

    OUTPUT.partial   the vectors so far, as .npy; the output is held (`runtime/locks.py`): two runs do not write it
    OUTPUT           appears at the end, by a rename

Memory holds a block of rows at a time, however many there are.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from anyglot.errors import UserError
from anyglot.inference.embedding.vectors import centered, normalized
from anyglot.runtime.arrays import load_array
from anyglot.runtime.files import disk_errors, whole_file
from anyglot.runtime.locks import held

ADVICE = "free some space and run it again, what is in the cache is not computed twice"
KINDS = (".npy", ".parquet")
HASH_BYTES = 16
_BLOCK = 4096


def check_output(path: Path) -> None:
    """Refuse a place that cannot be written, before any work.

    Raises:
        UserError: What is wrong and what to do.
    """
    if path.suffix not in KINDS:
        raise UserError(f"{path} is neither .npy nor .parquet: name the output accordingly.")
    if path.suffix == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise UserError(
            f"writing {path.name} needs pyarrow, which is not installed: pip install 'anyglot[datasets]', or name "
            "a .npy file."
        )
    if path.is_dir():
        raise UserError(f"{path} is a folder: name a file for the vectors.")
    if not path.parent.is_dir():
        raise UserError(f"there is no folder {path.parent} to write {path.name} to: create it first.")
    if not os.access(path.parent, os.W_OK):
        raise UserError(f"the folder {path.parent} is not writable: choose another place for {path.name}.")


def text_hash(text: str) -> bytes:
    """Sixteen bytes of BLAKE2b of a text in UTF-8."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=HASH_BYTES).digest()


class VectorFile:
    """Vectors on their way into OUTPUT. A context: an error within it takes away what was written.

    Args:
        path: What appears in the end; its suffix says in which form.
        width: D.

    Raises:
        UserError: The disk is full, or another run writes this output.
    """

    def __init__(self, path: Path, width: int) -> None:
        self.path, self.width, self.rows = path, width, 0
        self.partial = path.with_name(path.name + ".partial")
        self.hashes_path = path.with_name(path.name + ".hashes.partial")
        self.sum = np.zeros(width, dtype=np.float64)
        self.filled = 0
        self._hashes: IO[bytes] | None = None

    def __enter__(self) -> VectorFile:
        with disk_errors(self.path, ADVICE), ExitStack() as stack:
            stack.enter_context(held(self.path, file=True))
            stack.callback(self.partial.unlink, missing_ok=True)  # not there any more if all went well
            self._stream: IO[bytes] = stack.enter_context(self.partial.open("w+b"))
            _write_header(self._stream, 0, self.width)
            self._data = self._stream.tell()
            if self.path.suffix == ".parquet":
                stack.callback(self.hashes_path.unlink, missing_ok=True)
                self._hashes = stack.enter_context(self.hashes_path.open("w+b"))
            self._resources = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        with disk_errors(self.path, ADVICE):  # closing writes what is still held back
            self._resources.close()

    def append(self, vectors: NDArray[np.float32], texts: Sequence[str]) -> None:
        """Write the vectors of texts behind those before. (n, D)"""
        with disk_errors(self.path, ADVICE):
            self._stream.write(np.ascontiguousarray(vectors, dtype="<f4").tobytes())
            if self._hashes is not None:
                self._hashes.write(b"".join(map(text_hash, texts)))
        self.rows += len(vectors)
        self.filled += int(vectors.any(axis=1).sum())
        self.sum += vectors.sum(axis=0, dtype=np.float64)

    @property
    def mean(self) -> NDArray[np.float64]:
        """Of all vectors so far but those of empty texts, which are zeros. (D,)"""
        return self.sum / max(1, self.filled)

    def finish(self, center: NDArray[np.float64] | None, normalize: bool) -> None:
        """Subtract `center` from every vector but zeros, give each length 1 if wanted, and put the file in place."""
        with disk_errors(self.path, ADVICE):
            self._stream.seek(0)
            _write_header(self._stream, self.rows, self.width)
            if center is not None or normalize:
                for row, block in self._blocks():
                    self._stream.seek(self._data + row * self.width * 4)
                    self._stream.write(_changed(block, center, normalize).tobytes())
            self._stream.flush()
            if self.path.suffix == ".parquet":
                self._write_parquet()
            else:
                os.fsync(self._stream.fileno())
                self.partial.replace(self.path)

    def _blocks(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        for row in range(0, self.rows, _BLOCK):
            count = min(_BLOCK, self.rows - row)
            self._stream.seek(self._data + row * self.width * 4)
            raw = self._stream.read(count * self.width * 4)
            yield row, np.frombuffer(raw, dtype="<f4").reshape(count, self.width)

    def _write_parquet(self) -> None:
        """Columns: row (int64), text_hash (16 bytes), vector (D float32)."""
        import pyarrow
        from pyarrow import parquet

        assert self._hashes is not None
        self._hashes.seek(0)
        kinds = [("row", pyarrow.int64()), ("text_hash", pyarrow.binary(HASH_BYTES))]
        schema = pyarrow.schema([*kinds, ("vector", pyarrow.list_(pyarrow.float32(), self.width))])
        temporary = self.path.with_name(self.path.name + ".tmp")
        try:
            with parquet.ParquetWriter(temporary, schema) as writer:
                for row, block in self._blocks():
                    raw = self._hashes.read(len(block) * HASH_BYTES)
                    hashes = [raw[start : start + HASH_BYTES] for start in range(0, len(raw), HASH_BYTES)]
                    columns: list[Any] = [
                        pyarrow.array(np.arange(row, row + len(block))),
                        pyarrow.array(hashes, type=schema.field("text_hash").type),
                        pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(block.reshape(-1)), self.width),
                    ]
                    writer.write_table(pyarrow.table(columns, schema=schema))
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
            temporary.replace(self.path)
        finally:
            temporary.unlink(missing_ok=True)
        self.partial.unlink()


def save_mean(path: Path, mean: NDArray[np.float64]) -> None:
    """Write a mean vector, (D,) float64, whole or not at all.

    Raises:
        UserError: It cannot be written.
    """
    with whole_file(path, ADVICE) as stream:
        np.save(stream, mean)


def load_mean(path: Path, width: int) -> NDArray[np.float64]:
    """A mean vector that `save_mean` wrote.

    Raises:
        UserError: No such file, or not one vector of this width.
    """
    try:
        mean = load_array(path)
    except FileNotFoundError:
        raise UserError(f"there is no file {path}: name the .mean.npy that `center` wrote.") from None
    except UserError as error:
        raise UserError(f"{error} Name the .mean.npy that `center` wrote.") from None
    if mean.shape != (width,) or mean.dtype.kind != "f" or not np.isfinite(mean).all():
        raise UserError(
            f"{path} holds {mean.dtype} of shape {mean.shape}, not one vector of {width} numbers: name the .mean.npy "
            "that `center` wrote with the same model."
        )
    exact: NDArray[np.float64] = mean.astype(np.float64)
    return exact


def _changed(block: NDArray[np.float32], center: NDArray[np.float64] | None, normalize: bool) -> NDArray[np.float32]:
    moved = block if center is None else centered(block, center)
    return normalized(moved) if normalize else moved


def _write_header(stream: IO[bytes], rows: int, width: int) -> None:
    # numpy pads this header so that the first axis may grow: rewriting it later does not move the data.
    header = {"descr": "<f4", "fortran_order": False, "shape": (rows, width)}
    np.lib.format.write_array_header_1_0(stream, header)

"""A model as retrieval sees it: texts and layers in, vectors out."""

import math
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anyglot.errors import UserError

# More numbers than these wait on disk until they are searched: 2 GiB of float32.
IN_MEMORY = 1 << 29

Stream = Callable[[Sequence[str], Sequence[int], str], Iterator[NDArray[np.float32]]]


@dataclass(frozen=True)
class System:
    """A model whose vectors are searched.

    Attributes:
        label: What tables call it.
        depth: How many layers it has.
        stream: Texts, layers counted from 0 and the texts' language to pooled vectors, some texts at a time and in
            order: (layers, n, D), float32.
        precision: What the model computes in.
        read: Canonical codes of the languages the model has read; None where nobody wrote them down.
    """

    label: str
    depth: int
    stream: Stream
    precision: str = "fp32"
    read: frozenset[str] | None = None

    def has_read(self, code: str) -> bool | None:
        """Whether the model has read a language; None where nobody knows."""
        return None if self.read is None else code in self.read

    @contextmanager
    def vectors(
        self, texts: Sequence[str], layers: Sequence[int], language: str, in_memory: int = IN_MEMORY
    ) -> Iterator[NDArray[np.float32]]:
        """Embed texts at several layers; what is too much for memory lies in a temporary file until it was used.

        Args:
            texts: The sentences, at least one.
            layers: Counted from 0.
            language: Of the texts.
            in_memory: Most numbers to hold in memory.

        Shape:
            yields: (layers, texts, D)

        Raises:
            UserError: The temporary file cannot be written.
        """
        parts = self.stream(texts, layers, language)
        first = next(parts)
        shape = (len(layers), len(texts), first.shape[2])
        if math.prod(shape) <= in_memory:
            yield _filled(np.empty(shape, np.float32), first, parts)
            return
        with tempfile.TemporaryDirectory(prefix="anyglot-", ignore_cleanup_errors=True) as folder:
            try:
                room = _room_on_disk(Path(folder) / "vectors.npy", shape)
            except OSError as error:
                raise UserError(
                    f"the vectors of {len(texts):,} sentences at {len(layers)} layers could not be kept in a temporary "
                    f"file ({error.strerror or error}): choose one `layer`, or set TMPDIR to a folder with room"
                ) from error
            yield _filled(room, first, parts)


def _room_on_disk(path: Path, shape: tuple[int, ...]) -> NDArray[np.float32]:
    room = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    # A full disk is an error here; later, while the map is written, it would end the process without a word.
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return room


def _filled(
    room: NDArray[np.float32], first: NDArray[np.float32], parts: Iterator[NDArray[np.float32]]
) -> NDArray[np.float32]:
    room[:, : first.shape[1]] = first
    row = first.shape[1]
    for part in parts:
        room[:, row : row + part.shape[1]] = part
        row += part.shape[1]
    return room


def centered(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Subtract the mean vector, summed in float64.

    Shape:
        vectors, returns: (N, D)
    """
    mean = vectors.mean(axis=0, dtype=np.float64)
    return np.asarray(vectors - mean, dtype=np.float32)

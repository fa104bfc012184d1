"""The file format E5S1: a BERT encoder with a SentencePiece vocabulary, its matrices in blocks of 4-bit numbers.

All numbers are little-endian, offsets count from the beginning of the file:

    "E5S1", uint32 version
    int32 width, layers, heads, feed-forward width, rows, positions, segments
    float32 epsilon of the layer norms, int32 values of a block
    int32 pieces, ids of begin, end, padding and unknown; uint64 bytes of text
    uint32 offsets[pieces + 1] into the text, float32 scores[pieces], the text (UTF-8)
    int32 entries and uint32 bytes of a character map, the map (passed over: SentencePiece has its own)
    int32 tensors, of each: uint16 length of name, name, uint8 kind, uint32 values, uint64 offset, uint64 bytes

A tensor of 4 bytes a value is float32. Any other is Q4_0: of 32 values in a row a float16 scale d and 16 bytes, whose
low halves are the first 16 values and whose high halves the others; a half h stands for (h - 8) d.

A file is hostile input: whatever it holds, reading ends in its contents or in a UserError.
"""

from __future__ import annotations

import itertools
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anyglot.errors import UserError

MAGIC = b"E5S1"
VERSION = 1
BLOCK = 32
# XLM-R's numbering: begin, end, padding, unknown. Pieces 4 and up are SentencePiece's, the last is the mask.
SPECIALS = (0, 2, 1, 3)
FIRST_PIECES = ("<s>", "<pad>", "</s>", "<unk>")
MASK = "<mask>"
# One block of Q4_0.
Q4_0 = np.dtype([("scale", "<f2"), ("halves", "u1", BLOCK // 2)])
# Layers whose weights are matrices, and the norms, whose weights are vectors.
LINEAR = ("q", "k", "v", "ao", "fi", "fo")
NORMS = ("aln", "oln")
_LARGEST = 1 << 20


@dataclass(frozen=True)
class Sizes:
    """What the file says of its encoder; all positive, and heads divide the width."""

    width: int
    layers: int
    heads: int
    feedforward: int
    rows: int
    positions: int
    segments: int
    epsilon: float

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name -> shape of every tensor such an encoder has."""
        found: dict[str, tuple[int, ...]] = {
            "emb.word": (self.rows, self.width),
            "emb.pos": (self.positions, self.width),
            "emb.type": (self.segments, self.width),
            "emb.ln.w": (self.width,),
            "emb.ln.b": (self.width,),
        }
        for layer in range(self.layers):
            for name in LINEAR:
                out = self.feedforward if name == "fi" else self.width
                found[f"l{layer}.{name}.w"] = (out, self.feedforward if name == "fo" else self.width)
                found[f"l{layer}.{name}.b"] = (out,)
            for name in NORMS:
                found[f"l{layer}.{name}.w"] = found[f"l{layer}.{name}.b"] = (self.width,)
        return found


class E5S1:
    """An open file. Tensors stay on disk until they are asked for.

    Attributes:
        sizes: Of the encoder.
        pieces: The vocabulary in the order of ids, XLM-R's specials first and `<mask>` last.
        scores: Of the pieces; (pieces,) float32.

    Raises:
        UserError: There is no such file, or it is cut, damaged or of another format.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._bytes: NDArray[np.uint8] = np.memmap(path, dtype=np.uint8, mode="r")
        except ValueError:
            raise self._damaged("it is empty") from None
        except OSError as error:
            raise UserError(f"{path} cannot be read ({error.strerror or error}).") from None
        self._at = 0
        self.sizes = self._read_sizes()
        self.pieces, self.scores = self._read_pieces()
        self._directory = self._read_directory()

    def tensor(self, name: str) -> NDArray[np.float32]:
        """A tensor's values, dequantised, in the shape `sizes.shapes()` gives.

        Raises:
            UserError: A value is not finite.
        """
        shape = self.sizes.shapes()[name]
        offset, size = self._directory[name]
        raw = self._bytes[offset : offset + size]
        if size == 4 * math.prod(shape):
            values = raw.view("<f4").astype(np.float32)
        else:
            blocks = raw.view(Q4_0)
            values = np.empty((len(blocks), BLOCK), dtype=np.float32)
            values[:, : BLOCK // 2] = blocks["halves"] & 15
            values[:, BLOCK // 2 :] = blocks["halves"] >> 4
            values -= 8
            with np.errstate(invalid="ignore"):  # told below
                values *= blocks["scale"].astype(np.float32)[:, None]
        if not np.isfinite(values).all():
            raise self._damaged(f"the tensor {name} holds values that are not finite")
        return values.reshape(shape)

    def _read_sizes(self) -> Sizes:
        magic, version = self._take("4sI")
        if magic != MAGIC:
            raise self._damaged(f"it begins with {magic!r} in place of {MAGIC!r}")
        if version != VERSION:
            raise self._damaged(f"it is of version {version}, and only {VERSION} is known")
        counts = self._take("7i")
        epsilon, block = self._take("fi")
        # The shortest decimal number of this float32, 1e-12 and not 9.999999960041972e-13.
        width, layers, heads, feedforward, rows, positions, segments = counts
        decimal = float(str(np.float32(epsilon)))
        sizes = Sizes(width, layers, heads, feedforward, rows, positions, segments, decimal)
        if not all(0 < count <= _LARGEST for count in counts) or sizes.width % sizes.heads:
            raise self._damaged(f"it gives sizes that no encoder has ({', '.join(map(str, counts))})")
        if not 0 < epsilon < 1 or block != BLOCK:
            raise self._damaged(f"it gives an epsilon of {epsilon:g} and blocks of {block} values")
        return sizes

    def _read_pieces(self) -> tuple[list[str], NDArray[np.float32]]:
        count, *specials, size = self._take("5iQ")
        if not len(SPECIALS) < count <= self.sizes.rows or tuple(specials) != SPECIALS:
            raise self._damaged(f"it gives {count} pieces with the special ids {specials}")
        offsets = self._raw(4 * (count + 1)).view("<u4").astype(np.int64)
        scores = self._raw(4 * count).view("<f4").astype(np.float32)
        text = self._raw(size).tobytes()
        if offsets[0] != 0 or offsets[-1] != size or (np.diff(offsets) < 1).any() or not np.isfinite(scores).all():
            raise self._damaged("its pieces do not fit their text")
        ends = offsets.tolist()
        try:
            pieces = [text[start:end].decode("utf-8") for start, end in itertools.pairwise(ends)]
        except UnicodeDecodeError:
            raise self._damaged("a piece is not UTF-8") from None
        if tuple(pieces[: len(FIRST_PIECES)]) != FIRST_PIECES or pieces[-1] != MASK:
            raise self._damaged("its pieces are not in XLM-R's order")
        return pieces, scores

    def _read_directory(self) -> dict[str, tuple[int, int]]:
        """Name -> offset and bytes of each tensor."""
        entries, size = self._take("iI")
        if entries < 0:
            raise self._damaged(f"its character map has {entries} entries")
        self._raw(size)
        (count,) = self._take("i")
        if count != 5 + self.sizes.layers * 2 * (len(LINEAR) + len(NORMS)):
            raise self._damaged(f"it lists {count} tensors for {self.sizes.layers} layers")
        shapes = self.sizes.shapes()
        found: dict[str, tuple[int, int]] = {}
        for _ in range(count):
            (length,) = self._take("H")
            name = self._raw(length).tobytes().decode("utf-8", "replace")
            _, values, offset, size = self._take("BIQQ")
            if name not in shapes or name in found:
                raise self._damaged(f"it lists a tensor {name!r:.40} that does not belong there")
            shape = shapes[name]
            packed = math.prod(shape) // BLOCK * Q4_0.itemsize if shape[-1] % BLOCK == 0 else None
            if values != math.prod(shape) or size not in (4 * values, packed):
                raise self._damaged(f"its tensor {name} has {values} values in {size} bytes and should have {shape}")
            found[name] = (offset, size)
        for name, (offset, size) in found.items():
            if offset < self._at or offset + size > len(self._bytes):
                raise self._damaged(f"its tensor {name} lies outside the file")
        return found

    def _take(self, layout: str) -> tuple[Any, ...]:
        layout = f"<{layout}"
        return struct.unpack(layout, self._raw(struct.calcsize(layout)).tobytes())

    def _raw(self, size: int) -> NDArray[np.uint8]:
        """The next bytes."""
        if size > len(self._bytes) - self._at:
            raise self._damaged("it is cut")
        self._at += size
        return self._bytes[self._at - size : self._at]

    def _damaged(self, reason: str) -> UserError:
        return UserError(f"{self._path} is no whole file of the format E5S1: {reason}. Fetch it again.")

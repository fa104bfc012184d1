"""Arrays of other people: .npy files, opened with distrust. numpy trusts what a header says, as far as memory goes.

A file whose header is damaged gives numpy's errors of five kinds, and one that is a .zip gives no array at all.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from tokenize import TokenError
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from anyglot.errors import UserError
from anyglot.runtime.untrusted_files import DAMAGE, LARGE, check_regular

_UNSOUND = (OSError, EOFError, SyntaxError, TokenError, MemoryError, *DAMAGE)
UNSOUND_ARCHIVE = (*_UNSOUND, NotImplementedError, BadZipFile, zlib.error)
"""What numpy gives for a .npz file that is cut, damaged or none."""
_BEGINNING = b"\x93NUMPY"


def load_array(path: Path, *, mapped: bool = False) -> NDArray[Any]:
    """The array of a .npy file.

    Args:
        mapped: As a memory map, of any size; else it is read, and refused above `LARGE` bytes.

    Raises:
        FileNotFoundError: Nothing is there.
        UserError: It is no regular file, or no whole .npy file of plain numbers.
    """
    size = check_regular(path, None if mapped else LARGE)
    try:
        with path.open("rb") as stream:
            if stream.read(len(_BEGINNING)) != _BEGINNING:
                raise ValueError("it does not begin as one")
            stream.seek(0)
            shape, kind = _header(stream)
            if stream.tell() + kind.itemsize * _count(shape) != size:
                raise ValueError("its size is not what its header says")
        found: NDArray[Any] = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except _UNSOUND as error:
        told = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path} is no .npy file ({told:.100}).") from None
    return found


def _header(stream: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    read = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
    shape, _, kind = read[np.lib.format.read_magic(stream)[0]](stream)
    if kind.hasobject or kind.itemsize == 0 or kind.fields is not None:
        raise ValueError(f"it holds {kind}, no plain numbers")
    return shape, kind


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for length in shape:
        if type(length) is not int or length < 0:
            raise ValueError(f"its shape {shape} is none")
        count *= length
    return count

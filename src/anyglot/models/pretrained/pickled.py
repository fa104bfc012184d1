"""Tensors out of `pytorch_model.bin`, a pickle, of which nothing but tensors is taken and nothing is run.

`torch.load(weights_only=True)` interprets the pickle with a list of what tensors are rebuilt from, and refuses all else
before it is called. Files of torch 1.6 and later are mapped from disk, so that a tensor is read when it is used.
"""

from __future__ import annotations

import logging
import pickle
import re
import struct
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from anyglot.errors import UserError
from anyglot.runtime.untrusted_files import DAMAGE, check_regular

WHOLE = "pytorch_model.bin"
INDEX = "pytorch_model.bin.index.json"
PATTERNS = (WHOLE, INDEX, "pytorch_model-*.bin")
"""What is fetched of a repository that has no safetensors."""
_GLOBAL = re.compile(r"GLOBAL '?([\w.]+)")
# What torch, zipfile and pickle raise for files that are cut or changed.
_DAMAGED = (*DAMAGE, RuntimeError, OSError, EOFError, AssertionError, ImportError, struct.error, zipfile.BadZipFile)
_told: set[Path] = set()
logger = logging.getLogger(__name__)


class PickledTensors:
    """The tensors of one file by name, as a safetensors handle gives them.

    Args:
        path: A file that `torch.save` wrote of a state dict.

    Raises:
        FileNotFoundError: There is no such file.
        UserError: It is damaged, holds something else than tensors by name, or asks for code.
    """

    def __init__(self, path: Path) -> None:
        check_regular(path)
        _tell(path)
        self.path = path
        self._tensors: dict[str, Tensor] = {}
        for name, value in _load(path).items():
            if not isinstance(name, str) or not isinstance(value, Tensor):
                raise UserError(
                    f"{path} holds {type(value).__name__} {name!r:.100} where a tensor by name is expected: it is no "
                    "state dict of a model."
                )
            if value.layout != torch.strided or value.device.type != "cpu":
                raise UserError(f"{path}: {name:.100} is a {value.layout} tensor on {value.device}, not numbers.")
            if value.numel() * value.element_size() > value.untyped_storage().nbytes():
                raise UserError(f"{path}: {name:.100} claims {value.numel():,} values, more than the file holds of it.")
            self._tensors[name] = value.detach()
        places = Counter(tensor.untyped_storage().data_ptr() for tensor in self._tensors.values())
        self._shared = {place for place, count in places.items() if count > 1}

    def keys(self) -> list[str]:
        """Names of all tensors."""
        return list(self._tensors)

    def get_tensor(self, name: str) -> Tensor:
        """A tensor in its own number format; a copy where its memory is another's too, so that no two train as one."""
        tensor = self._tensors[name]
        return tensor.clone() if tensor.untyped_storage().data_ptr() in self._shared else tensor

    def get_slice(self, name: str) -> PickledSlice:
        """What is known of a tensor without its values."""
        return PickledSlice(self._tensors[name])


class PickledSlice:
    """A tensor's shape, as safetensors' slices tell it."""

    def __init__(self, tensor: Tensor) -> None:
        self._shape = list(tensor.shape)

    def get_shape(self) -> list[int]:
        """Sizes of the dimensions."""
        return self._shape


def _load(path: Path) -> dict[Any, Any]:
    try:
        mapped = zipfile.is_zipfile(path)  # else it was written by torch before 1.6, and is read whole
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped or None)
    except pickle.UnpicklingError as error:
        asked = _GLOBAL.search(str(error))
        if asked is None:
            raise UserError(f"{path} is damaged, or no file of torch.save. Copy or download it again.") from None
        raise UserError(
            f"{path} asks for {asked[1]}, which is no part of a tensor: of a pickle "
            "only tensors are read, and nothing in it is run. Take the model from somebody you trust, as safetensors."
        ) from None
    except _DAMAGED as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{path} is damaged, or no file of torch.save ({reason}). Copy or download it again.") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} holds {type(content).__name__}, not tensors by name: it is no state dict of a model.")
    return content


def _tell(path: Path) -> None:
    """Say once a folder what is read."""
    folder = path.parent
    if folder not in _told:
        _told.add(folder)
        logger.warning(
            "%s holds its weights in a pickle (%s); tensors are read from it, and nothing in it is run.",
            folder,
            path.name,
        )

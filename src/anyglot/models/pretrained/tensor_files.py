"""The weight files of a folder, read one tensor at a time: safetensors, or pickles where there is nothing else."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from anyglot.errors import UserError
from anyglot.models.pretrained import pickled
from anyglot.models.pretrained.layout import TensorLayout
from anyglot.models.pretrained.pickled import PickledTensors
from anyglot.runtime.untrusted_files import DAMAGE, check_regular, is_there, read_json

WHOLE = "model.safetensors"
INDEX = "model.safetensors.index.json"


class Checkpoint:
    """Tensors of one or many files by name. Values are mapped from disk, not read, until they are used.

    Args:
        layout: How the files lay them out; the names here are those of single tensors.
        partial: Open what there is when some of many files are not.

    Attributes:
        missing: Names of the files that are not there.
    """

    def __init__(self, folder: Path, layout: TensorLayout | None = None, *, partial: bool = False) -> None:
        self.folder = folder
        self.missing: tuple[str, ...] = ()
        self._layout = layout or TensorLayout()
        self._open = ExitStack()
        self._files: dict[str, Any] = {}
        try:
            for file in _files(folder):
                if partial and not is_there(file):
                    self.missing = (*self.missing, file.name)
                else:
                    self._add(file)
        except BaseException:
            self._open.close()
            raise
        self._places = self._layout.places(self._files)

    def _add(self, file: Path) -> None:
        handle: Any
        try:
            if file.suffix == ".bin":
                handle = PickledTensors(file)
            else:
                check_regular(file)
                handle = self._open.enter_context(safe_open(file, framework="pt"))
        except FileNotFoundError:
            raise UserError(f"{file} is missing, but an index names it. Copy or download the model again.") from None
        except (OSError, SafetensorError) as error:
            raise UserError(f"{file} is damaged or not safetensors ({error}). Copy or download it again.") from None
        for name in handle.keys():  # noqa: SIM118 - a safetensors handle is no dict
            if name in self._files:
                raise UserError(f"{self.folder} holds the tensor {name} in two files. Copy or download it again.")
            self._files[name] = handle

    @property
    def names(self) -> list[str]:
        """All tensors."""
        return list(self._places)

    def shape(self, name: str) -> tuple[int, ...]:
        """Of a tensor; of one that lies alone without reading it."""
        place = self._places[name]
        if place.parts > 1:
            return tuple(self.tensor(name).shape)
        return tuple(self._files[place.name].get_slice(place.name).get_shape())

    def tensor(self, name: str) -> Tensor:
        """A tensor in float32, mapped from disk if it is stored so."""
        place = self._places[name]
        try:
            tensor: Tensor = self._files[place.name].get_tensor(place.name)
        except (OSError, SafetensorError) as error:
            raise UserError(f"{name} in {self.folder} cannot be read ({error}). Copy or download it again.") from None
        if not tensor.is_floating_point():
            raise UserError(f"{name} in {self.folder} is {tensor.dtype}; quantized checkpoints cannot be loaded.")
        return self._layout.taken_out(tensor.to(torch.float32), place)

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()


def _files(folder: Path) -> list[Path]:
    """The weight files of a transformers folder; pickles only where there are no safetensors.

    Raises:
        UserError: There are none.
    """
    if is_there(folder / WHOLE):
        return [folder / WHOLE]
    if is_there(folder / INDEX):
        return [folder / name for name in _shards(folder / INDEX, ".safetensors")]
    if is_there(folder / pickled.WHOLE):
        return [folder / pickled.WHOLE]
    if is_there(folder / pickled.INDEX):
        return [folder / name for name in _shards(folder / pickled.INDEX, ".bin")]
    raise UserError(f"{folder} holds no {WHOLE}. Name the folder of a finished run or of a transformers model.")


def _shards(index: Path, suffix: str) -> list[str]:
    try:
        shards = set(read_json(index)["weight_map"].values())
    except DAMAGE:
        raise UserError(f"{index} is damaged: it holds no weight_map of file names. Download it again.") from None
    for name in shards:
        # A foreign index must not make us open files elsewhere.
        if not isinstance(name, str) or Path(name).name != name or not name.endswith(suffix):
            raise UserError(f"{index} names {name!r:.100}, which is no {suffix} file of its own folder.")
    return sorted(shards)

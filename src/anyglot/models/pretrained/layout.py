"""How a family's files lay tensors out where that departs from ours: matrices on their side, several in one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class Place:
    """Where a tensor lies in a file.

    Args:
        name: Of the file's tensor.
        part: Which of its parts.
        parts: How many it has, beside each other.
    """

    name: str
    part: int = 0
    parts: int = 1


@dataclass(frozen=True)
class TensorLayout:
    """The last module in a tensor's name tells how it is stored. A part's name has the part behind that module.

    Args:
        transposed: Modules whose matrices are stored (in, out): GPT-2's Conv1D.
        joined: Module -> its parts, whose outputs lie beside each other: `attn.c_attn.weight` is then
            `attn.c_attn.query.weight` and so on.
    """

    transposed: frozenset[str] = frozenset()
    joined: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def places(self, stored: Iterable[str]) -> dict[str, Place]:
        """The name of every single tensor -> where it lies, for the names of a file."""
        places: dict[str, Place] = {}
        for name in stored:
            parts = self.joined.get(_module(name), ())
            front, _, leaf = name.rpartition(".")
            for number, part in enumerate(parts):
                places[f"{front}.{part}.{leaf}"] = Place(name, number, len(parts))
            if not parts:
                places[name] = Place(name)
        return places

    def taken_out(self, tensor: Tensor, place: Place) -> Tensor:
        """The single tensor, as a Linear has it, of what the file stores."""
        turned = tensor.t() if self._is_transposed(place.name, tensor) else tensor
        return (turned if place.parts == 1 else turned.tensor_split(place.parts)[place.part]).contiguous()

    def put_in(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the file stores of single tensors: the inverse of `places` and `taken_out`."""
        owners = {part: module for module, parts in self.joined.items() for part in parts}
        whole: dict[str, list[Tensor]] = {}
        for name in sorted(tensors, key=self._rank):
            front, _, leaf = name.rpartition(".")
            upper, _, part = front.rpartition(".")
            is_part = part in owners and upper.endswith(owners[part])
            whole.setdefault(f"{upper}.{leaf}" if is_part else name, []).append(tensors[name])
        stored = {name: parts[0] if len(parts) == 1 else torch.cat(parts) for name, parts in whole.items()}
        return {name: tensor.t() if self._is_transposed(name, tensor) else tensor for name, tensor in stored.items()}

    def _is_transposed(self, name: str, tensor: Tensor) -> bool:
        return _module(name) in self.transposed and tensor.dim() == 2

    def _rank(self, name: str) -> int:
        """A part's place among its module's, so that they are joined in that order."""
        return next((parts.index(_module(name)) for parts in self.joined.values() if _module(name) in parts), 0)


def _module(name: str) -> str:
    """`h.0.attn.c_attn.weight` -> `c_attn`."""
    return name.split(".")[-2] if "." in name else ""

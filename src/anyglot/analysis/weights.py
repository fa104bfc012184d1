"""The weight matrices of a checkpoint, found by name and read one at a time; no model is built.

| Paper | Name of ours | of mBART | of BERT |
|---|---|---|---|
| K, Q, V, Out | `self_attention.inner.key` ... | `self_attn.k_proj` ... | `attention.self.key` ... |
| FC1 (up), FC2 (down) | `feedforward.inner.up`, `.down` | `fc1`, `fc2` | `intermediate.dense`, `output.dense` |

The families' own tables of names (`models/pretrained/families.py`) say which tensor is which, so whatever can be
loaded can be measured. Biases are left out, as in Ji et al. (2024) (method card 4.5).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError
from torch import Tensor

from anyglot.errors import UserError
from anyglot.models.pretrained.families import find_family
from anyglot.models.pretrained.family import Contents
from anyglot.models.pretrained.foreign import CONFIG, first_problem, read_json, refuse_unsupported
from anyglot.models.pretrained.layout import TensorLayout
from anyglot.models.pretrained.locate import local_folder
from anyglot.models.pretrained.tensor_files import Checkpoint
from anyglot.models.store import is_model_folder, load_config

Side = Literal["encoder", "decoder"]
Attention = Literal["self", "cross"]
MATRICES = ("K", "Q", "V", "Out", "FC1", "FC2")
"""In the order of the paper's tables 2 and 5."""

_MATRIX = {"key": "K", "query": "Q", "value": "V", "output": "Out", "up": "FC1", "down": "FC2"}
# Prefixes: an encoder alone has none, a prompted model has that of its frozen part.
_FRONT = r"(?:(encoder|decoder|language_model)\.)?"
_WEIGHT = re.compile(
    _FRONT + r"stack\.blocks\.(\d+)\.(self_attention|cross_attention|feedforward)\.inner\."
    r"(key|query|value|output|up|down)\.weight"
)
_NORM = re.compile(_FRONT + r"stack\.blocks\.(\d+)\.(self_attention|cross_attention|feedforward)\.norm\.weight")
_OUTER_NORM = re.compile(_FRONT + r"(stack\.final_norm|embeddings\.norm)\.weight")


@dataclass(frozen=True, order=True)
class Place:
    """Where a matrix or a norm's gains stand.

    Attributes:
        side: encoder or decoder; a language model's blocks are a decoder's.
        layer: From 0; -1 for the norm of the embeddings, and one more than the last block for the stack's final norm.
        part: "self", "cross" or "feedforward"; of an outer norm "embeddings" or "final".
        matrix: K, Q, V, Out, FC1, FC2, or "gains".
    """

    side: Side
    layer: int
    part: str
    matrix: str

    @property
    def column(self) -> str:
        """What tables call the matrix: K, or "cross K"."""
        return f"cross {self.matrix}" if self.part == "cross" else self.matrix


@dataclass(frozen=True)
class WeightFiles:
    """A checkpoint's matrices.

    Attributes:
        label: What tables call it.
        folder: Where it lies.
        family: transformers' model_type, or that of the checkpoint it was made from.
        matrices: Place -> name in the files.
        gains: Place of a norm -> name in the files.
        missing: Files that the index names and that are not there.
        layout: How the files lay tensors out.
    """

    label: str
    folder: Path
    family: str
    matrices: dict[Place, str]
    gains: dict[Place, str]
    missing: tuple[str, ...]
    layout: TensorLayout

    def layers(self, side: Side) -> int:
        """Blocks of a side; 0 if it has none."""
        return 1 + max((place.layer for place in self.matrices if place.side == side), default=-1)

    def read(self, places: dict[Place, str]) -> Iterator[tuple[Place, Tensor]]:
        """Matrices in float32, layer by layer.

        The files are opened anew for each layer: what is mapped into memory is given back when they are closed, so that
        a checkpoint larger than memory can be read.
        """
        blocks: dict[tuple[Side, int], list[Place]] = {}
        for place in sorted(places):
            blocks.setdefault((place.side, place.layer), []).append(place)
        for block in blocks.values():
            with Checkpoint(self.folder, self.layout, partial=True) as checkpoint:
                for place in block:
                    yield place, checkpoint.tensor(places[place])


def find_weights(name_or_folder: str | Path, label: str | None = None) -> WeightFiles:
    """Find the matrices of a folder of ours, of a transformers folder, or of a hub name.

    Only names and shapes are read. Where some of many files are missing the rest is found, and `missing` names them.

    Raises:
        UserError: There is no model at this place, it is damaged, its family is not supported, or it has no matrices.
    """
    folder = local_folder(name_or_folder)
    opened = _ours(folder) if is_model_folder(folder) else _foreign(folder)
    family, alone, names, missing, layout = opened
    matrices: dict[Place, str] = {}
    gains: dict[Place, str] = {}
    for ours, stored in names.items():
        if (place := _matrix(ours, alone)) is not None:
            matrices[place] = stored
        elif (place := _gains(ours, alone)) is not None:
            gains[place] = stored
    if not matrices:
        lacking = f" ({', '.join(missing)} of its files are missing)" if missing else ""
        raise UserError(f"{folder} holds no attention or feed-forward matrices{lacking}; name the folder of a model")
    gains = _numbered(gains, matrices)
    return WeightFiles(label or folder.name, folder, family, matrices, gains, missing, layout)


_Opened = tuple[str, Side, dict[str, str], tuple[str, ...], TensorLayout]


def _ours(folder: Path) -> _Opened:
    config = load_config(folder)
    with Checkpoint(folder, partial=True) as checkpoint:
        names = {name: name for name in checkpoint.names}
        return config.family, _side_alone(config.kind), names, checkpoint.missing, TensorLayout()


def _foreign(folder: Path) -> _Opened:
    raw = read_json(folder)
    origin = str(folder / CONFIG)
    family = find_family(raw, origin)
    refuse_unsupported(raw, origin, family.settings)
    with Checkpoint(folder, family.layout, partial=True) as checkpoint:
        bare = {family.prefix.remove(name): name for name in checkpoint.names}
        tensor: Callable[[str], Tensor] = lambda name: checkpoint.tensor(bare[name])  # noqa: E731
        try:
            config = family.read(raw, Contents(origin, frozenset(bare), tensor), False)
        except ValidationError as error:
            raise UserError(f"{origin}: {first_problem(error)}") from None
        table = family.table(config)
        names = {ours: stored for name, stored in bare.items() if (ours := table.ours(name)) is not None}
        return family.model_type, _side_alone(config.kind), names, checkpoint.missing, family.layout


def _side_alone(kind: str) -> Side:
    """What a stack without a prefix is."""
    return "decoder" if "language-model" in kind else "encoder"


def _side(front: str | None, alone: Side) -> Side:
    return "encoder" if front == "encoder" else "decoder" if front else alone


def _part(module: str) -> str:
    return {"self_attention": "self", "cross_attention": "cross"}.get(module, module)


def _matrix(name: str, alone: Side) -> Place | None:
    found = _WEIGHT.fullmatch(name)
    if found is None:
        return None
    return Place(_side(found[1], alone), int(found[2]), _part(found[3]), _MATRIX[found[4]])


def _gains(name: str, alone: Side) -> Place | None:
    if (found := _NORM.fullmatch(name)) is not None:
        return Place(_side(found[1], alone), int(found[2]), _part(found[3]), "gains")
    if (found := _OUTER_NORM.fullmatch(name)) is not None:
        return Place(_side(found[1], alone), -1, "final" if "final" in found[2] else "embeddings", "gains")
    return None


def _numbered(gains: dict[Place, str], matrices: dict[Place, str]) -> dict[Place, str]:
    """Final norms behind the last block of their side."""
    last = {side: max(place.layer for place in matrices if place.side == side) for side in {p.side for p in matrices}}
    return {
        Place(place.side, last.get(place.side, 0) + 1, "final", "gains") if place.part == "final" else place: name
        for place, name in gains.items()
    }

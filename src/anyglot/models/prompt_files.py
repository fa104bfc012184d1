"""Prompts alone: what trains in SGA, saved without the encoder it trains over, and put in front of that encoder again.

prompts.json            format, the base's key, and the config of the whole
prompts.safetensors     prompts, projections and length head: a few MB where the base may be gigabytes
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn

from anyglot.errors import UserError
from anyglot.models.build import build_prompted_encoder
from anyglot.models.config import EncoderConfig, ModelConfig, PromptedEncoderConfig
from anyglot.models.empty import blank
from anyglot.models.encoder import Encoder
from anyglot.models.fingerprint import weights_fingerprint
from anyglot.models.prompted import PromptedEncoder
from anyglot.models.restrict import restrict_output
from anyglot.models.store import OUTPUT_ROWS, assign, current_config, load_tensors, parameters_of, row_count
from anyglot.runtime import hashes
from anyglot.runtime.files import write_json, write_tensors
from anyglot.runtime.untrusted_files import is_there, read_json

FOLDER = "prompts"
"""Where they lie in the folder of a run."""
FILE = "prompts.json"
WEIGHTS = "prompts.safetensors"
FORMAT = "anyglot-prompts-1"
_BASE = "encoder."
Part = TypeVar("Part", bound=nn.Module)
# What two encoders may differ in and still be one base: dropout is over, the first position's row goes with prompts,
# and a segment row is part of the base's key.
_OF_NO_ACCOUNT = ("dropout", "attention_dropout", "activation_dropout", "position_offset", "segments")


@dataclass(frozen=True)
class SavedPrompts:
    """What a folder of prompts holds.

    Args:
        folder: Where they come from, for the errors.
        config: Of the model they made; its encoder is the base's.
        base_key: `weights_fingerprint` of the base they were trained over.
        tensors: By their names in the model.
    """

    folder: Path
    config: PromptedEncoderConfig
    base_key: str
    tensors: dict[str, Tensor]


def save_prompts(model: PromptedEncoder, folder: Path) -> None:
    """Write all of a model but its encoder; each file appears whole or not at all.

    Raises:
        UserError: The disk is full, or the folder cannot be written.
    """
    own = {name: tensor for name, tensor in parameters_of(model).items() if not name.startswith(_BASE)}
    if model.output.rows is not None:
        own[OUTPUT_ROWS] = model.output.rows.ids
    write_tensors(folder / WEIGHTS, own, {"format": FORMAT})
    config = current_config(model).model_dump(mode="json")
    document = {"format": FORMAT, "base": weights_fingerprint(model.encoder), "config": config}
    write_json(folder / FILE, document)


def load_prompts(folder: Path | str) -> SavedPrompts:
    """Read a folder of prompts, or that of a run with such prompts in it.

    Raises:
        UserError: There are none, or they are damaged.
    """
    folder = Path(folder)
    if not is_there(folder / FILE) and is_there(folder / FOLDER / FILE):
        folder = folder / FOLDER
    hashes.check(folder)
    path = folder / FILE
    try:
        raw: Any = read_json(path)
    except FileNotFoundError:
        raise UserError(
            f"{folder} holds no {FILE}, so there are no prompts in it: name the folder of an SGA run, or one "
            "of `anyglot model export RUN --to prompts`."
        ) from None
    if not isinstance(raw, dict) or raw.get("format") != FORMAT or not isinstance(raw.get("base"), str):
        raise UserError(f"{path} is not a file of prompts of this package (format {FORMAT}).")
    try:
        config: ModelConfig = TypeAdapter(ModelConfig).validate_python(raw.get("config"))
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"{path} is damaged: {'.'.join(map(str, first['loc']))}: {first['msg']}.") from None
    if not isinstance(config, PromptedEncoderConfig):
        raise UserError(
            f"{path} describes a model of the kind {config.kind}, which is not made by prompts over a base."
        )
    return SavedPrompts(folder, config, raw["base"], load_tensors(folder / WEIGHTS))


def prompted(base: Encoder, saved: SavedPrompts, origin: str, base_key: str) -> PromptedEncoder:
    """Put prompts in front of an encoder. Its tensors are shared, not copied, and it is itself left as it is.

    Args:
        base: May be prepared for translating already; the prompts are then as they were saved, and to be prepared.
        origin: What the base is called, for the errors.
        base_key: `weights_fingerprint` of the base as it was before it was prepared.

    Raises:
        UserError: The base has another shape or no language head, or the tensors do not fit the config.

    Warns:
        UserWarning: The base has the right shape and other weights.
    """
    _refuse_another_shape(base, saved, origin)
    if base_key != saved.base_key:
        warnings.warn(
            f"the prompts in {saved.folder} were trained over another encoder than {origin}, of the same shape: what "
            "they write over this one may be of no use.",
            UserWarning,
            stacklevel=3,
        )
    encoder = _apart(base, saved.config.encoder.embeddings.position_offset)
    tensors = dict(saved.tensors)
    rows = tensors.pop(OUTPUT_ROWS, None)
    # The base keeps its own skips; which they were is part of its key.
    config = saved.config.model_copy(update={"encoder": encoder.config, "output_rows": None, "dropped_skips": ()})
    with blank():
        model = build_prompted_encoder(config, encoder)
    parts = {name: part for name, part in model.named_children() if part is not encoder}
    assign(
        nn.ModuleDict(parts), {name: tensor.float() for name, tensor in tensors.items()}, str(saved.folder / WEIGHTS)
    )
    if row_count(rows, str(saved.folder / WEIGHTS)) != saved.config.output_rows:
        raise UserError(f"{saved.folder / WEIGHTS} does not hold the output rows that {FILE} tells of.")
    if rows is not None:
        restrict_output(model, rows, str(saved.folder))
    return model.eval()


def _refuse_another_shape(base: Encoder, saved: SavedPrompts, origin: str) -> None:
    wanted, found = (dict(_sizes(config)) for config in (saved.config.encoder, base.config))
    differing = [name for name in wanted if wanted[name] != found[name]]
    if differing:
        told = ", ".join(f"{name} {wanted[name]}, not {found[name]}" for name in differing[:4])
        raise UserError(
            f"the prompts in {saved.folder} do not fit {origin}: they were trained over an encoder of {told}; name the "
            "base they were trained over."
        )
    if base.head is None:
        raise UserError(f"{origin} has no language head to write with: name an encoder that was saved with its own.")


def _sizes(config: EncoderConfig) -> Iterator[tuple[str, Any]]:
    parts: tuple[tuple[str, Mapping[str, Any]], ...] = (
        ("", config.stack.model_dump(exclude={"cross_attention"})),
        ("embeddings.", config.embeddings.model_dump()),
    )
    for front, values in parts:
        yield from ((front + name, value) for name, value in values.items() if name not in _OF_NO_ACCOUNT)


def _apart(base: Encoder, offset: int) -> Encoder:
    """An encoder of the same tensors whose first position and kept output rows may be others."""
    embeddings = _twin(base.embeddings)
    config = base.config.model_copy(update={"pooler": False})
    if embeddings.positions is not None:
        embeddings.positions = _twin(embeddings.positions)
        embeddings.positions.offset = offset
        sizes = config.embeddings.model_copy(update={"position_offset": offset})
        config = config.model_copy(update={"embeddings": sizes})
    assert base.head is not None  # refused before
    head = _twin(base.head)
    head.output = _twin(head.output)
    head.output.restrict(None)
    return Encoder(config, embeddings=embeddings, stack=base.stack, head=head, pooler=None)


def _twin(module: Part) -> Part:
    """A module of the same parts and tensors, whose plain attributes may be changed without changing the other's."""
    twin = copy.copy(module)
    for kind in ("_modules", "_parameters", "_buffers"):
        setattr(twin, kind, dict(getattr(module, kind)))
    return twin

"""A model folder: config.json and model.safetensors, written atomically, read with distrust."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from anyglot.errors import UserError
from anyglot.models.build import Model, build, dropped_skips
from anyglot.models.config import Config, EncoderConfig, ModelConfig
from anyglot.models.empty import blank
from anyglot.models.encoder import Encoder
from anyglot.models.restrict import restrict_output
from anyglot.runtime import hashes
from anyglot.runtime.files import write_json, write_tensors
from anyglot.runtime.untrusted_files import DAMAGE, check_regular, read_json

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
FORMAT = "anyglot-1"
# transformers' name for each kind of model: its Auto classes look it up in config.json (see hub/).
MODEL_TYPES = {
    "encoder": "anyglot-encoder",
    "encoder-decoder": "anyglot",
    "prompted-encoder": "anyglot-prompted-encoder",
    "parallel-encoder-decoder": "anyglot-parallel",
    "language-model": "anyglot-language-model",
    "prompted-language-model": "anyglot-prompted-language-model",
}
# What transformers writes beside our keys when it saves a model of ours.
_THEIR_KEYS = ("model_type", "architectures", "dtype", "transformers_version")
OUTPUT_ROWS = "output.rows.ids"


def current_config(model: Model) -> Config:
    """The model's config with what edits have changed since it was built."""
    changes: dict[str, object] = {"dropped_skips": dropped_skips(model)}
    if not isinstance(model, Encoder):
        rows = model.output.rows
        changes["output_rows"] = None if rows is None else len(rows)
    return model.config.model_copy(update=changes)


def config_document(model: Model) -> dict[str, Any]:
    """What config.json of this model says."""
    config = current_config(model)
    return {"format": FORMAT, "model_type": MODEL_TYPES[config.kind], **config.model_dump(mode="json")}


def parameters_of(model: nn.Module) -> dict[str, Tensor]:
    """Every parameter once, under its first name: a shared matrix is stored a single time."""
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


def save_model(model: Model, folder: Path | str) -> None:
    """Write config and weights into a folder; each file appears whole or not at all.

    Raises:
        UserError: The disk is full, or the folder cannot be written.
    """
    folder = Path(folder)
    tensors = parameters_of(model)
    if not isinstance(model, Encoder) and model.output.rows is not None:
        tensors[OUTPUT_ROWS] = model.output.rows.ids
    write_tensors(folder / WEIGHTS, tensors, {"format": FORMAT})
    write_json(folder / CONFIG, config_document(model))


def is_model_folder(folder: Path | str) -> bool:
    """Whether the folder holds a model of ours (and not, say, one of transformers')."""
    path = Path(folder) / CONFIG
    try:
        config = read_json(path)
    except (FileNotFoundError, UserError):
        return False
    return isinstance(config, dict) and config.get("format") == FORMAT


def load_config(folder: Path | str) -> Config:
    """Read and check config.json."""
    path = Path(folder) / CONFIG
    try:
        raw = read_json(path)
    except FileNotFoundError:
        raise UserError(
            f"{folder} holds no {CONFIG}, so it is no model folder. Name the folder of a finished run."
        ) from None
    if not isinstance(raw, dict) or raw.pop("format", None) != FORMAT:
        raise UserError(f"{path} is not a config of this package (format {FORMAT}).")
    raw = {key: value for key, value in raw.items() if key not in _THEIR_KEYS}
    try:
        config: Config = TypeAdapter(ModelConfig).validate_python(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{path} is damaged: {where}: {first['msg']}.") from None
    return config


def kept_rows(folder: Path | str) -> Tensor | None:
    """The rows that the output of a folder's model is restricted to, (C,) int64; None: it writes every token.

    None too for what is no folder of this package: no other format restricts an output.

    Raises:
        UserError: The weights are damaged.
    """
    path = Path(folder).expanduser() / WEIGHTS
    if not is_model_folder(path.parent):
        return None
    config = load_config(path.parent)
    if isinstance(config, EncoderConfig) or config.output_rows is None:
        return None
    try:
        check_regular(path)
        with safe_open(path, framework="pt") as tensors:
            rows: Tensor = tensors.get_tensor(OUTPUT_ROWS)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} is damaged or not safetensors: {error}.") from None
    return rows


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file; nothing else is accepted."""
    try:
        check_regular(path)
        tensors: dict[str, Tensor] = load_file(path)
    except FileNotFoundError:
        raise UserError(f"{path.parent} holds no {path.name}. Was the training ended?") from None
    except (OSError, SafetensorError, *DAMAGE) as error:
        raise UserError(f"{path} is damaged or not safetensors: {error}.") from None
    return tensors


def load_model(folder: Path | str) -> Model:
    """Build the model of a folder with its weights, in eval mode and float32."""
    folder = Path(folder)
    hashes.check(folder)
    return assemble(load_config(folder), load_tensors(folder / WEIGHTS), str(folder / WEIGHTS))


def assemble(config: Config, tensors: dict[str, Tensor], origin: str) -> Model:
    """Build a model with the values that a folder's weights, or a checkpoint's, hold.

    Args:
        origin: Where they come from, for the error.

    Raises:
        UserError: They do not fit the config.
    """
    tensors = dict(tensors)
    rows = tensors.pop(OUTPUT_ROWS, None)
    tensors = {name: tensor.float() for name, tensor in tensors.items()}
    with blank():
        model = build(config)
    assign(model, tensors, origin)
    wanted = None if isinstance(config, EncoderConfig) else config.output_rows
    found = row_count(rows, origin)
    if found != wanted:
        raise UserError(
            f"{origin} does not fit its config: it holds {'no' if found is None else found} output rows, "
            f"the config asks for {wanted}."
        )
    if rows is not None and not isinstance(model, Encoder):
        restrict_output(model, rows, origin)
    return model.eval()


def row_count(rows: Tensor | None, origin: str) -> int | None:
    """How many output rows a file of weights holds; None: it holds none.

    Raises:
        UserError: They are no list of ids.
    """
    if rows is None:
        return None
    if rows.dim() != 1 or rows.is_floating_point() or rows.is_complex() or rows.dtype == torch.bool:
        raise UserError(f"{origin} is damaged: its output rows are {rows.dtype} of shape {tuple(rows.shape)}, no ids.")
    return len(rows)


def assign(model: nn.Module, tensors: dict[str, Tensor], origin: str) -> None:
    """Give a model, built on any device, these values; names and shapes must match one to one.

    Raises:
        UserError: names the first tensors that are missing, unexpected or of another shape.
    """
    own = dict(model.named_parameters())
    missing = sorted(own.keys() - tensors.keys())
    unexpected = sorted(tensors.keys() - own.keys())
    if missing or unexpected:
        raise UserError(
            f"{origin} does not fit its config: {len(missing)} tensors missing {missing[:3]}, "
            f"{len(unexpected)} unexpected {unexpected[:3]}."
        )
    for name, parameter in own.items():
        if parameter.shape != tensors[name].shape:
            raise UserError(
                f"{origin}: {name} has shape {tuple(tensors[name].shape)}, "
                f"the config asks for {tuple(parameter.shape)}."
            )
    replaced = {id(parameter): nn.Parameter(tensors[name], parameter.requires_grad) for name, parameter in own.items()}
    for module in model.modules():
        for key, old in list(module._parameters.items()):
            if old is not None:
                module._parameters[key] = replaced[id(old)]
        for key, buffer in list(module._buffers.items()):
            if buffer is not None and buffer.is_meta:
                raise ValueError(f"buffer {key} of {type(module).__name__} was left on the meta device")

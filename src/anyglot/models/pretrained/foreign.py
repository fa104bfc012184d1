"""A config.json written by others: only the keys we know, with types and ranges checked, are let through."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from anyglot.errors import UserError
from anyglot.models.config import Activation, Probability
from anyglot.runtime.untrusted_files import read_json as read_guarded

CONFIG = "config.json"

Layers = Annotated[int, Field(ge=1, le=1000)]
Heads = Annotated[int, Field(ge=1, le=1024)]
Id = Annotated[int, Field(ge=0, le=10_000_000)]
Epsilon = Annotated[float, Field(gt=0, lt=1)]
Dropout = Probability

# Settings that change the arithmetic, with the values under which ours is the same; an absent key is fine.
SUPPORTED: dict[str, tuple[object, ...]] = {
    "position_embedding_type": ("absolute",),
    "is_decoder": (False,),
    "add_cross_attention": (False,),
    "tie_word_embeddings": (True,),
    "quantization_config": (),
    "auto_map": (),
    "pruned_heads": ({},),
    "normalize_before": (True,),
    "normalize_embedding": (True,),
    "add_final_layer_norm": (True,),
    "add_bias_logits": (False,),
    "static_position_embeddings": (False,),
    "extra_pos_embeddings": (2,),
}

# transformers has several names and formulas for two functions.
ACTIVATIONS: dict[str, Activation] = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_accurate": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
ACTIVATION_NAMES: dict[Activation, str] = {
    "gelu": "gelu",
    "gelu_tanh": "gelu_pytorch_tanh",
    "relu": "relu",
    "silu": "swish",
}


class ForeignConfig(BaseModel):
    """Keys of a config.json that matter; others are not looked at."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


Parsed = TypeVar("Parsed", bound=ForeignConfig)


def read_json(folder: Path) -> dict[str, Any]:
    """The object in a folder's config.json; keys that are null count as absent.

    Raises:
        UserError: no such file, or no JSON object.
    """
    path = folder / CONFIG
    try:
        raw = read_guarded(path)
    except FileNotFoundError:
        raise UserError(f"{folder} holds no {CONFIG}, so it is no model folder. Name the folder of a model.") from None
    if not isinstance(raw, dict):
        raise UserError(f"{path} holds no JSON object. Copy or download it again.")
    return {key: value for key, value in raw.items() if value is not None}


def refuse_unsupported(raw: Mapping[str, Any], origin: str, family: Mapping[str, tuple[object, ...]]) -> None:
    """Raise UserError for the first setting whose arithmetic we do not have; `family` overrides `SUPPORTED`."""
    for key, values in {**SUPPORTED, **family}.items():
        if key in raw and raw[key] not in values:
            allowed = " or ".join(repr(value) for value in values) or "absent"
            raise UserError(f"{origin} sets {key} to {raw[key]!r:.60}, which is not supported; it must be {allowed}.")


def parse(kind: type[Parsed], raw: Mapping[str, Any], origin: str) -> Parsed:
    """The keys that matter, checked."""
    try:
        return kind.model_validate(dict(raw))
    except ValidationError as error:
        raise UserError(f"{origin}: {first_problem(error)}") from None


def first_problem(error: ValidationError) -> str:
    """The first of pydantic's complaints as one sentence."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    found = "" if first["type"] == "missing" else f", found {first['input']!r:.60}"
    return f"{where or 'config'}: {first['msg']}{found}."


def activation(name: str, origin: str) -> Activation:
    """Our name of an activation function."""
    if name not in ACTIVATIONS:
        raise UserError(f"{origin} asks for the activation {name!r:.60}; supported are {', '.join(ACTIVATIONS)}.")
    return ACTIVATIONS[name]

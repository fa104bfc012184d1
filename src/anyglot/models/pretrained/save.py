"""A model of ours as a transformers folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from torch import Tensor

from anyglot.errors import UserError
from anyglot.models.encoder import Encoder
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.language import LanguageModel
from anyglot.models.pretrained.families import FAMILIES
from anyglot.models.pretrained.family import Config, Contents, Family
from anyglot.models.pretrained.foreign import CONFIG
from anyglot.models.pretrained.tensor_files import WHOLE
from anyglot.models.store import current_config, parameters_of
from anyglot.runtime.files import write_json, write_tensors

# What the comparison of configs passes over: training settings, and a segment table that zeros stand in for.
_UNCOMPARED = ("family", "dropout", "attention_dropout", "activation_dropout", "segments")


def save_pretrained(
    model: Encoder | EncoderDecoder | LanguageModel, folder: Path | str, family: str | None = None
) -> None:
    """Write config.json and model.safetensors so that transformers opens the folder.

    The class to open it with stands under "architectures" in config.json. Generation settings, tokenizer files and
    heads that were left behind when the model was loaded are not written.

    A masked-language head is written with its encoder, so that its pretraining can go on there.

    Args:
        family: transformers' model_type. When absent that the model came from; of a pre-norm encoder in XLM-R's layout,
            as pretraining here may build one, XLM-R's pre-norm relative with or without a norm on the embeddings.

    Raises:
        UserError: the family is unknown or cannot express the model, or the folder cannot be written.
    """
    config = current_config(model)
    assert isinstance(config, Config)  # as the model's type says
    named = family or _own_family(config)
    chosen = FAMILIES.get(named)
    if chosen is None:
        raise UserError(f"no transformers family is known as '{named}'. Supported are {', '.join(FAMILIES)}.")
    fields = _expressed(chosen, config)
    tensors = _renamed(chosen, config, parameters_of(model))
    write_tensors(Path(folder) / WHOLE, tensors, {"format": "pt"})
    write_json(Path(folder) / CONFIG, fields)


def _own_family(config: Config) -> str:
    if config.kind != "encoder" or config.family != "xlm-roberta" or not config.stack.norm_first:
        return config.family
    return "roberta-prelayernorm" if config.embeddings.norm else "xlm-roberta-xl"


def _expressed(family: Family, config: Config) -> dict[str, Any]:
    """The family's config.json, proved to mean this model: reading it back gives the same config."""
    if config.dropped_skips:
        raise UserError(
            f"the model drops the skip of {config.dropped_skips[0]}, which transformers' {family.model_type} cannot "
            f"express. Keep it in this package's own format."
        )
    if config.kind == "encoder" and config.stack.cross_attention:
        raise UserError(
            f"the model's blocks have a cross-attention, which transformers' {family.model_type} has no place for. "
            f"Save it without (models/extraction.py: without_cross_attention), or keep this package's own format."
        )
    fields = family.write(config)
    table = family.table(config)
    heads = {table.theirs(name) or "" for name in _head_parameters(config)}

    def no_tensor(name: str) -> Tensor:
        raise AssertionError(name)

    contents = Contents(family.model_type, frozenset(heads), no_tensor)
    back = family.read(fields, contents, False)
    before, after = dict(_flat(config)), dict(_flat(back))
    for key, value in before.items():
        if key == "output_bias":  # stands in the weights, not in the config
            continue
        if key.rsplit(".", 1)[-1] not in _UNCOMPARED and after.get(key) != value:
            raise UserError(
                f"the model cannot be saved as {family.model_type}: it has {key}={value!r}, which would become "
                f"{after.get(key)!r}. Keep it in this package's own format or choose another family."
            )
    return {"tie_word_embeddings": True} | fields | {"dtype": "float32"}


def _head_parameters(config: Config) -> list[str]:
    if config.kind != "encoder":
        return []
    present = (("head.dense.weight", config.language_head), ("pooler.dense.weight", config.pooler))
    return [name for name, there in present if there]


def _flat(config: BaseModel, front: str = "") -> Iterator[tuple[str, object]]:
    """Dotted key and value of every field."""
    for key in type(config).model_fields:
        value = getattr(config, key)
        if isinstance(value, BaseModel):
            yield from _flat(value, f"{front}{key}.")
        else:
            yield front + key, value


def _renamed(family: Family, config: Config, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    table = family.table(config)
    tensors: dict[str, Tensor] = {}
    for name, tensor in parameters.items():
        theirs = table.theirs(name)
        if theirs is None:
            raise UserError(f"the model's {name} has no place in transformers' {family.model_type}.")
        tensors[theirs] = tensor
    for name, tensor in family.fillers(config).items():
        tensors[name] = tensor
    tensors = family.layout.put_in(tensors)
    add = family.prefix.add if family.has_head(config) else str
    return {
        add(name): (tensor[None] if name in family.row_vectors else tensor).contiguous().cpu()
        for name, tensor in tensors.items()
    }

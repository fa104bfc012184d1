"""Families of causal language models: GPT-2 (also mGPT)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from anyglot.errors import UserError
from anyglot.models.config import EmbeddingsConfig, LanguageModelConfig, StackConfig
from anyglot.models.pretrained.family import Config, Contents, Family
from anyglot.models.pretrained.foreign import (
    ACTIVATION_NAMES,
    Dropout,
    Epsilon,
    ForeignConfig,
    Heads,
    Id,
    Layers,
    activation,
    parse,
)
from anyglot.models.pretrained.layout import TensorLayout
from anyglot.models.pretrained.rename import Prefix, Rule, Table

_BLOCK, _OURS = "h.{layer}.", "stack.blocks.{layer}."
_ATTENTION, _OUR_ATTENTION = _BLOCK + "attn.", _OURS + "self_attention.inner."
_PARTS = ("query", "key", "value")
_TABLE = Table(
    (
        Rule("wte.weight", "embeddings.tokens.weight"),
        Rule("wpe.weight", "embeddings.positions.table.weight"),
        *(Rule(f"{_ATTENTION}c_attn.{part}.{{part}}", f"{_OUR_ATTENTION}{part}.{{part}}") for part in _PARTS),
        Rule(_ATTENTION + "c_proj.{part}", _OUR_ATTENTION + "output.{part}"),
        Rule(_BLOCK + "ln_1.{part}", _OURS + "self_attention.norm.{part}"),
        Rule(_BLOCK + "mlp.c_fc.{part}", _OURS + "feedforward.inner.up.{part}"),
        Rule(_BLOCK + "mlp.c_proj.{part}", _OURS + "feedforward.inner.down.{part}"),
        Rule(_BLOCK + "ln_2.{part}", _OURS + "feedforward.norm.{part}"),
        Rule("ln_f.{part}", "stack.final_norm.{part}"),
    ),
    copies={"lm_head.weight": "wte.weight"},
    dropped=("h.*.attn.bias", "h.*.attn.masked_bias"),  # causal masks of older files
)
_SETTINGS: dict[str, tuple[object, ...]] = {
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "reorder_and_upcast_attn": (False, True),  # the same sums in another precision
}


class LanguageModelFile(ForeignConfig):
    """The keys of GPT-2's config.json that matter, and what transformers fills in."""

    vocab_size: Id
    n_positions: Id
    n_embd: Id
    n_layer: Layers
    n_head: Heads
    n_inner: Id | None = None
    activation_function: str = "gelu_new"
    resid_pdrop: Dropout = 0.1
    embd_pdrop: Dropout = 0.1
    attn_pdrop: Dropout = 0.1
    layer_norm_epsilon: Epsilon = 1e-5
    eos_token_id: Id = 50256
    pad_token_id: Id | None = None


def _read(model_type: str, raw: Mapping[str, Any], contents: Contents, encoder_only: bool) -> LanguageModelConfig:
    origin = contents.origin
    if encoder_only:
        raise UserError(f"{origin} is a language model ({model_type}) without an encoder: name a model that has one.")
    file = parse(LanguageModelFile, raw, origin)
    # What pads is never looked at, so a model without a token of its own for it takes one that it has.
    padding = file.eos_token_id if file.pad_token_id is None else file.pad_token_id
    return LanguageModelConfig(
        family=model_type,
        embeddings=EmbeddingsConfig(
            vocabulary_size=file.vocab_size,
            width=file.n_embd,
            positions="learned",
            position_rows=file.n_positions,
            position_offset=0,
            norm=False,
            epsilon=file.layer_norm_epsilon,
            dropout=file.embd_pdrop,
        ),
        stack=StackConfig(
            layers=file.n_layer,
            width=file.n_embd,
            heads=file.n_head,
            feedforward_width=4 * file.n_embd if file.n_inner is None else file.n_inner,
            activation=activation(file.activation_function, origin),
            norm_first=True,
            epsilon=file.layer_norm_epsilon,
            dropout=file.resid_pdrop,
            attention_dropout=file.attn_pdrop,
        ),
        padding_id=padding,
        start_id=file.eos_token_id,
        end_id=file.eos_token_id,
    )


def _write(model_type: str, class_name: str, config: Config) -> dict[str, Any]:
    if not isinstance(config, LanguageModelConfig):
        raise UserError(f"a model of the kind '{config.kind}' cannot be saved as {model_type}, a language model.")
    return {
        "architectures": [class_name],
        "model_type": model_type,
        "vocab_size": config.embeddings.vocabulary_size,
        "n_positions": config.embeddings.position_rows,
        "n_embd": config.stack.width,
        "n_layer": config.stack.layers,
        "n_head": config.stack.heads,
        "n_inner": config.stack.feedforward_width,
        "activation_function": ACTIVATION_NAMES[config.stack.activation],
        "resid_pdrop": config.stack.dropout,
        "embd_pdrop": config.embeddings.dropout,
        "attn_pdrop": config.stack.attention_dropout,
        "layer_norm_epsilon": config.stack.epsilon,
        "bos_token_id": config.start_id,
        "eos_token_id": config.end_id,
        "pad_token_id": config.padding_id,
    }


def gpt2(model_type: str, class_name: str) -> Family:
    """GPT-2: pre-norm with a final norm, positions counted from 0, queries, keys and values in one, transposed."""
    return Family(
        model_type=model_type,
        prefix=Prefix("transformer.", heads=("lm_head.",)),
        read=partial(_read, model_type),
        write=partial(_write, model_type, class_name),
        table=lambda config: _TABLE,
        fillers=lambda config: {},
        has_head=lambda config: True,
        settings=_SETTINGS,
        layout=TensorLayout(transposed=frozenset({"c_attn", "c_proj", "c_fc"}), joined={"c_attn": _PARTS}),
    )

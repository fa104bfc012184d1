"""Encoder families: RoBERTa and XLM-R (also XLM-V, CamemBERT), XLM-R XL, pre-norm RoBERTa, BERT (also mBERT)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from anyglot.errors import UserError
from anyglot.models.config import EmbeddingsConfig, EncoderConfig, StackConfig
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
from anyglot.models.pretrained.rename import Prefix, Rule, Table

_TOKENS = "embeddings.word_embeddings.weight"
_SEGMENTS = "embeddings.token_type_embeddings.weight"
_BLOCK = "encoder.layer.{layer}."
_OURS = "stack.blocks.{layer}."

_COMMON = (
    Rule(_TOKENS, "embeddings.tokens.weight"),
    Rule("embeddings.position_embeddings.weight", "embeddings.positions.table.weight"),
    Rule(_SEGMENTS, "embeddings.segments.weight"),
    Rule(_BLOCK + "attention.self.query.{part}", _OURS + "self_attention.inner.query.{part}"),
    Rule(_BLOCK + "attention.self.key.{part}", _OURS + "self_attention.inner.key.{part}"),
    Rule(_BLOCK + "attention.self.value.{part}", _OURS + "self_attention.inner.value.{part}"),
    Rule(_BLOCK + "attention.output.dense.{part}", _OURS + "self_attention.inner.output.{part}"),
    Rule(_BLOCK + "intermediate.dense.{part}", _OURS + "feedforward.inner.up.{part}"),
    Rule(_BLOCK + "output.dense.{part}", _OURS + "feedforward.inner.down.{part}"),
    Rule("pooler.dense.{part}", "pooler.dense.{part}"),
)
_POST_NORMS = (
    Rule("embeddings.LayerNorm.{part}", "embeddings.norm.{part}"),
    Rule(_BLOCK + "attention.output.LayerNorm.{part}", _OURS + "self_attention.norm.{part}"),
    Rule(_BLOCK + "output.LayerNorm.{part}", _OURS + "feedforward.norm.{part}"),
)
_PRE_NORMS = (
    Rule(_BLOCK + "attention.self_attn_layer_norm.{part}", _OURS + "self_attention.norm.{part}"),
    Rule(_BLOCK + "LayerNorm.{part}", _OURS + "feedforward.norm.{part}"),
    Rule("encoder.LayerNorm.{part}", "stack.final_norm.{part}"),
)
_NORMS_BEFORE_DENSE = (
    Rule("embeddings.LayerNorm.{part}", "embeddings.norm.{part}"),
    Rule(_BLOCK + "attention.LayerNorm.{part}", _OURS + "self_attention.norm.{part}"),
    Rule(_BLOCK + "intermediate.LayerNorm.{part}", _OURS + "feedforward.norm.{part}"),
    Rule("LayerNorm.{part}", "stack.final_norm.{part}"),
)
_ROBERTA_HEAD = (
    Rule("lm_head.dense.{part}", "head.dense.{part}"),
    Rule("lm_head.layer_norm.{part}", "head.norm.{part}"),
    Rule("lm_head.bias", "head.output.bias"),
)
_BERT_HEAD = (
    Rule("cls.predictions.transform.dense.{part}", "head.dense.{part}"),
    Rule("cls.predictions.transform.LayerNorm.{part}", "head.norm.{part}"),
    Rule("cls.predictions.bias", "head.output.bias"),
)
# Buffers that can be computed, and heads of other tasks.
_DROPPED = ("embeddings.position_ids", "embeddings.token_type_ids", "classifier.*", "qa_outputs.*")
_ROBERTA_COPIES = {"lm_head.decoder.weight": _TOKENS, "lm_head.decoder.bias": "lm_head.bias"}
_BERT_COPIES = {"cls.predictions.decoder.weight": _TOKENS, "cls.predictions.decoder.bias": "cls.predictions.bias"}


class EncoderFile(ForeignConfig):
    """The keys of BERT's and RoBERTa's config.json that matter."""

    vocab_size: Id
    hidden_size: Id
    num_hidden_layers: Layers
    num_attention_heads: Heads
    intermediate_size: Id
    max_position_embeddings: Id
    type_vocab_size: Id = 2
    hidden_act: str = "gelu"
    hidden_dropout_prob: Dropout = 0.1
    attention_probs_dropout_prob: Dropout = 0.1
    layer_norm_eps: Epsilon | None = None
    pad_token_id: Id | None = None


@dataclass(frozen=True)
class Dialect:
    """Where the encoder families differ.

    Args:
        class_stem: What transformers' class names begin with.
        padding_id: Of a config that names none.
        epsilon: Of a config that names none.
        counts_from_padding: Whether the first position's row is the padding id plus one (fairseq), or 0 (BERT).
        norm_first: Pre-norm, or post-norm.
        embedding_norm: Whether the embeddings have a norm.
        head_key: A tensor that tells that there is a masked-language head.
        head_follows_stack: Whether the head's activation is that of the stack; else it is the exact GELU.
    """

    model_type: str
    class_stem: str
    table: Table
    padding_id: int
    epsilon: float
    counts_from_padding: bool
    norm_first: bool
    embedding_norm: bool
    head_key: str
    head_follows_stack: bool


def _read(dialect: Dialect, raw: Mapping[str, Any], contents: Contents, encoder_only: bool) -> EncoderConfig:
    origin = contents.origin
    file = parse(EncoderFile, raw, origin)
    padding = dialect.padding_id if file.pad_token_id is None else file.pad_token_id
    epsilon = dialect.epsilon if file.layer_norm_eps is None else file.layer_norm_eps
    function = activation(file.hidden_act, origin)
    head = dialect.head_key in contents.names
    if head and function != "gelu" and not dialect.head_follows_stack:
        raise UserError(
            f"{origin} has a masked-language head (exact GELU in this family) over a stack with {file.hidden_act}; "
            f"only one activation a model is supported. Save the encoder without its head."
        )
    return EncoderConfig(
        family=dialect.model_type,
        embeddings=EmbeddingsConfig(
            vocabulary_size=file.vocab_size,
            width=file.hidden_size,
            positions="learned",
            position_rows=file.max_position_embeddings,
            position_offset=padding + 1 if dialect.counts_from_padding else 0,
            segments=file.type_vocab_size,
            norm=dialect.embedding_norm,
            epsilon=epsilon,
            dropout=file.hidden_dropout_prob,
        ),
        stack=StackConfig(
            layers=file.num_hidden_layers,
            width=file.hidden_size,
            heads=file.num_attention_heads,
            feedforward_width=file.intermediate_size,
            activation=function,
            norm_first=dialect.norm_first,
            epsilon=epsilon,
            dropout=file.hidden_dropout_prob,
            attention_dropout=file.attention_probs_dropout_prob,
        ),
        language_head=head,
        pooler="pooler.dense.weight" in contents.names,
        padding_id=padding,
    )


def _write(dialect: Dialect, config: Config) -> dict[str, Any]:
    if not isinstance(config, EncoderConfig):
        raise UserError(f"an encoder-decoder cannot be saved as {dialect.model_type}, which is a family of encoders.")
    fields: dict[str, Any] = {
        "architectures": [dialect.class_stem + ("ForMaskedLM" if config.language_head else "Model")],
        "model_type": dialect.model_type,
        "vocab_size": config.embeddings.vocabulary_size,
        "hidden_size": config.stack.width,
        "num_hidden_layers": config.stack.layers,
        "num_attention_heads": config.stack.heads,
        "intermediate_size": config.stack.feedforward_width,
        "max_position_embeddings": config.embeddings.position_rows,
        "type_vocab_size": max(config.embeddings.segments, 1),
        "hidden_act": ACTIVATION_NAMES[config.stack.activation],
        "hidden_dropout_prob": config.stack.dropout,
        "attention_probs_dropout_prob": config.stack.attention_dropout,
        "layer_norm_eps": config.stack.epsilon,
        "pad_token_id": config.padding_id,
    }
    if dialect.counts_from_padding:  # fairseq's family: <s> 0, <pad> 1, </s> 2
        fields |= {"bos_token_id": 0, "eos_token_id": 2}
    return fields


def _fillers(config: Config) -> dict[str, Tensor]:
    """A segment table of zeros for an encoder that has none: transformers always adds its first row."""
    assert isinstance(config, EncoderConfig)
    return {} if config.embeddings.segments else {_SEGMENTS: torch.zeros(1, config.embeddings.width)}


def _has_head(config: Config) -> bool:
    return isinstance(config, EncoderConfig) and config.language_head


def _family(dialect: Dialect, prefix: Prefix) -> Family:
    return Family(
        model_type=dialect.model_type,
        prefix=prefix,
        read=partial(_read, dialect),
        write=partial(_write, dialect),
        table=lambda config: dialect.table,
        fillers=_fillers,
        has_head=_has_head,
    )


def roberta(model_type: str, class_stem: str) -> Family:
    """RoBERTa, XLM-R, XLM-V, CamemBERT: post-norm, positions from the padding id on."""
    dialect = Dialect(
        model_type=model_type,
        class_stem=class_stem,
        table=Table((*_COMMON, *_POST_NORMS, *_ROBERTA_HEAD), copies=_ROBERTA_COPIES, dropped=_DROPPED),
        padding_id=1,
        epsilon=1e-12,
        counts_from_padding=True,
        norm_first=False,
        embedding_norm=True,
        head_key="lm_head.dense.weight",
        head_follows_stack=False,
    )
    return _family(dialect, Prefix("roberta.", heads=("lm_head.",)))


def roberta_xl(model_type: str, class_stem: str) -> Family:
    """XLM-R XL and XXL: pre-norm, no norm on the embeddings."""
    dialect = Dialect(
        model_type=model_type,
        class_stem=class_stem,
        table=Table((*_COMMON, *_PRE_NORMS, *_ROBERTA_HEAD), copies=_ROBERTA_COPIES, dropped=_DROPPED),
        padding_id=1,
        epsilon=1e-5,
        counts_from_padding=True,
        norm_first=True,
        embedding_norm=False,
        head_key="lm_head.dense.weight",
        head_follows_stack=False,
    )
    return _family(dialect, Prefix("roberta.", heads=("lm_head.",)))


def roberta_prelayernorm(model_type: str, class_stem: str) -> Family:
    """RoBERTa with pre-norm blocks and a norm on the embeddings: what a pre-norm encoder trained here is."""
    dialect = Dialect(
        model_type=model_type,
        class_stem=class_stem,
        table=Table((*_COMMON, *_NORMS_BEFORE_DENSE, *_ROBERTA_HEAD), copies=_ROBERTA_COPIES, dropped=_DROPPED),
        padding_id=1,
        epsilon=1e-12,
        counts_from_padding=True,
        norm_first=True,
        embedding_norm=True,
        head_key="lm_head.dense.weight",
        head_follows_stack=False,
    )
    return _family(dialect, Prefix("roberta_prelayernorm.", heads=("lm_head.",)))


def bert(model_type: str, class_stem: str) -> Family:
    """BERT and mBERT: post-norm, positions from 0, two segments. The next-sentence head is left behind."""
    dropped = (*_DROPPED, "cls.seq_relationship.*")
    dialect = Dialect(
        model_type=model_type,
        class_stem=class_stem,
        table=Table((*_COMMON, *_POST_NORMS, *_BERT_HEAD), copies=_BERT_COPIES, dropped=dropped),
        padding_id=0,
        epsilon=1e-12,
        counts_from_padding=False,
        norm_first=False,
        embedding_norm=True,
        head_key="cls.predictions.transform.dense.weight",
        head_follows_stack=True,
    )
    return _family(dialect, Prefix("bert.", heads=("cls.",)))

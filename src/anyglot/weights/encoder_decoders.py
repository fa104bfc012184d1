"""Encoder-decoder families in fairseq's build: mBART (also mBART-50) and M2M-100 (also NLLB's dense models)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from anyglot.errors import UserError
from anyglot.models.config import EmbeddingsConfig, EncoderConfig, EncoderDecoderConfig, StackConfig
from anyglot.weights.family import Config, Contents, Family
from anyglot.weights.foreign import ACTIVATION_NAMES, Dropout, ForeignConfig, Heads, Id, Layers, activation, parse
from anyglot.weights.rename import Prefix, Rule, Table

_TOKENS = "shared.weight"
_BIAS = "final_logits_bias"
_COPIES = dict.fromkeys(("encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"), _TOKENS)
_EPSILON = 1e-5  # torch's default, which these families never change


class EncoderDecoderFile(ForeignConfig):
    """The keys of mBART's and M2M-100's config.json that matter."""

    vocab_size: Id
    d_model: Id
    encoder_layers: Layers
    decoder_layers: Layers
    encoder_attention_heads: Heads
    decoder_attention_heads: Heads
    encoder_ffn_dim: Id
    decoder_ffn_dim: Id
    max_position_embeddings: Id
    activation_function: str
    scale_embedding: bool
    dropout: Dropout = 0.1
    attention_dropout: Dropout = 0.0
    activation_dropout: Dropout = 0.0
    pad_token_id: Id = 1
    eos_token_id: Id = 2
    decoder_start_token_id: Id | None = None


@dataclass(frozen=True)
class Dialect:
    """Where the two differ.

    Args:
        learned: Learned positions and a norm on the embeddings (mBART), or sinusoidal and none (M2M-100).
    """

    model_type: str
    class_stem: str
    learned: bool


def _attention(theirs: str, ours: str) -> tuple[Rule, ...]:
    pairs = (("q_proj", "query"), ("k_proj", "key"), ("v_proj", "value"), ("out_proj", "output"))
    return (
        *(Rule(f"{theirs}.{one}.{{part}}", f"{ours}.inner.{other}.{{part}}") for one, other in pairs),
        Rule(f"{theirs}_layer_norm.{{part}}", f"{ours}.norm.{{part}}"),
    )


def _side(dialect: Dialect, side: str, ours: str) -> tuple[Rule, ...]:
    """Rules of the encoder or the decoder; `ours` is what stands in front of our names."""
    block, our_block = f"{side}.layers.{{layer}}.", ours + "stack.blocks.{layer}."
    rules = [
        *_attention(block + "self_attn", our_block + "self_attention"),
        Rule(block + "fc1.{part}", our_block + "feedforward.inner.up.{part}"),
        Rule(block + "fc2.{part}", our_block + "feedforward.inner.down.{part}"),
        Rule(block + "final_layer_norm.{part}", our_block + "feedforward.norm.{part}"),
        Rule(side + ".layer_norm.{part}", ours + "stack.final_norm.{part}"),
    ]
    if side == "decoder":
        rules += _attention(block + "encoder_attn", our_block + "cross_attention")
    if dialect.learned:
        rules += [
            Rule(side + ".embed_positions.weight", ours + "embeddings.positions.table.weight"),
            Rule(side + ".layernorm_embedding.{part}", ours + "embeddings.norm.{part}"),
        ]
    return tuple(rules)


def _table(dialect: Dialect, config: Config) -> Table:
    # Older M2M-100 files store the sinusoids, which can be computed.
    dropped = () if dialect.learned else ("encoder.embed_positions.weights", "decoder.embed_positions.weights")
    if isinstance(config, EncoderConfig):
        rules = (Rule(_TOKENS, "embeddings.tokens.weight"), *_side(dialect, "encoder", ""))
        return Table(rules, copies=_COPIES, dropped=(*dropped, "decoder.*", _BIAS))
    rules = (
        Rule(_TOKENS, "encoder.embeddings.tokens.weight"),
        *_side(dialect, "encoder", "encoder."),
        *_side(dialect, "decoder", "decoder."),
    )
    if config.output_bias:
        return Table((*rules, Rule(_BIAS, "output.bias")), copies=_COPIES, dropped=dropped)
    return Table(rules, copies=_COPIES, dropped=(*dropped, _BIAS))


def _read(dialect: Dialect, raw: Mapping[str, Any], contents: Contents, encoder_only: bool) -> Config:
    file = parse(EncoderDecoderFile, raw, contents.origin)
    embeddings = EmbeddingsConfig(
        vocabulary_size=file.vocab_size,
        width=file.d_model,
        positions="learned" if dialect.learned else "sinusoidal",
        position_rows=file.max_position_embeddings + 2,
        position_offset=2 if dialect.learned else file.pad_token_id + 1,
        norm=dialect.learned,
        scale="sqrt" if file.scale_embedding else "none",
        epsilon=_EPSILON,
        dropout=file.dropout,
    )

    def stack(layers: int, heads: int, feedforward_width: int, cross_attention: bool) -> StackConfig:
        return StackConfig(
            layers=layers,
            width=file.d_model,
            heads=heads,
            feedforward_width=feedforward_width,
            activation=activation(file.activation_function, contents.origin),
            norm_first=True,
            cross_attention=cross_attention,
            epsilon=_EPSILON,
            dropout=file.dropout,
            attention_dropout=file.attention_dropout,
            activation_dropout=file.activation_dropout,
        )

    encoder = EncoderConfig(
        family=dialect.model_type,
        embeddings=embeddings,
        stack=stack(file.encoder_layers, file.encoder_attention_heads, file.encoder_ffn_dim, False),
        padding_id=file.pad_token_id,
    )
    if encoder_only:
        return encoder
    return EncoderDecoderConfig(
        family=dialect.model_type,
        encoder=encoder,
        decoder_embeddings=embeddings,
        decoder=stack(file.decoder_layers, file.decoder_attention_heads, file.decoder_ffn_dim, True),
        # Nearly every file has the bias and nearly every bias is zero: such a one is left out, and written back.
        output_bias=_BIAS in contents.names and bool(contents.tensor(_BIAS).any()),
        padding_id=file.pad_token_id,
        start_id=file.eos_token_id if file.decoder_start_token_id is None else file.decoder_start_token_id,
        end_id=file.eos_token_id,
    )


def _write(dialect: Dialect, config: Config) -> dict[str, Any]:
    if not isinstance(config, EncoderDecoderConfig):
        raise UserError(
            f"an encoder alone cannot be saved as {dialect.model_type}: transformers opens whole models of this family "
            f"only. Keep the encoder in this package's own format."
        )
    if config.output_bias and not dialect.learned:
        raise UserError(f"the model's output bias cannot be saved: {dialect.model_type} has none.")
    return {
        "architectures": [dialect.class_stem + "ForConditionalGeneration"],
        "model_type": dialect.model_type,
        "is_encoder_decoder": True,
        "vocab_size": config.decoder_embeddings.vocabulary_size,
        "d_model": config.decoder.width,
        "encoder_layers": config.encoder.stack.layers,
        "decoder_layers": config.decoder.layers,
        "encoder_attention_heads": config.encoder.stack.heads,
        "decoder_attention_heads": config.decoder.heads,
        "encoder_ffn_dim": config.encoder.stack.feedforward_width,
        "decoder_ffn_dim": config.decoder.feedforward_width,
        "max_position_embeddings": max(config.decoder_embeddings.position_rows - 2, 1),
        "activation_function": ACTIVATION_NAMES[config.decoder.activation],
        "scale_embedding": config.decoder_embeddings.scale == "sqrt",
        "dropout": config.decoder.dropout,
        "attention_dropout": config.decoder.attention_dropout,
        "activation_dropout": config.decoder.activation_dropout,
        "pad_token_id": config.padding_id,
        "bos_token_id": 0,
        "eos_token_id": config.end_id,
        "decoder_start_token_id": config.start_id,
        "forced_eos_token_id": config.end_id,
    }


def _fillers(dialect: Dialect, config: Config) -> dict[str, Tensor]:
    """mBART's class keeps an output bias even when it is zero."""
    if not dialect.learned or not isinstance(config, EncoderDecoderConfig) or config.output_bias:
        return {}
    return {_BIAS: torch.zeros(config.decoder_embeddings.vocabulary_size)}


def _family(dialect: Dialect) -> Family:
    return Family(
        model_type=dialect.model_type,
        prefix=Prefix("model.", heads=("lm_head.", _BIAS)),
        read=partial(_read, dialect),
        write=partial(_write, dialect),
        table=partial(_table, dialect),
        tokens=_TOKENS,
        fillers=partial(_fillers, dialect),
        has_head=lambda config: True,
        row_vectors=frozenset({_BIAS}),
    )


def mbart(model_type: str, class_stem: str) -> Family:
    """mBART and mBART-50."""
    return _family(Dialect(model_type, class_stem, learned=True))


def m2m_100(model_type: str, class_stem: str) -> Family:
    """M2M-100 and NLLB's dense models."""
    return _family(Dialect(model_type, class_stem, learned=False))

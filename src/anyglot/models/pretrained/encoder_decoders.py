"""Encoder-decoder families: mBART (also mBART-50), M2M-100 (also NLLB's dense models) and Marian (opus-mt)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor

from anyglot.errors import UserError
from anyglot.models.config import EmbeddingsConfig, EncoderConfig, EncoderDecoderConfig, StackConfig
from anyglot.models.pretrained.family import Config, Contents, Family
from anyglot.models.pretrained.foreign import (
    ACTIVATION_NAMES,
    Dropout,
    ForeignConfig,
    Heads,
    Id,
    Layers,
    activation,
    parse,
)
from anyglot.models.pretrained.rename import Prefix, Rule, Table

_TOKENS = "shared.weight"
_BIAS = "final_logits_bias"
_OUTPUT = "lm_head.weight"
_SOURCE_TOKENS, _TARGET_TOKENS = "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"
_COPIES = dict.fromkeys((_SOURCE_TOKENS, _TARGET_TOKENS, _OUTPUT), _TOKENS)
# What config.json may say beside the common rules (`foreign.SUPPORTED`).
_ONE_TABLE: dict[str, tuple[object, ...]] = {"share_encoder_decoder_embeddings": (True,)}
_MARIAN_SETTINGS: dict[str, tuple[object, ...]] = {
    "normalize_before": (False,),
    "normalize_embedding": (False,),
    "add_final_layer_norm": (False,),
    "static_position_embeddings": (True,),
    "extra_pos_embeddings": (0,),
    "tie_word_embeddings": (True, False),
}
_EPSILON = 1e-5  # torch's default, which these families never change


class EncoderDecoderFile(ForeignConfig):
    """The keys of config.json that matter. Only Marian may have two vocabularies and an output matrix of its own."""

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
    decoder_vocab_size: Id | None = None
    share_encoder_decoder_embeddings: bool = True
    tie_word_embeddings: bool = True


class MarianFile(EncoderDecoderFile):
    """The same with what transformers fills in for Marian."""

    pad_token_id: Id = 58100
    eos_token_id: Id = 0
    decoder_start_token_id: Id | None = 58100


@dataclass(frozen=True)
class Dialect:
    """Where the families differ.

    Args:
        positions: As in `EmbeddingsConfig`.
        embedding_norm: Whether a norm follows the embeddings.
        norm_first: Pre-norm (fairseq's build), or post-norm.
        output_bias: Whether the family has an output bias at all.
        own_tables: Whether source and target may have vocabularies of their own, and the output a matrix of its own.
        file: The keys of config.json and what they are when absent.
    """

    model_type: str
    class_name: str
    positions: Literal["learned", "sinusoidal", "vaswani"]
    embedding_norm: bool
    norm_first: bool
    output_bias: bool
    own_tables: bool
    file: type[EncoderDecoderFile]

    def position_offset(self, padding_id: int) -> int:
        """Row of the first position."""
        return {"learned": 2, "sinusoidal": padding_id + 1, "vaswani": 0}[self.positions]


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
    ]
    if dialect.norm_first:
        rules.append(Rule(side + ".layer_norm.{part}", ours + "stack.final_norm.{part}"))
    if side == "decoder":
        rules += _attention(block + "encoder_attn", our_block + "cross_attention")
    if dialect.positions == "learned":
        rules.append(Rule(side + ".embed_positions.weight", ours + "embeddings.positions.table.weight"))
    if dialect.embedding_norm:
        rules.append(Rule(side + ".layernorm_embedding.{part}", ours + "embeddings.norm.{part}"))
    return tuple(rules)


def _table(dialect: Dialect, config: Config) -> Table:
    # Older files store the waves, which can be computed.
    dropped: list[str] = [] if dialect.positions == "learned" else ["*.embed_positions.weight*"]
    if isinstance(config, EncoderConfig):
        rules = [Rule(_TOKENS, "embeddings.tokens.weight"), *_side(dialect, "encoder", "")]
        # With two vocabularies the target's table is no copy of this one.
        copies = {_SOURCE_TOKENS: _TOKENS} if dialect.own_tables else _COPIES
        return Table(rules, copies=copies, dropped=(*dropped, "decoder.*", _OUTPUT, _BIAS))
    assert isinstance(config, EncoderDecoderConfig)  # `_write` refuses others
    rules = [*_side(dialect, "encoder", "encoder."), *_side(dialect, "decoder", "decoder.")]
    if config.share_embeddings:
        rules.append(Rule(_TOKENS, "encoder.embeddings.tokens.weight"))
        copies = dict(_COPIES)
    else:
        rules.append(Rule(_SOURCE_TOKENS, "encoder.embeddings.tokens.weight"))
        rules.append(Rule(_TARGET_TOKENS, "decoder.embeddings.tokens.weight"))
        copies = {_OUTPUT: _TARGET_TOKENS}
    if not config.tie_output:
        rules.append(Rule(_OUTPUT, "output.weight"))
        del copies[_OUTPUT]
    if config.output_bias:
        rules.append(Rule(_BIAS, "output.bias"))
    else:
        dropped.append(_BIAS)
    return Table(rules, copies=copies, dropped=dropped)


def _read(dialect: Dialect, raw: Mapping[str, Any], contents: Contents, encoder_only: bool) -> Config:
    file = parse(dialect.file, raw, contents.origin)
    shared = file.share_encoder_decoder_embeddings
    if shared and not file.tie_word_embeddings:
        raise UserError(
            f"{contents.origin} shares the embeddings of both sides but unties the output matrix, which is supported "
            f"neither here nor in transformers; set tie_word_embeddings to true if the checkpoint ties it."
        )
    embeddings = EmbeddingsConfig(
        vocabulary_size=file.vocab_size,
        width=file.d_model,
        positions=dialect.positions,
        position_rows=file.max_position_embeddings + 2,
        position_offset=dialect.position_offset(file.pad_token_id),
        norm=dialect.embedding_norm,
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
            norm_first=dialect.norm_first,
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
    target_size = file.vocab_size if shared else file.decoder_vocab_size or file.vocab_size
    _check_ids(file, target_size, contents.origin)
    return EncoderDecoderConfig(
        family=dialect.model_type,
        encoder=encoder,
        decoder_embeddings=embeddings.model_copy(update={"vocabulary_size": target_size}),
        share_embeddings=shared,
        tie_output=file.tie_word_embeddings,
        decoder=stack(file.decoder_layers, file.decoder_attention_heads, file.decoder_ffn_dim, True),
        # Nearly every file has the bias and nearly every bias is zero: such a one is left out, and written back.
        output_bias=_BIAS in contents.names and bool(contents.tensor(_BIAS).any()),
        padding_id=file.pad_token_id,
        start_id=file.eos_token_id if file.decoder_start_token_id is None else file.decoder_start_token_id,
        end_id=file.eos_token_id,
    )


def _check_ids(file: EncoderDecoderFile, rows: int, origin: str) -> None:
    """Refuse ids that the tables have no row for, be they a family's default where the file says nothing."""
    for name in ("pad_token_id", "eos_token_id", "decoder_start_token_id"):
        id = getattr(file, name)
        if id is not None and id >= min(rows, file.vocab_size):
            said = "is" if name in file.model_fields_set else "is not given and so"
            raise UserError(
                f"{origin}: {name} {said} {id}, but the vocabulary has {min(rows, file.vocab_size)} tokens; write the "
                "tokenizer's id into config.json."
            )


def _write(dialect: Dialect, config: Config) -> dict[str, Any]:
    if not isinstance(config, EncoderDecoderConfig):
        raise UserError(
            f"an encoder alone cannot be saved as {dialect.model_type}: transformers opens whole models of this family "
            f"only. Keep the encoder in this package's own format."
        )
    if config.output_bias and not dialect.output_bias:
        raise UserError(f"the model's output bias cannot be saved: {dialect.model_type} has none.")
    fields: dict[str, Any] = {
        "architectures": [dialect.class_name],
        "model_type": dialect.model_type,
        "is_encoder_decoder": True,
        "vocab_size": config.encoder.embeddings.vocabulary_size,
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
    if dialect.own_tables:
        fields["decoder_vocab_size"] = config.decoder_embeddings.vocabulary_size
        fields["share_encoder_decoder_embeddings"] = config.share_embeddings
        fields["tie_word_embeddings"] = config.tie_output
    return fields


def _fillers(dialect: Dialect, config: Config) -> dict[str, Tensor]:
    """mBART's and Marian's classes keep an output bias even when it is zero."""
    if not dialect.output_bias or not isinstance(config, EncoderDecoderConfig) or config.output_bias:
        return {}
    return {_BIAS: torch.zeros(config.decoder_embeddings.vocabulary_size)}


def _family(dialect: Dialect) -> Family:
    return Family(
        model_type=dialect.model_type,
        prefix=Prefix("model.", heads=(_OUTPUT, _BIAS)),
        read=partial(_read, dialect),
        write=partial(_write, dialect),
        table=partial(_table, dialect),
        fillers=partial(_fillers, dialect),
        has_head=lambda config: True,
        row_vectors=frozenset({_BIAS}),
        settings=_MARIAN_SETTINGS if dialect.own_tables else _ONE_TABLE,
    )


def mbart(model_type: str, class_name: str) -> Family:
    """mBART and mBART-50."""
    dialect = Dialect(
        model_type,
        class_name,
        positions="learned",
        embedding_norm=True,
        norm_first=True,
        output_bias=True,
        own_tables=False,
        file=EncoderDecoderFile,
    )
    return _family(dialect)


def m2m_100(model_type: str, class_name: str) -> Family:
    """M2M-100 and NLLB's dense models."""
    dialect = Dialect(
        model_type,
        class_name,
        positions="sinusoidal",
        embedding_norm=False,
        norm_first=True,
        output_bias=False,
        own_tables=False,
        file=EncoderDecoderFile,
    )
    return _family(dialect)


def marian(model_type: str, class_name: str) -> Family:
    """Marian's models, such as opus-mt: post-norm, Vaswani et al.'s waves, perhaps a vocabulary for each side."""
    dialect = Dialect(
        model_type,
        class_name,
        positions="vaswani",
        embedding_norm=False,
        norm_first=False,
        output_bias=True,
        own_tables=True,
        file=MarianFile,
    )
    return _family(dialect)

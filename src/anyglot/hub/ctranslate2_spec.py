"""A model of ours as CTranslate2's specification: the same arithmetic, weight by weight.

ours                                 CTranslate2
norm_first of either stack           pre_norm of either side
embedding norm                       layernorm_embedding
scale "sqrt", "none", number         scale_embeddings, a factor a side
positions, from their offset on      position_encodings, a table a side
segments row 0                       added to every position (ours and theirs add it to every token)
output rows                          a smaller target vocabulary
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from anyglot.errors import UserError
from anyglot.models.build import dropped_skips
from anyglot.models.config import EmbeddingsConfig, StackConfig
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.nn.attention import Attention
from anyglot.nn.embeddings import Embeddings, LearnedPositions
from anyglot.nn.feedforward import FeedForward
from anyglot.text.protocols import TextTokenizer

# Positions of waves that are written out; learned tables have their own number.
WAVE_ROWS = 2048


def expressible(model: nn.Module) -> EncoderDecoder:
    """The model, if CTranslate2 can compute it.

    Raises:
        UserError: Says which part it has no place for.
    """
    if not isinstance(model, EncoderDecoder):
        raise UserError(
            "CTranslate2 cannot express this model: it has encoder-decoders that write word by word, and this is none. "
            "Use it with `anyglot translate`."
        )
    skips = dropped_skips(model)
    config = model.config
    reason = None
    if skips:
        reason = f"its encoder has no flag for a dropped skip, and this model drops that of {skips[0]}"
    elif config.adapters is not None:
        reason = "its blocks have no adapters, and those of this model have"
    elif model.target_projection is not None:
        reason = "it has no layer between encoder and decoder, and this model has a target projection there"
    if reason is not None:
        raise UserError(f"CTranslate2 cannot express this model: {reason}. Use it with `anyglot translate`.")
    return model


def epsilons(model: EncoderDecoder) -> list[float]:
    """The epsilons of the model's layer norms, the decoder's first; CTranslate2 knows one for all of them."""
    config = model.config
    sides = config.decoder, config.decoder_embeddings, config.encoder.stack, config.encoder.embeddings
    return list(dict.fromkeys(side.epsilon for side in sides if not isinstance(side, EmbeddingsConfig) or side.norm))


def build_spec(model: EncoderDecoder, tokenizer: TextTokenizer, starts_itself: bool, epsilon: float) -> Any:
    """The specification, with weights and vocabularies; weights are shared with the model, not copied.

    Args:
        model: In float32 on the CPU.
        starts_itself: Whether the decoder has a start token of its own; else the target prefix begins with one.
        epsilon: Of every layer norm.

    Raises:
        UserError: The model cannot be expressed, or its tokens cannot be told apart by their names.
    """
    from ctranslate2 import specs

    expressible(model)
    config = model.config
    encoder = specs.TransformerEncoderSpec(
        config.encoder.stack.layers,
        config.encoder.stack.heads,
        pre_norm=config.encoder.stack.norm_first,
        activation=_activation(config.encoder.stack),
        layernorm_embedding=config.encoder.embeddings.norm,
    )
    decoder = specs.TransformerDecoderSpec(
        config.decoder.layers,
        config.decoder.heads,
        pre_norm=config.decoder.norm_first,
        activation=_activation(config.decoder),
        layernorm_embedding=config.decoder_embeddings.norm,
    )
    rows = None if model.output.rows is None else model.output.rows.ids
    target_table = model.decoder.embeddings.tokens.weight
    _set_embeddings(encoder, encoder.embeddings[0], model.encoder.embeddings, model.encoder.embeddings.tokens.weight)
    kept = target_table if rows is None else target_table[rows]
    _set_embeddings(decoder, decoder.embeddings, model.decoder.embeddings, kept)
    for layer, block in zip(encoder.layer, model.encoder.stack.blocks, strict=True):
        _set_self_attention(layer.self_attention, block.self_attention)
        _set_feedforward(layer.ffn, block.feedforward)
    for layer, block in zip(decoder.layer, model.decoder.stack.blocks, strict=True):
        _set_self_attention(layer.self_attention, block.self_attention)
        _set_cross_attention(layer.attention, block.cross_attention)
        _set_feedforward(layer.ffn, block.feedforward)
    for side, stack in ((encoder, model.encoder.stack), (decoder, model.decoder.stack)):
        if stack.final_norm is not None:
            _set_norm(side.layer_norm, stack.final_norm)
    weight, bias = model.output.matrix()
    decoder.projection.weight = weight.detach()
    if bias is not None:
        decoder.projection.bias = bias.detach()
    spec = specs.TransformerSpec(encoder, decoder)
    _set_vocabularies(spec, model, tokenizer, rows)
    spec.config.layer_norm_epsilon = epsilon
    spec.config.decoder_start_token = tokenizer.pieces([config.start_id])[0] if starts_itself else None
    return spec


def _activation(stack: StackConfig) -> Any:
    from ctranslate2.specs import Activation

    names = {
        "gelu": Activation.GELU,
        "gelu_tanh": Activation.GELUTanh,
        "relu": Activation.RELU,
        "silu": Activation.SWISH,
    }
    return names[stack.activation]


def _set_embeddings(side: Any, spec: Any, embeddings: Embeddings, table: Tensor) -> None:
    spec.weight = table.detach()
    side.scale_embeddings = float(embeddings.scale)
    positions = embeddings.positions
    if isinstance(positions, LearnedPositions):
        encodings = positions(0, positions.limit).detach()
    elif positions is not None:
        encodings = positions(0, WAVE_ROWS)
    else:
        raise UserError("CTranslate2 cannot express this model: it adds positions, and this model has none.")
    if embeddings.segments is not None:
        encodings = encodings + embeddings.segments.weight[0].detach()
    side.position_encodings.encodings = encodings.clone()
    if embeddings.norm is not None:
        _set_norm(side.layernorm_embedding, embeddings.norm)


def _set_self_attention(spec: Any, part: Any) -> None:
    attention: Attention = part.inner
    _set_linear(spec.linear[0], attention.query, attention.key, attention.value)
    _set_linear(spec.linear[1], attention.output)
    _set_norm(spec.layer_norm, part.norm)


def _set_cross_attention(spec: Any, part: Any) -> None:
    attention: Attention = part.inner
    _set_linear(spec.linear[0], attention.query)
    _set_linear(spec.linear[1], attention.key, attention.value)
    _set_linear(spec.linear[2], attention.output)
    _set_norm(spec.layer_norm, part.norm)


def _set_feedforward(spec: Any, part: Any) -> None:
    feedforward: FeedForward = part.inner
    _set_linear(spec.linear_0, feedforward.up)
    _set_linear(spec.linear_1, feedforward.down)
    _set_norm(spec.layer_norm, part.norm)


def _set_linear(spec: Any, *layers: nn.Linear) -> None:
    """One layer, or several that read the same states, one upon the other."""
    spec.weight = torch.cat([layer.weight.detach() for layer in layers])
    spec.bias = torch.cat([layer.bias.detach() for layer in layers])


def _set_norm(spec: Any, norm: nn.LayerNorm) -> None:
    spec.gamma = norm.weight.detach()
    spec.beta = norm.bias.detach()


def _set_vocabularies(spec: Any, model: EncoderDecoder, tokenizer: TextTokenizer, rows: Tensor | None) -> None:
    """Tokens by name on both sides; a restricted output has only its own, an end token among them."""
    size = tokenizer.vocabulary_size
    source = token_names(tokenizer.source_pieces, size, model.config.encoder.embeddings.vocabulary_size)
    target = token_names(tokenizer.pieces, size, model.config.decoder_embeddings.vocabulary_size)
    if rows is not None:
        target = [target[row] for row in rows.tolist()]
    spec.register_source_vocabulary(source)
    spec.register_target_vocabulary(target)
    unknown, begin, end = tokenizer.pieces([tokenizer.unknown_id, tokenizer.begin_id, model.config.end_id])
    spec.config.unk_token, spec.config.bos_token, spec.config.eos_token = unknown, begin, end


def token_names(pieces: Callable[[Sequence[int]], list[str]], vocabulary_size: int, rows: int) -> list[str]:
    """The name of each row; a row without a token gets one that no tokenizer makes.

    Raises:
        UserError: Two tokens have one name, by which CTranslate2 tells them apart.
    """
    size = min(rows, vocabulary_size)
    names = pieces(range(size))
    names += [f"<row {row}>" for row in range(size, rows)]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"CTranslate2 tells tokens apart by their names, but two of this model are called {twice!r}.")
    return names


def limits(model: EncoderDecoder) -> tuple[int, int]:
    """Most source and target positions of the exported model, special tokens included."""
    found: Sequence[int] = [
        side.position_rows - side.position_offset if side.positions == "learned" else WAVE_ROWS
        for side in (model.config.encoder.embeddings, model.config.decoder_embeddings)
    ]
    return found[0], found[1]

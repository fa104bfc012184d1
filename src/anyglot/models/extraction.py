"""A pretrained encoder taken apart (VECO section 2.3): the encoder alone, or an encoder-decoder made of its blocks.

| VECO                                    | here                                           |
|-----------------------------------------|------------------------------------------------|
| figure 1(b), for understanding          | `without_cross_attention`                      |
| figure 1(c), for generation; section 5.2 | `encoder_decoder_from`, `copied_blocks`        |

Both work for any other encoder: XLM-R and mBERT have no cross-attention to drop or to copy, so a decoder's is fresh.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import nn

from anyglot.errors import UserError
from anyglot.models.build import build_encoder_decoder, dropped_skips
from anyglot.models.config import EmbeddingsConfig, EncoderDecoderConfig, StackConfig
from anyglot.models.encoder import Encoder
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.initialize import initialise_bert
from anyglot.models.language import LanguageModel
from anyglot.models.sizes import Scale
from anyglot.nn.attention import Attention
from anyglot.nn.block import Block
from anyglot.nn.embeddings import Embeddings, LearnedPositions
from anyglot.nn.residual import Residual
from anyglot.nn.stack import Stack

DecoderBlocks = Literal["last", "first", "fresh"]
"""Where a decoder's blocks come from: copies of the encoder's last or first ones, or none of them."""
DECODER_BLOCKS: tuple[DecoderBlocks, ...] = get_args(DecoderBlocks)


def without_cross_attention(encoder: Encoder, *, keep_heads: bool = True) -> Encoder:
    """The encoder alone: its states and its head's logits are those of `encoder`, to the bit.

    All parts are shared with `encoder`, not copied; it is itself left as it is.

    Args:
        encoder: With cross-attention in its blocks (VECO) or without.
        keep_heads: Whether the masked-language head and the pooler come along where there are any.
    """
    blocks = [
        Block(self_attention=block.self_attention, cross_attention=None, feedforward=block.feedforward)
        for block in _blocks(encoder.stack)
    ]
    alone = Encoder(
        encoder.config,
        embeddings=encoder.embeddings,
        stack=Stack(blocks, final_norm=encoder.stack.final_norm),
        head=encoder.head if keep_heads else None,
        pooler=encoder.pooler if keep_heads else None,
    )
    alone.config = encoder.config.model_copy(
        update={
            "stack": encoder.config.stack.model_copy(update={"cross_attention": False}),
            "language_head": alone.head is not None,
            "pooler": alone.pooler is not None,
            "dropped_skips": dropped_skips(alone),
        }
    )
    return alone.train(encoder.training)


def encoder_decoder_from(
    encoder: Encoder,
    *,
    layers: int,
    blocks: DecoderBlocks = "last",
    scale: Scale | None = None,
    end_id: int = 2,
    deviation: float = 0.02,
    seed: int = 1,
) -> EncoderDecoder:
    """The whole encoder, and a decoder whose blocks are copies of some of its blocks (VECO figure 1(c)).

    The encoder shares its parts with `encoder` and loses cross-attention, language head and pooler. The decoder has its
    self-attentions, feed-forwards and norms, and its cross-attentions where it has any, all as copies; likewise learned
    positions, segments, the embeddings' norm and the final norm of a pre-norm stack. One token table serves encoder,
    decoder and output. The output has no bias, as in the released code: the bias of the language head belongs behind
    the head's own dense layer. With all blocks copied the decoder computes what `encoder.cross` does.

    Args:
        encoder: VECO's model, or any encoder.
        layers: Blocks of the decoder.
        blocks: "last" (the paper's choice) or "first": which are copied; "fresh": none, the embeddings only.
        scale: Factor on the decoder's token vectors; None: the encoder's own, as its blocks were trained under it. The
            released fine-tuning multiplies by sqrt(D) on both sides, but whether its checkpoint holds the table divided
            by it, nothing public says (method card 2.2); over a table in XLM-R's scale it would drown the positions.
        end_id: Of the tokenizer; it ends a translation and starts the decoder.
        deviation: Standard deviation of fresh weights (BERT's rule, as in the released code).
        seed: Fresh weights follow it.

    Raises:
        UserError: More blocks are to be copied than the encoder has.
    """
    chosen = copied_blocks(encoder.config.stack.layers, layers, blocks)
    alone = without_cross_attention(encoder, keep_heads=False)
    embeddings: EmbeddingsConfig = alone.config.embeddings
    config = EncoderDecoderConfig(
        encoder=alone.config,
        decoder_embeddings=embeddings if scale is None else embeddings.model_copy(update={"scale": scale}),
        decoder=alone.config.stack.model_copy(update={"layers": layers, "cross_attention": True}),
        padding_id=alone.config.padding_id,
        start_id=end_id,
        end_id=end_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_encoder_decoder(config, alone)
        initialise_bert(model.decoder.stack, deviation)
    _copy_embeddings(alone.embeddings, model.decoder.embeddings)
    stack, origins = model.decoder.stack, _blocks(encoder.stack)
    for copy, place in zip(_blocks(stack), chosen, strict=bool(chosen)):
        _copy_block(origins[place], copy)
    if chosen and stack.final_norm is not None and alone.stack.final_norm is not None:
        _copy_values(alone.stack.final_norm, stack.final_norm)
    return model.train(encoder.training)


def copied_blocks(encoder_layers: int, layers: int, blocks: DecoderBlocks) -> tuple[int, ...]:
    """Indices, from 0, of the encoder's blocks that a decoder's become copies of, in order; none for fresh ones.

    Raises:
        UserError: The encoder has too few.
    """
    if blocks == "fresh":
        return ()
    if layers > encoder_layers:
        raise UserError(
            f"the decoder cannot have {layers} blocks copied from an encoder of {encoder_layers}: "
            f"ask for at most {encoder_layers}, or for fresh ones."
        )
    return tuple(range(encoder_layers - layers, encoder_layers) if blocks == "last" else range(layers))


def set_dropout(
    model: Encoder | EncoderDecoder | LanguageModel, dropout: float | None, attention_dropout: float | None
) -> None:
    """Train `model` with other probabilities than it was trained with before; None leaves one as it is.

    Args:
        dropout: On the embeddings and on what every sub-module adds.
        attention_dropout: On attention weights.
    """
    if isinstance(model, EncoderDecoder):
        set_dropout(model.encoder, dropout, attention_dropout)
        config, decoder = model.config, model.decoder
        embeddings, stack = _dropped_out(config.decoder_embeddings, config.decoder, dropout, attention_dropout)
        _set_dropout(decoder.embeddings, decoder.stack, embeddings.dropout, stack)
        changes = {"encoder": model.encoder.config, "decoder_embeddings": embeddings, "decoder": stack}
        model.config = config.model_copy(update=changes)
        return
    sizes = model.config
    embeddings, stack = _dropped_out(sizes.embeddings, sizes.stack, dropout, attention_dropout)
    _set_dropout(model.embeddings, model.stack, embeddings.dropout, stack)
    model.config = sizes.model_copy(update={"embeddings": embeddings, "stack": stack})


def _dropped_out(
    embeddings: EmbeddingsConfig, stack: StackConfig, dropout: float | None, attention_dropout: float | None
) -> tuple[EmbeddingsConfig, StackConfig]:
    everywhere = {} if dropout is None else {"dropout": dropout}
    on_weights = {} if attention_dropout is None else {"attention_dropout": attention_dropout}
    return embeddings.model_copy(update=everywhere), stack.model_copy(update={**everywhere, **on_weights})


def _set_dropout(embeddings: Embeddings, stack: Stack, on_embeddings: float, config: StackConfig) -> None:
    embeddings.dropout.p = on_embeddings
    for module in stack.modules():
        if isinstance(module, Residual):
            module.dropout.p = config.dropout
        elif isinstance(module, Attention):
            module.dropout = config.attention_dropout


def _blocks(stack: Stack) -> list[Block]:
    return [block for block in stack.blocks if isinstance(block, Block)]


def _copy_embeddings(origin: Embeddings, copy: Embeddings) -> None:
    """All but the token table, which both share."""
    if isinstance(origin.positions, LearnedPositions) and copy.positions is not None:
        _copy_values(origin.positions, copy.positions)
    if origin.segments is not None and copy.segments is not None:
        _copy_values(origin.segments, copy.segments)
    if origin.norm is not None and copy.norm is not None:
        _copy_values(origin.norm, copy.norm)


def _copy_block(origin: Block, copy: Block) -> None:
    """Every sub-module the origin has, with its norm, and without its skip where that is dropped."""
    for name, part in origin.named_children():
        twin = copy.get_submodule(name)
        assert isinstance(part, Residual) and isinstance(twin, Residual)
        _copy_values(part, twin)
        twin.skip = part.skip


def _copy_values(origin: nn.Module, copy: nn.Module) -> None:
    values = dict(origin.named_parameters())
    with torch.no_grad():
        for name, parameter in copy.named_parameters():
            parameter.copy_(values[name])

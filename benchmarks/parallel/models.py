"""Random weights of XLM-R base's shape: SGA's prompted encoder, and encoder-decoders with its encoder and table."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from anyglot.models.build import build
from anyglot.models.config import (
    CanvasConfig,
    EmbeddingsConfig,
    EncoderConfig,
    EncoderDecoderConfig,
    PromptedEncoderConfig,
    StackConfig,
)
from anyglot.models.empty import blank
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.prompted import PromptedEncoder
from anyglot.models.store import assign

BEGIN, PAD, END, BLANK = 0, 1, 2, 6


@dataclass(frozen=True)
class Shape:
    """Sizes that all models of a comparison share."""

    layers: int
    width: int
    heads: int
    feedforward_width: int
    rows: int
    restricted: int


SHAPES = {
    "base": Shape(12, 768, 12, 3072, 250_002, 30_000),
    "tiny": Shape(1, 64, 4, 128, 1_000, 500),
}


def stack(shape: Shape, layers: int, *, decoder: bool) -> StackConfig:
    """Blocks: post-norm as XLM-R's, or pre-norm with cross-attention as SixT+'s decoder."""
    return StackConfig(
        layers=layers,
        width=shape.width,
        heads=shape.heads,
        feedforward_width=shape.feedforward_width,
        norm_first=decoder,
        cross_attention=decoder,
    )


def prompted(shape: Shape) -> PromptedEncoder:
    """SGA with the paper's 128 prompt positions."""
    config = PromptedEncoderConfig(
        encoder=encoder(shape, head=True), canvas=CanvasConfig(mask_id=shape.rows - 1, blank_id=BLANK)
    )
    model = randomly(config)
    assert isinstance(model, PromptedEncoder)
    return model


def autoregressive(shape: Shape, decoder_layers: int) -> EncoderDecoder:
    """The same encoder and table with a decoder."""
    embeddings = EmbeddingsConfig(
        vocabulary_size=shape.rows, width=shape.width, positions="sinusoidal", norm=False, scale="sqrt"
    )
    config = EncoderDecoderConfig(
        encoder=encoder(shape, head=False),
        decoder_embeddings=embeddings,
        decoder=stack(shape, decoder_layers, decoder=True),
    )
    model = randomly(config)
    assert isinstance(model, EncoderDecoder)
    return model


def encoder(shape: Shape, *, head: bool) -> EncoderConfig:
    """XLM-R's encoder."""
    embeddings = EmbeddingsConfig(vocabulary_size=shape.rows, width=shape.width, positions="learned", norm=True)
    return EncoderConfig(embeddings=embeddings, stack=stack(shape, shape.layers, decoder=False), language_head=head)


def randomly(config: PromptedEncoderConfig | EncoderDecoderConfig) -> PromptedEncoder | EncoderDecoder:
    """A model with random weights, each value drawn once."""
    torch.manual_seed(1)
    with blank():
        model = build(config)
    assert isinstance(model, (PromptedEncoder, EncoderDecoder))
    values = {
        name: torch.ones(value.shape) if "norm.weight" in name else torch.randn(value.shape).mul_(_deviation(value))
        for name, value in model.named_parameters()
    }
    assign(model, values, "random weights")
    return model.eval()


def _deviation(value: torch.Tensor) -> float:
    """A deviation under which a product keeps the size of its input."""
    return float(value.shape[-1]) ** -0.5


def sources(shape: Shape, sentences: int, tokens: int) -> torch.Tensor:
    """Random sources of so many tokens, `<s>` among them, and `</s>` behind: (sentences, tokens + 1)."""
    generator = torch.Generator().manual_seed(2)
    text = torch.randint(7, shape.rows - 1, (sentences, tokens - 1), generator=generator)
    return torch.nn.functional.pad(torch.nn.functional.pad(text, (1, 0), value=BEGIN), (0, 1), value=END)

"""Small random models for the tests."""

from __future__ import annotations

from typing import Any

import torch

from anyglot.models.build import build_encoder, build_encoder_decoder
from anyglot.models.config import EmbeddingsConfig, EncoderConfig, EncoderDecoderConfig, StackConfig
from anyglot.models.encoder import Encoder
from anyglot.models.encoder_decoder import EncoderDecoder

VOCABULARY, WIDTH = 13, 8


def encoder_config(**changes: Any) -> EncoderConfig:
    settings: dict[str, Any] = {
        "embeddings": EmbeddingsConfig(
            vocabulary_size=VOCABULARY, width=WIDTH, positions="learned", position_rows=12, norm=True
        ),
        "stack": StackConfig(layers=3, width=WIDTH, heads=2, feedforward_width=12, norm_first=False),
    }
    return EncoderConfig(**{**settings, **changes})


def model_config(**changes: Any) -> EncoderDecoderConfig:
    settings: dict[str, Any] = {
        "encoder": encoder_config(),
        "decoder_embeddings": EmbeddingsConfig(
            vocabulary_size=VOCABULARY, width=WIDTH, positions="sinusoidal", norm=False, scale="sqrt"
        ),
        "decoder": StackConfig(
            layers=2, width=WIDTH, heads=4, feedforward_width=16, norm_first=True, cross_attention=True
        ),
    }
    return EncoderDecoderConfig(**{**settings, **changes})


def encoder(seed: int = 0, **changes: Any) -> Encoder:
    return randomised(build_encoder(encoder_config(**changes)), seed)


def model(seed: int = 0, **changes: Any) -> EncoderDecoder:
    return randomised(build_encoder_decoder(model_config(**changes)), seed)


def randomised(module: Any, seed: int) -> Any:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.4 * torch.randn(parameter.shape, generator=generator))
    return module.eval()


def batch(lengths: list[int], seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens padded on the right, and their mask."""
    tokens = torch.randint(4, VOCABULARY, (len(lengths), max(lengths)), generator=torch.Generator().manual_seed(seed))
    mask = torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]
    return tokens.masked_fill(~mask, 1), mask

"""Small random models of every shape that a model folder can hold."""

from __future__ import annotations

from typing import Any

import torch

from anyglot.models.build import build_encoder, build_encoder_decoder
from anyglot.models.config import EmbeddingsConfig, EncoderConfig, EncoderDecoderConfig, StackConfig
from anyglot.models.encoder import Encoder
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.restrict import restrict_output

VOCABULARY, WIDTH, END = 31, 16, 2


def encoder_config(**changes: Any) -> EncoderConfig:
    settings: dict[str, Any] = {
        "embeddings": EmbeddingsConfig(
            vocabulary_size=VOCABULARY, width=WIDTH, positions="learned", position_rows=40, norm=True
        ),
        "stack": StackConfig(layers=3, width=WIDTH, heads=2, feedforward_width=24, norm_first=False),
    }
    return EncoderConfig(**{**settings, **changes})


def model_config(**changes: Any) -> EncoderDecoderConfig:
    settings: dict[str, Any] = {
        "encoder": encoder_config(),
        "decoder_embeddings": EmbeddingsConfig(
            vocabulary_size=VOCABULARY, width=WIDTH, positions="sinusoidal", norm=False, scale="sqrt"
        ),
        "decoder": StackConfig(
            layers=2, width=WIDTH, heads=4, feedforward_width=24, norm_first=True, cross_attention=True
        ),
    }
    return EncoderDecoderConfig(**{**settings, **changes})


KINDS: dict[str, dict[str, Any]] = {
    "one table": {},
    "dropped skips": {"dropped_skips": ("encoder.stack.blocks.1.self_attention",)},
    "another scale": {
        "decoder_embeddings": EmbeddingsConfig(
            vocabulary_size=VOCABULARY, width=WIDTH, positions="sinusoidal", norm=False, scale=5.0
        )
    },
    "own decoder table": {"share_embeddings": False},
    "untied with bias": {"tie_output": False, "output_bias": True},
    "many-to-many": {"target_languages": ("de", "en", "fr")},
}


def model(kind: str = "one table", seed: int = 0, **changes: Any) -> EncoderDecoder:
    return randomised(build_encoder_decoder(model_config(**{**KINDS[kind], **changes})), seed).eval()


def restricted(seed: int = 0) -> EncoderDecoder:
    """A model that writes every second token only."""
    network = model(seed=seed)
    restrict_output(network, torch.arange(0, VOCABULARY, 2), "test")
    return network


def encoder(seed: int = 0, **changes: Any) -> Encoder:
    return randomised(build_encoder(encoder_config(**changes)), seed).eval()


def randomised(module: Any, seed: int) -> Any:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.4 * torch.randn(parameter.shape, generator=generator))
    return module


def batch(lengths: list[int], seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Source tokens between <s> and </s>, padded on the right, and their mask."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(4, VOCABULARY, (len(lengths), max(lengths)), generator=generator)
    mask = torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]
    tokens[:, 0] = 0
    tokens[torch.arange(len(lengths)), torch.tensor(lengths) - 1] = END
    return tokens.masked_fill(~mask, 1), mask


def copies(lengths: list[int], seed: int = 1) -> dict[str, torch.Tensor]:
    """Sentences to be written as they were read, as transformers' models take them."""
    source, mask = batch(lengths, seed)
    labels = torch.nn.functional.pad(source[:, 1:].masked_fill(~mask[:, 1:], -100), (0, 1), value=-100)
    return {"input_ids": source, "attention_mask": mask.long(), "labels": labels}

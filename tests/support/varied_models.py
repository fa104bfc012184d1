"""A tiny model with random weights that translates every sentence otherwise, and to a length of its own."""

from __future__ import annotations

import copy

import torch

from anyglot.inference.decoding import SearchConstraints
from anyglot.models.build import build
from anyglot.models.config import EmbeddingsConfig, EncoderConfig, EncoderDecoderConfig, StackConfig
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.precision import Precision, prepare

VOCABULARY, WIDTH, PAD, END = 500, 64, 1, 2
PROMPT = SearchConstraints(start=(END,), end=END, never=(0, PAD))
CPU = torch.device("cpu")


def varied_model() -> EncoderDecoder:
    """Weights large enough that the output hears its input."""
    torch.manual_seed(5)
    stack = {"layers": 2, "width": WIDTH, "heads": 4, "feedforward_width": 128, "activation": "gelu_tanh"}
    table = {"vocabulary_size": VOCABULARY, "width": WIDTH}
    model = build(
        EncoderDecoderConfig(
            encoder=EncoderConfig(
                embeddings=EmbeddingsConfig(**table, positions="learned", norm=True),
                stack=StackConfig(**stack, norm_first=False),
            ),
            decoder_embeddings=EmbeddingsConfig(**table, positions="sinusoidal", norm=False, scale="sqrt"),
            decoder=StackConfig(**stack, norm_first=True, cross_attention=True),
            tie_output=False,  # tied and random, a token would call for itself
            output_bias=True,
        )
    )
    assert isinstance(model, EncoderDecoder) and model.output.bias is not None
    with torch.no_grad():
        model.output.weight.normal_(0, 0.3)
        model.output.bias[END] = 3.0
        model.encoder.embeddings.tokens.weight.mul_(0.03)  # or the decoder hears its own last token only
        for name, parameter in model.named_parameters():
            parameter.mul_(3.0 if "attention" in name and name.endswith("weight") else 1.0)
            # Blunt cross-attention tells of a long sentence its mean alone, and those are all alike.
            parameter.mul_(2.0 if "cross_attention.inner" in name and name.endswith("weight") else 1.0)
    return model.eval()


def ready(loaded: EncoderDecoder, precision: Precision, *, batch_independent: bool = True) -> EncoderDecoder:
    return prepare(copy.deepcopy(loaded), precision, CPU, batch_independent=batch_independent)


def sentences(count: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(1)
    lengths = torch.randint(1, 45, (count,), generator=generator).tolist()
    return [[0, *torch.randint(4, VOCABULARY, (n,), generator=generator).tolist(), END] for n in lengths]

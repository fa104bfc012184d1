"""W12: a model's `generating_stack` has the sizes of the blocks that write; precisions are timed with them."""

from __future__ import annotations

import pytest

from anyglot.models.build import build
from anyglot.models.config import CanvasConfig, EmbeddingsConfig, ParallelEncoderDecoderConfig, StackConfig
from support.model_builders import VOCABULARY, WIDTH, encoder_config, model_config


def parallel_config() -> ParallelEncoderDecoderConfig:
    table = EmbeddingsConfig(vocabulary_size=VOCABULARY, width=WIDTH, positions="sinusoidal", norm=False)
    return ParallelEncoderDecoderConfig(
        encoder=encoder_config(),
        canvas=CanvasConfig(mask_id=VOCABULARY - 1, blank_id=2, frame=False),
        decoder_embeddings=table,
        decoder=StackConfig(
            layers=2, width=WIDTH, heads=4, feedforward_width=20, norm_first=True, cross_attention=True
        ),
    )


@pytest.mark.parametrize("config", [model_config(), parallel_config()], ids=lambda config: config.kind)
def test_w12_the_writer_is_the_decoder_that_is_built(config) -> None:
    generating_stack, stack = config.generating_stack, build(config).decoder.stack
    assert generating_stack.layers == len(stack.blocks) != config.encoder.stack.layers
    widths = {
        parameter.shape for name, parameter in stack.named_parameters() if name.endswith("feedforward.inner.up.weight")
    }
    assert widths == {(generating_stack.feedforward_width, generating_stack.width)}

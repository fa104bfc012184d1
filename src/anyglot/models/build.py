"""From sizes to models. Nothing below this file sees a config."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from anyglot.errors import UserError
from anyglot.models.config import (
    AdapterConfig,
    Config,
    EmbeddingsConfig,
    EncoderConfig,
    EncoderDecoderConfig,
    LanguageModelConfig,
    ParallelEncoderDecoderConfig,
    PromptedEncoderConfig,
    PromptedLanguageModelConfig,
    StackConfig,
)
from anyglot.models.encoder import Encoder
from anyglot.models.encoder_decoder import Decoder, EncoderDecoder
from anyglot.models.language import LanguageModel, PromptedLanguageModel
from anyglot.models.parallel import CanvasDecoder, ParallelEncoderDecoder
from anyglot.models.prompted import PromptedEncoder
from anyglot.nn.adapter import Adapter
from anyglot.nn.attention import Attention
from anyglot.nn.block import Block
from anyglot.nn.embeddings import Embeddings, LearnedPositions, SinusoidalPositions, sinusoids, vaswani_sinusoids
from anyglot.nn.feedforward import FeedForward, gelu, gelu_tanh, silu
from anyglot.nn.heads import MaskedLanguageHead, OutputProjection, Pooler
from anyglot.nn.projection import TargetProjection
from anyglot.nn.prompt import Prompt
from anyglot.nn.residual import Inner, Residual
from anyglot.nn.stack import Stack

Model = Encoder | EncoderDecoder | PromptedEncoder | ParallelEncoderDecoder | LanguageModel | PromptedLanguageModel

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "relu": torch.relu,
    "silu": silu,
}
WAVES: dict[str, Callable[[int, int], Tensor]] = {"sinusoidal": sinusoids, "vaswani": vaswani_sinusoids}


def build_block(config: StackConfig) -> Block:
    """One block of the stack."""

    def residual(inner: Inner) -> Residual[Inner]:
        return Residual(
            inner, config.width, norm_first=config.norm_first, epsilon=config.epsilon, dropout=config.dropout
        )

    def attention() -> Residual[Attention]:
        return residual(Attention(config.width, config.heads, dropout=config.attention_dropout))

    return Block(
        self_attention=attention(),
        cross_attention=attention() if config.cross_attention else None,
        feedforward=residual(
            FeedForward(
                config.width,
                config.feedforward_width,
                ACTIVATIONS[config.activation],
                dropout=config.activation_dropout,
            )
        ),
    )


def build_stack(config: StackConfig) -> Stack:
    """All blocks; a pre-norm stack ends with a norm, as its blocks' outputs are not normed."""
    final_norm = nn.LayerNorm(config.width, eps=config.epsilon) if config.norm_first else None
    return Stack([build_block(config) for _ in range(config.layers)], final_norm=final_norm)


def build_embeddings(config: EmbeddingsConfig, tokens: nn.Embedding | None = None) -> Embeddings:
    """Embeddings with a token table of their own, or around the one given."""
    positions: LearnedPositions | SinusoidalPositions
    if config.positions == "learned":
        positions = LearnedPositions(config.position_rows, config.width, offset=config.position_offset)
    else:
        waves = WAVES[config.positions]
        positions = SinusoidalPositions(config.width, offset=config.position_offset, waves=waves)
    return Embeddings(
        tokens if tokens is not None else nn.Embedding(config.vocabulary_size, config.width),
        positions=positions,
        segments=nn.Embedding(config.segments, config.width) if config.segments else None,
        norm=nn.LayerNorm(config.width, eps=config.epsilon) if config.norm else None,
        scale=_factor(config),
        dropout=config.dropout,
    )


def _factor(config: EmbeddingsConfig) -> float:
    if config.scale == "sqrt":
        return math.sqrt(config.width)
    return 1.0 if config.scale == "none" else config.scale


def build_encoder(config: EncoderConfig) -> Encoder:
    """An encoder with freshly made weights."""
    embeddings = build_embeddings(config.embeddings)
    head = None
    if config.language_head:
        bias = nn.Parameter(torch.zeros(config.embeddings.vocabulary_size))
        head = MaskedLanguageHead(
            config.stack.width,
            OutputProjection(embeddings.tokens.weight, bias=bias),
            ACTIVATIONS[config.stack.activation],
            epsilon=config.stack.epsilon,
        )
    encoder = Encoder(
        config,
        embeddings=embeddings,
        stack=build_stack(config.stack),
        head=head,
        pooler=Pooler(config.stack.width) if config.pooler else None,
    )
    drop_skips(encoder, config.dropped_skips)
    return encoder


def build_encoder_decoder(config: EncoderDecoderConfig, encoder: Encoder | None = None) -> EncoderDecoder:
    """An encoder-decoder with freshly made weights, or around the encoder given."""
    encoder = encoder if encoder is not None else build_encoder(config.encoder)
    tokens = encoder.embeddings.tokens if config.share_embeddings else None
    embeddings = build_embeddings(config.decoder_embeddings, tokens)
    vocabulary, width = config.decoder_embeddings.vocabulary_size, config.decoder_embeddings.width
    weight = embeddings.tokens.weight if config.tie_output else nn.Parameter(torch.empty(vocabulary, width).normal_())
    bias = nn.Parameter(torch.zeros(vocabulary)) if config.output_bias else None
    languages = len(config.target_languages)
    model = EncoderDecoder(
        config,
        encoder=encoder,
        decoder=Decoder(embeddings=embeddings, stack=build_stack(config.decoder)),
        output=OutputProjection(weight, bias=bias),
        target_projection=TargetProjection(languages, config.encoder.stack.width) if languages else None,
    )
    if config.adapters is not None:
        add_adapters(model, config.adapters)
    drop_skips(model, config.dropped_skips)
    return model


def add_adapters(model: EncoderDecoder, adapters: AdapterConfig) -> None:
    """Put a fresh adapter behind every block of the model, in place."""
    model.config = model.config.model_copy(update={"adapters": adapters})
    for stack, sizes in (
        (model.encoder.stack, model.config.encoder.stack),
        (model.decoder.stack, model.config.decoder),
    ):
        for block in stack.blocks:
            block.adapter = Adapter(len(adapters.groups), sizes.width, adapters.bottleneck, epsilon=sizes.epsilon)


def build_prompted_encoder(config: PromptedEncoderConfig, encoder: Encoder | None = None) -> PromptedEncoder:
    """An encoder with fresh prompts: freshly made itself, or the one given."""
    encoder = encoder if encoder is not None else build_encoder(config.encoder)
    sizes = config.encoder.stack
    uses = ("encode", "align", "denoise") if config.denoise else ("encode", "align")
    sets = len(config.groups)
    model = PromptedEncoder(
        config,
        encoder=encoder,
        prompts={use: Prompt(sizes.layers, config.prompt_length, sizes.width, sizes.heads, sets=sets) for use in uses},
        source_key=nn.Linear(sizes.width, sizes.width),
        source_value=nn.Linear(sizes.width, sizes.width),
        length=nn.Linear(sizes.width, config.length_classes) if config.length_classes else None,
    )
    drop_skips(model, config.dropped_skips)
    return model


def build_parallel_encoder_decoder(config: ParallelEncoderDecoderConfig) -> ParallelEncoderDecoder:
    """A non-autoregressive encoder-decoder with freshly made weights."""
    encoder = build_encoder(config.encoder)
    embeddings = build_embeddings(config.decoder_embeddings, encoder.embeddings.tokens)
    bias = nn.Parameter(torch.zeros(config.decoder_embeddings.vocabulary_size)) if config.output_bias else None
    languages = len(config.target_languages)
    model = ParallelEncoderDecoder(
        config,
        encoder=encoder,
        decoder=CanvasDecoder(embeddings=embeddings, stack=build_stack(config.decoder)),
        output=OutputProjection(embeddings.tokens.weight, bias=bias),
        target_projection=TargetProjection(languages, config.decoder.width) if languages else None,
    )
    drop_skips(model, config.dropped_skips)
    return model


def build_language_model(config: LanguageModelConfig) -> LanguageModel:
    """A language model with freshly made weights."""
    embeddings = build_embeddings(config.embeddings)
    output = OutputProjection(embeddings.tokens.weight)
    model = LanguageModel(config, embeddings=embeddings, stack=build_stack(config.stack), output=output)
    drop_skips(model, config.dropped_skips)
    return model


def build_prompted_language_model(
    config: PromptedLanguageModelConfig, language_model: LanguageModel | None = None
) -> PromptedLanguageModel:
    """A language model with fresh prompts: freshly made itself, or the one given."""
    language_model = language_model if language_model is not None else build_language_model(config.language_model)
    sizes = config.language_model.stack
    prompts = [
        Prompt(sizes.layers, config.prompt_length, sizes.width, sizes.heads, sets=len(config.groups))
        for _ in range(config.stages)
    ]
    model = PromptedLanguageModel(config, language_model=language_model, prompts=prompts)
    drop_skips(model, config.dropped_skips)
    return model


def build(config: Config) -> Model:
    """The model a config describes."""
    if isinstance(config, EncoderConfig):
        return build_encoder(config)
    if isinstance(config, ParallelEncoderDecoderConfig):
        return build_parallel_encoder_decoder(config)
    if isinstance(config, PromptedEncoderConfig):
        return build_prompted_encoder(config)
    if isinstance(config, LanguageModelConfig):
        return build_language_model(config)
    if isinstance(config, PromptedLanguageModelConfig):
        return build_prompted_language_model(config)
    return build_encoder_decoder(config)


def drop_skips(model: nn.Module, paths: tuple[str, ...]) -> None:
    """Switch off the skip of the residual connections at these module paths."""
    modules = dict(model.named_modules())
    for path in paths:
        residual = modules.get(path)
        if not isinstance(residual, Residual):
            raise UserError(f"the config drops the skip of '{path}', but the model has no residual connection there.")
        residual.skip = False


def dropped_skips(model: nn.Module) -> tuple[str, ...]:
    """Paths of the residual connections without their skip: the state of the model, not of its config."""
    return tuple(name for name, module in model.named_modules() if isinstance(module, Residual) and not module.skip)

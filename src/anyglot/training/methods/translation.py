"""What all methods that train an encoder-decoder on sentence pairs have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import BeforeValidator, Field, field_validator
from torch import nn

from anyglot.data.batch import TranslationBatch
from anyglot.data.corpus import LanguageCode
from anyglot.models.build import build_encoder_decoder
from anyglot.models.config import Activation, EmbeddingsConfig, EncoderDecoderConfig, Frozen, Probability, StackConfig
from anyglot.models.encoder import Encoder
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.extraction import without_cross_attention
from anyglot.models.initialize import initialise_fairseq
from anyglot.models.sizes import Scale
from anyglot.models.standardize import last_norm, standardize
from anyglot.nn.losses.likelihood import SmoothingForm, chunked_likelihood
from anyglot.training.methods.base import Kind, Losses

STANDARDIZE_OVER = 16_384
"""Source tokens by which mean and deviation of the encoder's states are told."""


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class DecoderSizes(Frozen):
    """A fresh decoder; its width and vocabulary are the encoder's. Defaults: SixT+ (method card 1.1).

    Args:
        norm_first: Pre-norm with a final norm (SixT+), or post-norm (SixT).
        positions: Sinusoidal (SixT+) or learned (SixT).
        activation: SixT+ uses the tanh approximation of GELU in the decoder only.
        scale: Factor on the token vectors it reads: sqrt(D) as in SixT+, none, or a number: a smaller one where the
            encoder's table has long rows (docs/sixt.md).
    """

    layers: int = Field(12, ge=1, le=200)
    heads: int = Field(16, ge=1, le=256)
    feedforward_width: int = Field(3072, ge=1)
    activation: Activation = "gelu_tanh"
    norm_first: bool = True
    positions: Literal["sinusoidal", "learned"] = "sinusoidal"
    scale: Scale = "sqrt"
    dropout: Probability = 0.1
    attention_dropout: Probability = 0.0
    activation_dropout: Probability = 0.0

    def parts(self, vocabulary_size: int, width: int) -> tuple[EmbeddingsConfig, StackConfig]:
        """The decoder's embeddings, without the norm an encoder's may have (method card 1.1), and its stack."""
        embeddings = EmbeddingsConfig(
            vocabulary_size=vocabulary_size,
            width=width,
            positions=self.positions,
            norm=False,
            scale=self.scale,
            dropout=self.dropout,
        )
        stack = StackConfig(
            layers=self.layers,
            width=width,
            heads=self.heads,
            feedforward_width=self.feedforward_width,
            activation=self.activation,
            norm_first=self.norm_first,
            cross_attention=True,
            dropout=self.dropout,
            attention_dropout=self.attention_dropout,
            activation_dropout=self.activation_dropout,
        )
        return embeddings, stack


class DecoderOptions(DecoderSizes):
    """The fresh decoder of a translator that writes word by word.

    Args:
        table: The decoder's token table: "shared", the encoder's own (SixT+), or "own", a copy of it that trains with
            the decoder (SixT). The output matrix is the decoder's table in either case.
    """

    table: Literal["shared", "own"] = "shared"


class LikelihoodOptions(Frozen):
    """Options of the loss, which every translation method has."""

    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1
    smoothing_form: SmoothingForm = "all"


class ManyTargets(Frozen):
    """The option of methods whose model may have a target projection.

    Args:
        target_languages: The languages a many-to-many model writes (SixT+ section 3.3), each with a projection between
            encoder and decoder; their order is that of the projection's rows. None: a model of one target language.
    """

    target_languages: Annotated[tuple[LanguageCode, ...], BeforeValidator(_tuple)] = ()

    @field_validator("target_languages")
    @classmethod
    def _each_once(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(codes)) < len(codes):
            raise ValueError(f"a language stands twice in {', '.join(codes)}")
        return codes


class MemoryOptions(Frozen):
    """What a fresh decoder is given of the encoder.

    Args:
        standardize: Before the first update the encoder's last norm is changed so that, over the first batches, its
            final states have mean 0 and deviation 1 in every dimension. Over encoders whose states are nearly one
            direction (E5) the decoder looks at its source much sooner (docs/sixt.md). No paper here does it.
    """

    standardize: bool = False


class TranslationOptions(LikelihoodOptions, ManyTargets):
    """Options of the methods that put a fresh decoder on an encoder."""

    decoder: DecoderOptions = DecoderOptions()
    memory: MemoryOptions = MemoryOptions()


def attach_decoder(
    encoder: Encoder, options: DecoderOptions, *, seed: int, end_id: int = 2, target_languages: tuple[str, ...] = ()
) -> EncoderDecoder:
    """An encoder-decoder around `encoder`, with a fresh decoder in fairseq's initialisation.

    One table serves as encoder input, decoder input (times sqrt(D), without the encoder's embedding norm) and output
    matrix without bias (method card 1.1); or the decoder has a copy of it for its two uses. Heads and a
    cross-attention that the encoder may have had are left behind.

    Args:
        end_id: Of the tokenizer; it ends a translation and starts the decoder. XLM-R's is 2, BERT's another.
        target_languages: Those of a target projection between the two (method card 1.5), or none for no projection.
    """
    encoder = without_cross_attention(encoder, keep_heads=False)
    embeddings, stack = options.parts(encoder.config.embeddings.vocabulary_size, encoder.config.stack.width)
    config = EncoderDecoderConfig(
        encoder=encoder.config,
        decoder_embeddings=embeddings,
        decoder=stack,
        share_embeddings=options.table == "shared",
        padding_id=encoder.config.padding_id,
        start_id=end_id,
        end_id=end_id,
        target_languages=target_languages,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_encoder_decoder(config, encoder)
        initialise_fairseq(model.decoder.stack)
        if options.positions == "learned":
            initialise_fairseq(model.decoder.embeddings.positions)  # type: ignore[arg-type]
        if model.target_projection is not None:
            initialise_fairseq(model.target_projection)
    if options.table == "own":
        with torch.no_grad():
            model.decoder.embeddings.tokens.weight.copy_(encoder.embeddings.tokens.weight)
    return model


def fresh_parameters(options: TranslationOptions) -> tuple[str, ...]:
    """Patterns over the parameters that no pretrained model gave: what every stage trains."""
    patterns = ["decoder.stack.*"]
    if options.decoder.positions == "learned":
        patterns.append("decoder.embeddings.positions.*")
    if options.target_languages:
        patterns.append("target_projection.*")
    return tuple(patterns)


def provenance_of(options: TranslationOptions, start: str) -> dict[str, str]:
    """Parameter-name pattern -> where its first values come from, for a model built around the encoder of `start`."""
    fresh = dict.fromkeys(fresh_parameters(options), "fresh")
    own = {"decoder.embeddings.tokens.*": f"copied from the encoder's table of {start}"}
    return fresh | (own if options.decoder.table == "own" else {}) | {"*": f"loaded from {start}"}


class TranslationMethod:
    """Teacher-forced likelihood of the target (SixT+ eq. 2 and 3)."""

    kind: ClassVar[Kind] = "translation"

    def __init__(self, options: LikelihoodOptions) -> None:
        self.options = options

    def losses(self, model: nn.Module, batch: TranslationBatch) -> Losses:
        """Label-smoothed negative log-likelihood, summed over the real target tokens."""
        assert isinstance(model, EncoderDecoder)
        hidden = model(
            batch.source,
            batch.source_mask,
            batch.target_input,
            batch.target_language,
            states=batch.source_states,
            group=batch.group,
        )
        real = batch.target_mask
        likelihood = chunked_likelihood(
            hidden[real],
            *model.output.matrix(),
            model.output.targets(batch.target_output[real]),
            smoothing=self.options.label_smoothing,
            form=self.options.smoothing_form,
        )
        return Losses(
            likelihood.smoothed,
            batch.target_tokens,
            {"nll": likelihood.negative_log_likelihood},
            sentences=likelihood.of_sentences(real),
        )


class FreshDecoderMethod(TranslationMethod):
    """A method that puts a fresh decoder on an encoder, whose states it may standardize first."""

    def __init__(self, options: TranslationOptions) -> None:
        super().__init__(options)
        self.options: TranslationOptions = options

    def prepared(self, model: nn.Module) -> frozenset[str]:
        """The weight and bias of the encoder's last norm, if states are to be standardized."""
        assert isinstance(model, EncoderDecoder)
        if not self.options.memory.standardize:
            return frozenset()
        changed = {id(parameter) for parameter in last_norm(model.encoder).parameters()}
        return frozenset(name for name, parameter in model.named_parameters() if id(parameter) in changed)

    def prepare(self, model: nn.Module, batches: Iterator[TranslationBatch]) -> str:
        """Standardise the encoder's final states over the first batches."""
        assert isinstance(model, EncoderDecoder)
        sources = ((batch.source, batch.source_mask) for batch in batches)
        tokens = standardize(model.encoder, sources, STANDARDIZE_OVER)
        return f"encoder states standardized over {tokens:,} source tokens"

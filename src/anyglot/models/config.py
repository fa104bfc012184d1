"""Sizes and switches of models: frozen, closed key lists, checked ranges. A foreign config.json is hostile input."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from anyglot.models.sizes import Activation, EmbeddingsConfig, Frozen, Probability, Size, StackConfig

__all__ = [
    "Activation",
    "AdapterConfig",
    "CanvasConfig",
    "Config",
    "EmbeddingsConfig",
    "EncoderConfig",
    "EncoderDecoderConfig",
    "Frozen",
    "LanguageModelConfig",
    "ModelConfig",
    "ParallelEncoderDecoderConfig",
    "Probability",
    "PromptedEncoderConfig",
    "PromptedLanguageModelConfig",
    "Size",
    "StackConfig",
    "check_canvas",
]


class EncoderConfig(Frozen):
    """An encoder, with a masked-language head, a pooler, or neither.

    Args:
        family: The checkpoint family it came from and can be saved back to, e.g. "xlm-roberta".
        dropped_skips: Residual connections without their skip, by module path.
    """

    kind: Literal["encoder"] = "encoder"
    family: str = "anyglot"
    embeddings: EmbeddingsConfig
    stack: StackConfig
    language_head: bool = False
    pooler: bool = False
    padding_id: int = Field(default=1, ge=0)
    dropped_skips: tuple[str, ...] = ()


class AdapterConfig(Frozen):
    """An adapter behind every block of encoder and decoder, for each group (Bapna and Firat, 2019).

    Args:
        groups: Labels of the groups: directions, target languages, or "*" for one that serves all.
        bottleneck: The adapters' inner width.
    """

    groups: tuple[str, ...] = Field(min_length=1, max_length=1000)
    bottleneck: int = Field(default=1024, ge=1, le=1_000_000)


class EncoderDecoderConfig(Frozen):
    """An encoder and a decoder that attends to it.

    Args:
        share_embeddings: Encoder and decoder look tokens up in one table.
        tie_output: The output projection is the decoder's token table.
        output_bias: Whether the output projection adds a bias.
        start_id: First decoder input. SixT+ and fairseq start with `</s>`.
        end_id: Ends a translation.
        output_rows: How many rows the output is restricted to; which ones stands with the weights. None: all.
        target_languages: Codes of the languages that have a target projection, in the order of its rows from 1 on;
            none: the model has no projection.
        adapters: None: the blocks have none.
    """

    kind: Literal["encoder-decoder"] = "encoder-decoder"
    family: str = "anyglot"
    encoder: EncoderConfig
    decoder_embeddings: EmbeddingsConfig
    decoder: StackConfig
    share_embeddings: bool = True
    tie_output: bool = True
    output_bias: bool = False
    padding_id: int = Field(default=1, ge=0)
    start_id: int = Field(default=2, ge=0)
    end_id: int = Field(default=2, ge=0)
    output_rows: int | None = Field(default=None, ge=1)
    target_languages: tuple[str, ...] = Field(default=(), max_length=1000)
    adapters: AdapterConfig | None = None
    dropped_skips: tuple[str, ...] = ()

    def target_row(self, code: str) -> int:
        """Row of the target projection for a language; 0 for one that has none."""
        return self.target_languages.index(code) + 1 if code in self.target_languages else 0

    @property
    def source_embeddings(self) -> EmbeddingsConfig:
        """Where the source is looked up."""
        return self.encoder.embeddings

    @property
    def target_embeddings(self) -> EmbeddingsConfig:
        """Where what was written is looked up."""
        return self.decoder_embeddings

    @property
    def generating_stack(self) -> StackConfig:
        """The blocks that write."""
        return self.decoder

    @model_validator(mode="after")
    def _parts_fit(self) -> EncoderDecoderConfig:
        if len(set(self.target_languages)) < len(self.target_languages):
            raise ValueError(f"target_languages holds a language twice: {', '.join(self.target_languages)}")
        if self.target_languages and self.decoder.width != self.encoder.stack.width:
            raise ValueError(
                f"a target projection keeps the width, but encoder width {self.encoder.stack.width} and decoder width "
                f"{self.decoder.width} differ"
            )
        if not self.decoder.cross_attention:
            raise ValueError("the decoder of an encoder-decoder needs cross_attention: true")
        if self.decoder.width != self.decoder_embeddings.width:
            raise ValueError(
                f"decoder width {self.decoder.width} and decoder embedding width {self.decoder_embeddings.width} differ"
            )
        if self.share_embeddings and (
            self.encoder.embeddings.width != self.decoder_embeddings.width
            or self.encoder.embeddings.vocabulary_size != self.decoder_embeddings.vocabulary_size
        ):
            raise ValueError("shared embeddings need one vocabulary size and one width on both sides")
        return self


class CanvasConfig(Frozen):
    """What a non-autoregressive model writes on, and how a target is read off it by CTC.

    Args:
        factor: Positions of the canvas for each source token (SGA: 2).
        mask_id: The token a canvas is made of.
        blank_id: CTC's blank. SGA takes the piece that is a bare word boundary.
        begin_id: With `frame`, the label in front of a target.
        end_id: With `frame`, the label behind it.
        frame: Targets are labelled `<s> y </s>` (SGA's released code), or y alone.
        of_batch: Every canvas is as long as that of the longest source in the batch, as in the released code of SGA;
            a translation then depends on its neighbours.
    """

    factor: int = Field(default=2, ge=1, le=16)
    mask_id: int = Field(ge=0)
    blank_id: int = Field(ge=0)
    begin_id: int = Field(default=0, ge=0)
    end_id: int = Field(default=2, ge=0)
    frame: bool = True
    of_batch: bool = False


def check_canvas(canvas: CanvasConfig, encoder: EncoderConfig) -> None:
    """Refuse tokens that the table does not hold."""
    size = encoder.embeddings.vocabulary_size
    for name in ("mask_id", "blank_id", "begin_id", "end_id"):
        if getattr(canvas, name) >= size:
            raise ValueError(f"canvas.{name} {getattr(canvas, name)} is outside the vocabulary of {size}")


class PromptedEncoderConfig(Frozen):
    """A frozen encoder that generates by prompts (SGA).

    Args:
        encoder: With a language head, which writes.
        prompt_length: Positions of each prompt, P.
        denoise: Whether there is a denoising unit beside those that encode and align.
        blank_input: What the denoiser reads where the blank was written: the second-best token there (the released
            code), the blank itself, or the mask token.
        groups: Labels of the prompt sets: directions, target languages, or "*" for one that serves all.
        source_end: Whether `</s>` stands behind the source; the released code leaves it out.
        mask_source_padding: Whether padded source positions are hidden from the canvas; the released code lets them be
            seen in training.
        length_classes: Of the length head of free generation: class n is a canvas of n positions, `<s>` and `</s>`
            among them, and the longest canvas has two fewer than there are classes (released: 48 and 50); 0: no such
            head.
        upsampling: Copies of each token of an alignment by mask-predict that the denoiser is given.
        output_rows: How many rows the output is restricted to; which ones stands with the weights. None: all.
    """

    kind: Literal["prompted-encoder"] = "prompted-encoder"
    family: str = "anyglot"
    encoder: EncoderConfig
    canvas: CanvasConfig
    prompt_length: int = Field(default=128, ge=0, le=4096)
    denoise: bool = True
    blank_input: Literal["second_best", "blank", "mask"] = "second_best"
    groups: tuple[str, ...] = Field(default=("*",), min_length=1, max_length=1000)
    source_end: bool = False
    mask_source_padding: bool = True
    length_classes: int = Field(default=0, ge=0, le=4096)
    upsampling: int = Field(default=2, ge=1, le=16)
    output_rows: int | None = Field(default=None, ge=1)
    dropped_skips: tuple[str, ...] = ()

    @property
    def source_embeddings(self) -> EmbeddingsConfig:
        """Where the source is looked up."""
        return self.encoder.embeddings

    @property
    def generating_stack(self) -> StackConfig:
        """The blocks that write."""
        return self.encoder.stack

    @model_validator(mode="after")
    def _parts_fit(self) -> PromptedEncoderConfig:
        if not self.encoder.language_head:
            raise ValueError("a prompted encoder writes with its language head: the encoder needs language_head: true")
        check_canvas(self.canvas, self.encoder)
        return self

    @property
    def end_id(self) -> int:
        """Ends a translation."""
        return self.canvas.end_id

    @property
    def longest(self) -> int:
        """Most positions of a canvas whose length the model predicts; below 3 where it predicts none."""
        return self.length_classes - 2


class ParallelEncoderDecoderConfig(Frozen):
    """An encoder and a decoder that writes a whole canvas at once (the non-autoregressive Transformer with CTC).

    One table serves the encoder, the canvas and the output.

    Args:
        canvas_input: What the decoder reads on an empty canvas: the vector of `canvas.mask_id` at every position, or
            "copy", the encoder's states, each `canvas.factor` times.
        output_bias: Whether the output projection adds a bias.
        output_rows: How many rows the output is restricted to; which ones stands with the weights. None: all.
        target_languages: As in `EncoderDecoderConfig`.
    """

    kind: Literal["parallel-encoder-decoder"] = "parallel-encoder-decoder"
    family: str = "anyglot"
    encoder: EncoderConfig
    canvas: CanvasConfig
    canvas_input: Literal["mask", "copy"] = "mask"
    decoder_embeddings: EmbeddingsConfig
    decoder: StackConfig
    output_bias: bool = False
    padding_id: int = Field(default=1, ge=0)
    output_rows: int | None = Field(default=None, ge=1)
    target_languages: tuple[str, ...] = Field(default=(), max_length=1000)
    dropped_skips: tuple[str, ...] = ()

    def target_row(self, code: str) -> int:
        """Row of the target projection for a language; 0 for one that has none."""
        return self.target_languages.index(code) + 1 if code in self.target_languages else 0

    @property
    def source_embeddings(self) -> EmbeddingsConfig:
        """Where the source is looked up."""
        return self.encoder.embeddings

    @property
    def generating_stack(self) -> StackConfig:
        """The blocks that write."""
        return self.decoder

    @model_validator(mode="after")
    def _parts_fit(self) -> ParallelEncoderDecoderConfig:
        if len(set(self.target_languages)) < len(self.target_languages):
            raise ValueError(f"target_languages holds a language twice: {', '.join(self.target_languages)}")
        if not self.decoder.cross_attention:
            raise ValueError("the decoder of a parallel encoder-decoder needs cross_attention: true")
        sides = self.encoder.embeddings, self.decoder_embeddings
        widths = {side.width for side in (*sides, self.decoder)}
        if len(widths) > 1 or sides[0].vocabulary_size != sides[1].vocabulary_size:
            raise ValueError("encoder, canvas and output share one table: they need one vocabulary size and one width")
        if self.canvas.of_batch:
            raise ValueError("canvas.of_batch is for prompted encoders; a canvas here has its own source's length")
        check_canvas(self.canvas, self.encoder)
        return self

    @property
    def end_id(self) -> int:
        """Ends a translation."""
        return self.canvas.end_id


class LanguageModelConfig(Frozen):
    """A causal language model whose output is its token table (GPT-2, mGPT).

    Args:
        start_id: In front of what is written.
        end_id: Ends it.
        output_rows: How many rows the output is restricted to; which ones stands with the weights. None: all.
    """

    kind: Literal["language-model"] = "language-model"
    family: str = "anyglot"
    embeddings: EmbeddingsConfig
    stack: StackConfig
    padding_id: int = Field(default=1, ge=0)
    start_id: int = Field(default=2, ge=0)
    end_id: int = Field(default=2, ge=0)
    output_rows: int | None = Field(default=None, ge=1)
    dropped_skips: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _parts_fit(self) -> LanguageModelConfig:
        if self.stack.cross_attention:
            raise ValueError("a language model has nothing to cross-attend to: cross_attention must be false")
        if self.stack.width != self.embeddings.width:
            raise ValueError(f"stack width {self.stack.width} and embedding width {self.embeddings.width} differ")
        return self


class PromptedLanguageModelConfig(Frozen):
    """A frozen language model that translates by prompts (MSP).

    Args:
        prompt_length: Positions of each prompt, P.
        stages: How often the source is read, plus one for writing (MSP: encode, re-encode, decode).
        groups: Labels of the prompt sets: directions, target languages, or "*" for one that serves all.
        start_id, end_id: In front of a translation, and behind it.
        output_rows: How many rows the output is restricted to; which ones stands with the weights. None: all.
    """

    kind: Literal["prompted-language-model"] = "prompted-language-model"
    family: str = "anyglot"
    language_model: LanguageModelConfig
    prompt_length: int = Field(default=128, ge=0, le=4096)
    stages: int = Field(default=3, ge=2, le=8)
    groups: tuple[str, ...] = Field(default=("*",), min_length=1, max_length=1000)
    padding_id: int = Field(default=1, ge=0)
    start_id: int = Field(default=2, ge=0)
    end_id: int = Field(default=2, ge=0)
    output_rows: int | None = Field(default=None, ge=1)
    dropped_skips: tuple[str, ...] = ()

    @property
    def source_embeddings(self) -> EmbeddingsConfig:
        """Where the source is looked up."""
        return self.language_model.embeddings

    @property
    def target_embeddings(self) -> EmbeddingsConfig:
        """Where what was written is looked up."""
        return self.language_model.embeddings

    @property
    def generating_stack(self) -> StackConfig:
        """The blocks that write."""
        return self.language_model.stack

    @model_validator(mode="after")
    def _first_stage_is_heard(self) -> PromptedLanguageModelConfig:
        # A block hands on keys that it made before it attended, so what a prompt says rises a block with every stage.
        layers = self.language_model.stack.layers
        if self.stages > layers:
            raise ValueError(
                f"{self.stages} stages over {layers} blocks leave the first stage's prompt without effect: a language "
                "model needs as many blocks as stages"
            )
        return self


Config = (
    EncoderConfig
    | EncoderDecoderConfig
    | PromptedEncoderConfig
    | ParallelEncoderDecoderConfig
    | LanguageModelConfig
    | PromptedLanguageModelConfig
)
ModelConfig = Annotated[Config, Field(discriminator="kind")]

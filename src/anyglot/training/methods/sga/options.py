"""What a recipe says of SGA's model, whatever it generates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from pydantic import Field, model_validator

from anyglot.errors import UserError
from anyglot.models.build import build_prompted_encoder
from anyglot.models.config import CanvasConfig, Frozen, Probability, PromptedEncoderConfig
from anyglot.models.extraction import set_dropout
from anyglot.models.pretrained.load import load_encoder
from anyglot.models.prompted import PromptedEncoder
from anyglot.nn.block import Block
from anyglot.text.language_groups import ALL
from anyglot.training.methods.canvas import piece_id
from anyglot.training.methods.language_groups import Groups
from anyglot.training.methods.sga.noise import Noise


class NoiseOptions(Frozen):
    """What is done to the denoiser's input in training (method card 3.4).

    Args:
        most: The rate is drawn from U(least, most) for each batch.
        least: Lowest rate.
        blanks: Share of the chosen tokens that become the blank.
        words: Share that becomes a random token; the rest are drawn from the same sentence.
    """

    most: Probability = 0.2
    least: Probability = 0.0
    blanks: float = Field(0.4, ge=0, le=1)
    words: float = Field(0.3, ge=0, le=1)

    @model_validator(mode="after")
    def _fit(self) -> NoiseOptions:
        if self.least > self.most:
            raise ValueError(f"the lowest rate, least {self.least}, is above the highest, most {self.most}")
        if self.blanks + self.words > 1:
            raise ValueError(f"the shares blanks {self.blanks} and words {self.words} make up more than 1")
        return self

    def noise(self, config: PromptedEncoderConfig, share: float = 1.0) -> Noise:
        """The noise for a model, at `share` of these rates."""
        canvas = config.canvas
        return Noise(
            most=self.most * share,
            least=self.least * share,
            blanks=self.blanks,
            words=self.words,
            blank=canvas.blank_id,
            vocabulary_size=config.encoder.embeddings.vocabulary_size,
            spared=(canvas.begin_id, canvas.end_id, config.encoder.padding_id),
        )


class PromptOptions(Frozen):
    """Options of every method that prompts a frozen encoder. Defaults: the paper, else the released code.

    Args:
        start: The pretrained encoder, with its language head: a folder or a hub name.
        prompt_length: Positions of each prompt.
        groups: Which directions share prompts: ["*"] one set for all, ["en", "de"] one a target language,
            ["de-en", "fr-en"] one a direction.
        blank: CTC's blank, a piece of the vocabulary.
        frame: Whether `<s>` and `</s>` are labels around a target.
        source_end: Whether `</s>` stands behind the source.
        positions: "trained": as the encoder was trained; "zero": counted from row 0 of its table, as the released code
            does (over XLM-R: off by two).
        mask_source_padding: False lets the canvas see padded source positions in training, as the released code does.
        projections: What W_K and W_V begin as: "fresh" values (the paper), or the mean over the layers of the
            "encoder"'s own key and value matrices, so that at first a canvas reads the source much as the encoder
            reads its neighbours; a small encoder learns faster from there (docs/log.md).
        dropout, attention_dropout: Of the frozen encoder in training; none: those it was pretrained with.
    """

    start: str
    prompt_length: int = Field(128, ge=0, le=4096)
    groups: Groups = (ALL,)
    blank: str = "▁"
    frame: bool = True
    source_end: bool = False
    positions: Literal["trained", "zero"] = "trained"
    mask_source_padding: bool = True
    projections: Literal["fresh", "encoder"] = "fresh"
    dropout: Probability | None = None
    attention_dropout: Probability | None = None


def build_prompted(
    options: PromptOptions, tokenizer: Any, seed: int, *, canvas: dict[str, Any], **sizes: Any
) -> PromptedEncoder:
    """The encoder a method starts from, with fresh prompts.

    Args:
        canvas: Settings of the canvas beside the special tokens, which are the tokenizer's.
        sizes: Other settings of `PromptedEncoderConfig`.

    Raises:
        UserError: The encoder has no language head, or the tokenizer no mask token or no such blank.
    """
    encoder = load_encoder(options.start)
    if encoder.head is None:
        raise UserError(
            f"{options.start} has no language head, so it cannot write: start from a pretrained encoder with its "
            "masked-language head."
        )
    if tokenizer.mask_id is None:
        raise UserError(f"the tokenizer of {options.start} has no mask token, which a canvas is made of.")
    encoder.pooler = None
    set_dropout(encoder, options.dropout, options.attention_dropout)
    config = encoder.config.model_copy(update={"pooler": False})
    if options.positions == "zero":
        config = config.model_copy(update={"embeddings": config.embeddings.model_copy(update={"position_offset": 0})})
        encoder.embeddings.positions.offset = 0  # type: ignore[union-attr]
    encoder.config = config
    special = {
        "mask_id": tokenizer.mask_id,
        "blank_id": piece_id(tokenizer, options.blank),
        "begin_id": tokenizer.begin_id,
        "end_id": tokenizer.end_id,
        "frame": options.frame,
    }
    wanted = PromptedEncoderConfig(
        encoder=config,
        canvas=CanvasConfig(**special, **canvas),
        prompt_length=options.prompt_length,
        groups=options.groups,
        source_end=options.source_end,
        mask_source_padding=options.mask_source_padding,
        **sizes,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_prompted_encoder(wanted, encoder)
        for projection in (model.source_key, model.source_value, model.length):
            if projection is not None:
                torch.nn.init.xavier_uniform_(projection.weight)
                torch.nn.init.zeros_(projection.bias)
    if options.projections == "encoder":
        attentions = [block.self_attention.inner for block in encoder.stack.blocks if isinstance(block, Block)]
        _set_to_mean(model.source_key, [attention.key for attention in attentions])
        _set_to_mean(model.source_value, [attention.value for attention in attentions])
    return model


def _set_to_mean(projection: torch.nn.Linear, parts: Sequence[torch.nn.Linear]) -> None:
    with torch.no_grad():
        projection.weight.copy_(torch.stack([part.weight for part in parts]).mean(dim=0))
        projection.bias.copy_(torch.stack([part.bias for part in parts]).mean(dim=0))

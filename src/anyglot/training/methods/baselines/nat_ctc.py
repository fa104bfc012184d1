"""The non-autoregressive Transformer with CTC (Libovický and Helcl, 2018; the NAT of SGA's table 1)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import BaseModel, Field
from torch import nn

from anyglot.data.batch import TranslationBatch
from anyglot.models.build import build_parallel_encoder_decoder
from anyglot.models.config import CanvasConfig, ParallelEncoderDecoderConfig
from anyglot.models.initialize import initialise_fairseq
from anyglot.models.parallel import ParallelEncoderDecoder
from anyglot.training.methods.base import Kind, Losses, Stage
from anyglot.training.methods.baselines.transformer import EncoderOptions
from anyglot.training.methods.canvas import CanvasWatch, canvas_likelihood, ctc_labels, piece_id, warn_of_lost_words
from anyglot.training.methods.translation import DecoderSizes, ManyTargets


class NatCtcOptions(ManyTargets):
    """Options of the non-autoregressive Transformer.

    Args:
        canvas_factor: Positions of the canvas for each source token (GLAT and DSLP: 2; Fully-NAT: 3).
        canvas_input: What the decoder reads: "mask", one vector at every position, or "copy", the encoder's states,
            each `canvas_factor` times (Fully-NAT).
        blank: CTC's blank, a piece of the vocabulary; GLAT's is the unknown token.
        frame: Whether `<s>` and `</s>` are labels around a target, as they are in SGA.
    """

    name: Literal["nat_ctc"] = "nat_ctc"
    encoder: EncoderOptions = EncoderOptions()
    decoder: DecoderSizes = DecoderSizes()
    canvas_factor: int = Field(2, ge=1, le=16)
    canvas_input: Literal["mask", "copy"] = "mask"
    blank: str = "<unk>"
    frame: bool = False


class NatCtc:
    """A Transformer from scratch that writes all positions at once, trained with CTC."""

    name: ClassVar[str] = "nat_ctc"
    Options: ClassVar[type[BaseModel]] = NatCtcOptions
    kind: ClassVar[Kind] = "translation"

    def __init__(self, options: NatCtcOptions) -> None:
        self.options = options
        self.watch = CanvasWatch(options.canvas_factor)

    def build(self, tokenizer: Any, seed: int) -> ParallelEncoderDecoder:
        """Make the model; the vocabulary is the tokenizer's.

        Raises:
            UserError: The tokenizer has no such blank.
        """
        options = self.options
        encoder = options.encoder.config(tokenizer.vocabulary_size)
        embeddings, stack = options.decoder.parts(tokenizer.vocabulary_size, encoder.stack.width)
        canvas = CanvasConfig(
            factor=options.canvas_factor,
            mask_id=tokenizer.unknown_id if tokenizer.mask_id is None else tokenizer.mask_id,
            blank_id=piece_id(tokenizer, options.blank),
            begin_id=tokenizer.begin_id,
            end_id=tokenizer.end_id,
            frame=options.frame,
        )
        config = ParallelEncoderDecoderConfig(
            encoder=encoder,
            canvas=canvas,
            canvas_input=options.canvas_input,
            decoder_embeddings=embeddings,
            decoder=stack,
            padding_id=tokenizer.pad_id,
            target_languages=options.target_languages,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = build_parallel_encoder_decoder(config)
            initialise_fairseq(model)
        return model

    def stages(self) -> list[Stage]:
        """One stage in which all moves."""
        return [Stage("all", trains=("*",), passes=1 + self.options.canvas_factor)]

    def losses(self, model: nn.Module, batch: TranslationBatch) -> Losses:
        """Negative log-likelihood of the targets over all alignments, summed over sentences.

        A pair whose target does not fit its canvas has no path, gives no gradient and is counted as "infeasible".
        """
        assert isinstance(model, ParallelEncoderDecoder)
        memory = model.read(batch.source, batch.source_mask, batch.target_language)
        canvas, mask = model.canvas(memory)
        labels = ctc_labels(batch.target_output, batch.target_mask, model.config.canvas)
        hidden = model.align(canvas, mask, memory)
        written = canvas_likelihood(model.output, hidden, mask, labels, model.config.canvas.blank_id)
        if model.training:
            self.watch.see(written.feasible)
        warn_of_lost_words(batch.target_output, batch.target_mask, model.config.canvas.blank_id)
        parts = {"nll": written.total.detach(), "infeasible": (~written.feasible).sum().float()}
        counts = {"infeasible": torch.tensor(len(batch.source))}
        return Losses(written.total, batch.target_tokens, parts, counts, written.each)

    def provenance(self) -> dict[str, str]:
        """Where first values come from."""
        return {"*": "fresh"}

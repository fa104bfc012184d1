"""SGA for translation: alignment and denoising, both by CTC (sections 4.3 to 4.5)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn

from anyglot.data.batch import TranslationBatch
from anyglot.models.prompted import PromptedEncoder, SourceMemory
from anyglot.nn.losses.ctc import Ctc
from anyglot.training.methods.base import Kind, Losses, Stage
from anyglot.training.methods.canvas import CanvasWatch, canvas_likelihood, ctc_labels, warn_of_lost_words
from anyglot.training.methods.sga.options import NoiseOptions, PromptOptions, build_prompted


class SgaOptions(PromptOptions):
    """Options of SGA for translation. Defaults: the paper, else the released code (method card 3).

    Args:
        canvas_factor: Positions of the canvas for each source token.
        canvas_of_batch: Canvases as long as that of the longest source of the batch, as in the released code.
        denoise: Whether there is a denoising unit; without it the model is the paper's "w/o denoising".
        unrolled_steps: How often the denoiser's own output is its next input in training; the noise halves each time.
        noise: Of the denoiser's input.
        blank_input: What the denoiser reads where the alignment wrote the blank: the second-best token there (the
            released code), the blank itself, or the mask token.
    """

    name: Literal["sga"] = "sga"
    canvas_factor: int = Field(2, ge=1, le=16)
    canvas_of_batch: bool = False
    denoise: bool = True
    unrolled_steps: int = Field(1, ge=1, le=8)
    noise: NoiseOptions = NoiseOptions()
    blank_input: Literal["second_best", "blank", "mask"] = "second_best"


class Sga:
    """Semantic-guided alignment then denoising (SGA): only prompts and two projections train."""

    name: ClassVar[str] = "sga"
    Options: ClassVar[type[BaseModel]] = SgaOptions
    kind: ClassVar[Kind] = "translation"

    def __init__(self, options: SgaOptions) -> None:
        self.options = options
        self.watch = CanvasWatch(options.canvas_factor)

    def build(self, tokenizer: Any, seed: int) -> PromptedEncoder:
        """Load the encoder and put fresh prompts in front of it."""
        canvas = {"factor": self.options.canvas_factor, "of_batch": self.options.canvas_of_batch}
        return build_prompted(
            self.options,
            tokenizer,
            seed,
            canvas=canvas,
            denoise=self.options.denoise,
            blank_input=self.options.blank_input,
        )

    def stages(self) -> list[Stage]:
        """One stage; the encoder never moves."""
        return [Stage("prompts", trains=("prompts.*", "source_key.*", "source_value.*"), passes=5)]

    def losses(self, model: nn.Module, batch: TranslationBatch) -> Losses:
        """Negative log-likelihood of the targets by alignment plus that by denoising (eq. 7), summed over sentences.

        A pair whose target does not fit its canvas has no path, gives no gradient and is counted as "infeasible".
        """
        assert isinstance(model, PromptedEncoder)
        memory = model.read(batch.source, batch.source_mask, batch.group)
        canvas, mask = model.canvas(memory)
        labels = ctc_labels(batch.target_output, batch.target_mask, model.config.canvas)
        aligned = self._judge(model, model.align(canvas, mask, memory), mask, labels)
        if model.training:
            self.watch.see(aligned.feasible)
        warn_of_lost_words(batch.target_output, batch.target_mask, model.config.canvas.blank_id)
        sentences = torch.tensor(len(batch.source))
        parts = {"align": aligned.total.detach(), "infeasible": (~aligned.feasible).sum().float()}
        total, last = aligned.total, aligned
        if model.config.denoise:
            total, last = self._denoised(model, aligned, mask, memory, labels)
            parts["denoise"] = last.total.detach()
            total = aligned.total + total
        parts["nll"] = last.total.detach()
        return Losses(total, batch.target_tokens, parts, {"infeasible": sentences}, last.each)

    def provenance(self) -> dict[str, str]:
        """Where first values come from."""
        fresh = dict.fromkeys(("prompts.*", "source_key.*", "source_value.*"), "fresh")
        return fresh | {"*": f"loaded from {self.options.start}"}

    def _denoised(
        self, model: PromptedEncoder, aligned: Ctc, mask: Tensor, memory: SourceMemory, labels: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Ctc]:
        """Mean loss of the unrolled steps, and what the last step gave."""
        total, last = aligned.total.new_zeros(()), aligned
        steps = self.options.unrolled_steps
        for step in range(steps):
            tokens = model.next_input(last.best, mask)
            if model.training:
                tokens = self.options.noise.noise(model.config, 0.5**step)(tokens, mask)
            last = self._judge(model, model.denoise(tokens, mask, memory), mask, labels)
            total = total + last.total / steps
        return total, last

    def _judge(self, model: PromptedEncoder, hidden: Tensor, mask: Tensor, labels: tuple[Tensor, Tensor]) -> Ctc:
        return canvas_likelihood(model.output, hidden, mask, labels, model.config.canvas.blank_id)

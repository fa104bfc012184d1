"""SGA for free generation: alignment by mask-predict, denoising by CTC (sections 4.3 to 5.5, method card 3.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn
from torch.nn import functional

from anyglot.data.batch import TranslationBatch
from anyglot.errors import UserError
from anyglot.models.config import CanvasConfig, Probability
from anyglot.models.prompted import PromptedEncoder, SourceMemory
from anyglot.nn.embeddings import LearnedPositions
from anyglot.nn.losses.ctc import Ctc
from anyglot.nn.losses.likelihood import SmoothingForm, chunked_likelihood, likeliest
from anyglot.training.methods.base import Kind, Losses, Stage
from anyglot.training.methods.canvas import canvas_likelihood, ctc_labels
from anyglot.training.methods.sga.options import NoiseOptions, PromptOptions, build_prompted

# Two classes more than there are positions, as in the released code.
SPARE_CLASSES = 2


class SgaGenerationOptions(PromptOptions):
    """Options of SGA for free generation. Defaults: the paper, else the released code (method card 3.5).

    Args:
        longest: Most positions of a canvas, `<s>` and `</s>` among them; longer targets are cut. The length head has
            two classes more, and class n is a canvas of n positions.
        least_masked: Of each target a share from U(0, 1) is masked, this at the least.
        label_smoothing, smoothing_form: Of the alignment's likelihood.
        denoise: Whether there is a denoising unit.
        upsampling: How often each token of an alignment stands in what the denoiser reads.
        noise: Of the denoiser's input.
    """

    name: Literal["sga_generation"] = "sga_generation"
    longest: int = Field(48, ge=3, le=4094)
    least_masked: float = Field(0.2, ge=0, le=1)
    label_smoothing: Probability = 0.1
    smoothing_form: SmoothingForm = "others"
    denoise: bool = True
    upsampling: int = Field(2, ge=1, le=16)
    noise: NoiseOptions = NoiseOptions(least=0.2, most=0.2)


@dataclass(frozen=True)
class FramedTargets:
    """Targets as a canvas of free generation holds them, `<s> y </s>`.

    Shape:
        tokens: (B, T) int64    mask: (B, T) bool    cut: (B,) bool, whether y lost its end
    """

    tokens: Tensor
    mask: Tensor
    cut: Tensor

    @classmethod
    def of(cls, batch: TranslationBatch, canvas: CanvasConfig, longest: int) -> FramedTargets:
        """Those of a batch, with at most `longest` positions; a longer one keeps its `</s>`."""
        tokens = functional.pad(batch.target_output, (1, 0), value=canvas.begin_id)[:, :longest]
        mask = functional.pad(batch.target_mask, (1, 0), value=True)
        cut = mask.sum(dim=1) > longest
        mask = mask[:, :longest]
        return cls(tokens.scatter(1, mask.sum(dim=1, keepdim=True) - 1, canvas.end_id), mask, cut)

    def inner(self) -> Tensor:
        """Positions of y, between `<s>` and `</s>`: (B, T) bool."""
        inner = functional.pad(self.mask[:, 1:], (0, 1))
        inner[:, 0] = False
        return inner


class SgaGeneration:
    """Semantic-guided alignment then denoising where many texts would be right (SGA section 5.5).

    The alignment is learned as mask-predict learns (Ghazvininejad et al., 2019), with a head that predicts the length.
    """

    name: ClassVar[str] = "sga_generation"
    Options: ClassVar[type[BaseModel]] = SgaGenerationOptions
    kind: ClassVar[Kind] = "translation"

    def __init__(self, options: SgaGenerationOptions) -> None:
        self.options = options

    def build(self, tokenizer: Any, seed: int) -> PromptedEncoder:
        """Load the encoder and put fresh prompts in front of it and a fresh length head on it.

        Raises:
            UserError: The encoder has fewer positions than the longest canvas.
        """
        options = self.options
        model = build_prompted(
            options,
            tokenizer,
            seed,
            canvas={},
            denoise=options.denoise,
            length_classes=options.longest + SPARE_CLASSES,
            upsampling=options.upsampling,
        )
        positions = model.encoder.embeddings.positions
        needed = options.longest * (options.upsampling if options.denoise else 1)
        if isinstance(positions, LearnedPositions) and positions.limit < needed:
            raise UserError(
                f"method.longest {options.longest} and upsampling {options.upsampling} want a canvas of {needed} "
                f"positions, but {options.start} has {positions.limit}: lower method.longest."
            )
        return model

    def stages(self) -> list[Stage]:
        """One stage; the encoder never moves."""
        trains = ("prompts.*", "source_key.*", "source_value.*", "length.*")
        return [Stage("prompts", trains=trains, passes=2 + self.options.upsampling * self.options.denoise)]

    def losses(self, model: nn.Module, batch: TranslationBatch) -> Losses:
        """Alignment, denoising and length (eq. 7 and method card 3.5), each a mean over what it predicts, unweighted.

        In training a share of each target is masked; in validation all of it, as on the first canvas of decoding. The
        mean over masked tokens and that over sentences are given the weight of all target tokens, which the loop
        divides by.
        """
        assert isinstance(model, PromptedEncoder)
        config = model.config
        targets = FramedTargets.of(batch, config.canvas, config.longest)
        memory = model.read(batch.source, batch.source_mask, batch.group)
        masked = self._masked(targets.inner(), training=model.training)
        hidden = model.align(targets.tokens.masked_fill(masked, config.canvas.mask_id), targets.mask, memory)
        aligned = chunked_likelihood(
            hidden[masked[targets.mask]],
            *model.output.matrix(),
            model.output.targets(targets.tokens[masked]),
            smoothing=self.options.label_smoothing,
            form=self.options.smoothing_form,
        )
        lengths = functional.cross_entropy(
            model.length_logits(memory).float(), targets.mask.sum(dim=1), reduction="sum"
        )
        words, sentences = masked.sum(), torch.tensor(len(batch.source))
        tokens = batch.target_tokens
        total = tokens * (aligned.smoothed / words.clamp(min=1) + lengths / sentences)
        plain = aligned.negative_log_likelihood
        parts = {"align": plain, "length": lengths.detach(), "cut": targets.cut.sum().float()}
        counts = {"align": words, "length": sentences, "cut": sentences}
        scale = tokens / words.clamp(min=1)
        parts["nll"], each = plain * scale, aligned.of_sentences(masked) * scale
        if config.denoise:
            denoised = self._denoised(model, hidden.detach(), targets, memory)
            total, parts["nll"], each = total + denoised.total, denoised.total.detach(), denoised.each
            parts |= {"denoise": parts["nll"], "infeasible": (~denoised.feasible).sum().float()}
            counts["infeasible"] = sentences
        return Losses(total, tokens, parts, counts, each)

    def provenance(self) -> dict[str, str]:
        """Where first values come from."""
        fresh = dict.fromkeys(("prompts.*", "source_key.*", "source_value.*", "length.*"), "fresh")
        return fresh | {"*": f"loaded from {self.options.start}"}

    def _masked(self, inner: Tensor, *, training: bool) -> Tensor:
        """Which positions of y are masked, at least one of each y that has any: (B, T) bool -> (B, T) bool."""
        if not training:
            return inner
        share = torch.rand(len(inner), 1, device=inner.device).clamp(min=self.options.least_masked)
        drawn = torch.rand(inner.shape, device=inner.device).masked_fill(~inner, torch.inf)
        lowest = drawn.amin(dim=1, keepdim=True)
        return inner & (drawn <= torch.maximum(share, lowest))

    def _denoised(self, model: PromptedEncoder, hidden: Tensor, targets: FramedTargets, memory: SourceMemory) -> Ctc:
        """Likelihood of the targets over the alignment's best tokens, each put down several times."""
        config = model.config
        best = likeliest(hidden, *model.output.matrix())[:, 0]
        best = best if model.output.rows is None else model.output.rows.full(best)
        inner = targets.inner()
        written = targets.tokens.masked_scatter(inner, best[inner[targets.mask]])
        tokens = written.repeat_interleave(config.upsampling, dim=1)
        mask = targets.mask.repeat_interleave(config.upsampling, dim=1)
        if model.training:
            tokens = self.options.noise.noise(config)(tokens, mask)
        labels = ctc_labels(targets.tokens[:, 1:], targets.mask[:, 1:], config.canvas)
        states = model.denoise(tokens, mask, memory)
        return canvas_likelihood(model.output, states, mask, labels, config.canvas.blank_id)

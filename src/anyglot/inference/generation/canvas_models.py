"""Models that write all positions of a canvas at once, as decoding sees them (`protocols.NonAutoregressiveModel`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from anyglot.inference.decoding.logits import Logits
from anyglot.models.parallel import ParallelEncoderDecoder
from anyglot.models.prompted import PromptedEncoder
from anyglot.nn.attention import Memory
from anyglot.nn.heads import OutputProjection


class PromptedCanvasModel:
    """SGA's model as decoding sees it.

    Args:
        chosen: The prompt set of each sentence, (B,) int64, or (1,) for all of them; None: the first.
    """

    def __init__(self, model: PromptedEncoder, chosen: Tensor | None = None) -> None:
        self.model, self.chosen = model, chosen
        self.blank = model.config.canvas.blank_id
        self.refines = model.config.denoise
        self.longest, self.upsampling = model.config.longest, model.config.upsampling
        self.mask_id = model.config.canvas.mask_id
        self.device = model.source_key.weight.device

    def read(self, source: Tensor, source_mask: Tensor) -> Any:
        return self.model.read(source, source_mask, self.chosen)

    def canvas(self, state: Any) -> tuple[Tensor, Tensor]:
        return self.model.canvas(state)

    def length_scores(self, state: Any) -> Tensor:
        """Log-probabilities of the lengths of a free canvas, (B, classes) float32; see `decoding.mask_predict`."""
        return self.model.length_logits(state).float().log_softmax(dim=1)

    def framed_canvas(self, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Canvases of known lengths, (B,) int64 -> tokens and mask (B, T)."""
        return self.model.framed_canvas(lengths)

    def align(self, tokens: Tensor, mask: Tensor, state: Any, at: Tensor | None = None) -> Logits:
        return self._logits(self.model.align(tokens, mask, state, at))

    def denoise(self, tokens: Tensor, mask: Tensor, state: Any) -> Logits:
        return self._logits(self.model.denoise(tokens, mask, state))

    def next_input(self, best: Tensor, mask: Tensor) -> Tensor:
        return self.model.next_input(best, mask)

    def keep(self, state: Any, rows: Tensor) -> Any:
        return state.keep(rows)

    def ids(self, places: Tensor) -> Tensor:
        return _ids(self.model.output, places)

    def places(self, ids: Sequence[int]) -> list[int]:
        return _places(self.model.output, ids)

    def _logits(self, hidden: Tensor) -> Logits:
        return Logits(self.model.output.parts(hidden), len(hidden), self.model.output.size)


class CtcCanvasModel:
    """A Transformer with CTC as decoding sees it: one pass, no denoiser.

    Args:
        target_language: For a model with a target projection: its row for each sentence, (B,) int64, or (1,) for all.
    """

    refines = False

    def __init__(self, model: ParallelEncoderDecoder, target_language: Tensor | None = None) -> None:
        self.model, self.target_language = model, target_language
        self.blank = model.config.canvas.blank_id

    def read(self, source: Tensor, source_mask: Tensor) -> Memory:
        language = None if self.target_language is None else self.target_language.expand(len(source))
        return self.model.read(source, source_mask, language)

    def canvas(self, state: Memory) -> tuple[Tensor, Tensor]:
        return self.model.canvas(state)

    def align(self, tokens: Tensor, mask: Tensor, state: Memory) -> Logits:
        hidden = self.model.align(tokens, mask, state)
        return Logits(self.model.output.parts(hidden), len(hidden), self.model.output.size)

    def denoise(self, tokens: Tensor, mask: Tensor, state: Memory) -> Logits:
        raise ValueError("a Transformer with CTC writes in one pass and has no denoiser.")

    def next_input(self, best: Tensor, mask: Tensor) -> Tensor:
        raise ValueError("a Transformer with CTC writes in one pass and has no denoiser.")

    def keep(self, state: Memory, rows: Tensor) -> Memory:
        return Memory(state.states[rows], state.mask[rows])

    def ids(self, places: Tensor) -> Tensor:
        return _ids(self.model.output, places)

    def places(self, ids: Sequence[int]) -> list[int]:
        return _places(self.model.output, ids)


def _ids(output: OutputProjection, places: Tensor) -> Tensor:
    return places if output.rows is None else output.rows.full(places)


def _places(output: OutputProjection, ids: Sequence[int]) -> list[int]:
    if output.rows is None:
        return list(ids)
    known = output.rows.places[list(ids)].tolist()
    return [place for place in known if place >= 0]

"""What decoding asks of a model that writes all positions of a canvas at once."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor

from anyglot.decoding.logits import Logits
from anyglot.models.prompted import PromptedEncoder


class ParallelModel(Protocol):
    """A non-autoregressive model: SGA's prompted encoder, or a Transformer trained with CTC.

    Tokens are ids of the output's own numbering in what comes out (`Logits`, places among the kept rows where the
    output is restricted), and ids of the table in what goes in; `ids` and `places` lead from one to the other.
    """

    blank: int
    """CTC's blank, as an id of the table."""
    refines: bool
    """Whether there is a denoiser."""

    def read(self, source: Tensor, source_mask: Tensor) -> Any:
        """Read the source once: (B, S) int64, (B, S) bool -> a state."""

    def canvas(self, state: Any) -> tuple[Tensor, Tensor]:
        """An empty canvas for each source: tokens (B, T) int64, mask (B, T) bool."""

    def align(self, tokens: Tensor, mask: Tensor, state: Any) -> Logits:
        """Write on the canvas: R rows, one a real position, sentence by sentence."""

    def denoise(self, tokens: Tensor, mask: Tensor, state: Any) -> Logits:
        """Write again over `tokens`; as `align`."""

    def ids(self, places: Tensor) -> Tensor:
        """What the output calls a token -> its id in the table; any shape."""


class PromptedParallelModel:
    """SGA's model as decoding sees it.

    Args:
        chosen: The prompt set of each sentence, (B,) int64; None: the first.
    """

    def __init__(self, model: PromptedEncoder, chosen: Tensor | None = None) -> None:
        self.model, self.chosen = model, chosen
        self.blank = model.config.canvas.blank_id
        self.refines = model.config.denoise

    def read(self, source: Tensor, source_mask: Tensor) -> Any:
        return self.model.read(source, source_mask, self.chosen)

    def canvas(self, state: Any) -> tuple[Tensor, Tensor]:
        return self.model.canvas(state)

    def align(self, tokens: Tensor, mask: Tensor, state: Any) -> Logits:
        return self._logits(self.model.align(tokens, mask, state))

    def denoise(self, tokens: Tensor, mask: Tensor, state: Any) -> Logits:
        return self._logits(self.model.denoise(tokens, mask, state))

    def ids(self, places: Tensor) -> Tensor:
        rows = self.model.output.rows
        return places if rows is None else rows.full(places)

    def _logits(self, hidden: Tensor) -> Logits:
        return Logits(self.model.output.parts(hidden), len(hidden), self.model.output.size)

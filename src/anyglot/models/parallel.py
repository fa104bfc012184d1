"""A Transformer that writes all positions of a canvas at once, read off by CTC (Libovický and Helcl, 2018).

| paper (Libovický and Helcl, section 3)       | here                              |
|----------------------------------------------|-----------------------------------|
| encoder                                      | `ParallelEncoderDecoder.read`     |
| states split into k, the canvas              | `ParallelEncoderDecoder.canvas`, `canvas_input` |
| decoder without a causal mask, labels by CTC | `ParallelEncoderDecoder.align`    |
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from anyglot.models.config import ParallelEncoderDecoderConfig
from anyglot.models.encoder import Encoder
from anyglot.nn.attention import Memory
from anyglot.nn.embeddings import Embeddings
from anyglot.nn.heads import OutputProjection
from anyglot.nn.masks import lengths_mask, padding_mask
from anyglot.nn.projection import TargetProjection
from anyglot.nn.stack import Stack


class CanvasDecoder(nn.Module):
    """Embeddings and a stack that attends to a memory and, in both directions, to the canvas."""

    def __init__(self, *, embeddings: Embeddings, stack: Stack) -> None:
        super().__init__()
        self.embeddings = embeddings
        self.stack = stack

    def forward(self, tokens: Tensor, mask: Tensor, memory: Memory, *, vectors: Tensor | None = None) -> Tensor:
        """Decode every position with sight of every other.

        Args:
            vectors: What stands on the canvas instead of the tokens' vectors.

        Shape:
            tokens: (B, T) int64    mask: (B, T) bool    vectors: (B, T, D)    returns: (B, T, D)
        """
        x = self.embeddings(tokens) if vectors is None else self.embeddings.finish(vectors)
        hidden: Tensor = self.stack(x, mask=padding_mask(mask), memory=memory).last
        return hidden


class ParallelEncoderDecoder(nn.Module):
    """The non-autoregressive Transformer with CTC: one pass of the decoder writes the whole translation.

    Args:
        target_projection: Turns the encoder's states to the target language, where several are written.

    Attributes:
        batch_invariant: Whether a sentence's result does not depend on its batch; set by `models/precision.py`.
    """

    def __init__(
        self,
        config: ParallelEncoderDecoderConfig,
        *,
        encoder: Encoder,
        decoder: CanvasDecoder,
        output: OutputProjection,
        target_projection: TargetProjection | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder
        self.decoder = decoder
        self.output = output
        self.target_projection = target_projection
        self.batch_invariant = False

    def read(self, source: Tensor, source_mask: Tensor, target_language: Tensor | None = None) -> Memory:
        """Encode the source.

        Args:
            target_language: Of each row, as `config.target_languages` numbers them from 1 on.

        Raises:
            ValueError: The model has a target projection and no language was given, or the other way round.

        Shape:
            source: (B, S) int64    source_mask: (B, S) bool    target_language: (B,) int64
        """
        states = self.encoder(source, source_mask).last
        if (self.target_projection is None) != (target_language is None):
            has = "a target projection but no target language" if target_language is None else "no target projection"
            raise ValueError(f"the model has {has}; give target languages to models of several, and to them only.")
        if self.target_projection is not None:
            states = self.target_projection(states, target_language)
        return Memory(states, source_mask)

    def canvas(self, memory: Memory) -> tuple[Tensor, Tensor]:
        """An empty canvas for every source: tokens (B, T) int64 and which positions are real (B, T) bool.

        A canvas has `factor` positions for each token of its own source, `<s>` and `</s>` included.
        """
        settings = self.config.canvas
        mask = lengths_mask(memory.mask.sum(dim=1) * settings.factor)
        return torch.where(mask, settings.mask_id, self.config.padding_id), mask

    def align(self, canvas: Tensor, mask: Tensor, memory: Memory) -> Tensor:
        """Write on a canvas, all positions at once.

        Shape:
            canvas: (B, T) int64    mask: (B, T) bool    returns: (R, D), what the output matrix is multiplied with at
                the R real positions, row by row
        """
        vectors = None
        if self.config.canvas_input == "copy":
            vectors = memory.states.repeat_interleave(self.config.canvas.factor, dim=1)[:, : canvas.shape[1]]
        hidden: Tensor = self.decoder(canvas, mask, memory, vectors=vectors)
        return hidden[mask]

    def forward(self, source: Tensor, source_mask: Tensor, target_language: Tensor | None = None) -> Tensor:
        """Read and align: (R, D) as in `align`."""
        memory = self.read(source, source_mask, target_language)
        return self.align(*self.canvas(memory), memory)

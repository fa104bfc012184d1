"""From token ids to the states that enter a stack."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn


class LearnedPositions(nn.Module):
    """A row of a trained table for each position.

    RoBERTa and XLM-R give the first token row 2 (the pad id plus one): offset 2. mBART does too. BERT: offset 0.

    Args:
        rows: Rows of the table, the offset's included; positions 0 .. rows - offset - 1 can be looked up.
        width: D.
        offset: Row of the first position.
    """

    def __init__(self, rows: int, width: int, *, offset: int) -> None:
        super().__init__()
        self.table = nn.Embedding(rows, width)
        self.offset = offset

    @property
    def limit(self) -> int:
        """Positions that can be looked up."""
        return self.table.num_embeddings - self.offset

    def forward(self, start: int, length: int) -> Tensor:
        """Vectors of positions start .. start + length - 1: (length, D)."""
        if start + length > self.limit:
            raise ValueError(f"position {start + length - 1} was asked for, but the table ends at {self.limit - 1}.")
        return self.table.weight[self.offset + start : self.offset + start + length]


def sinusoids(rows: int, width: int) -> Tensor:
    """fairseq's waves: sines, then cosines, of row * 10000^(-i / (width / 2 - 1)). Returns (rows, width).

    An odd last column is 0.
    """
    # Always on the CPU: a model built on the meta device needs the real table, as no checkpoint holds it.
    half = width // 2
    rate = torch.exp(torch.arange(half, dtype=torch.float32, device="cpu") * -(math.log(10000.0) / max(half - 1, 1)))
    angle = torch.arange(rows, dtype=torch.float32, device="cpu")[:, None] * rate[None, :]
    table = torch.cat([angle.sin(), angle.cos()], dim=1)
    return nn.functional.pad(table, (0, width - 2 * half))


def vaswani_sinusoids(rows: int, width: int) -> Tensor:
    """The waves of Vaswani et al., section 3.5: sines, then cosines, of row * 10000^(-2i / width). (rows, width).

    Marian's; the paper lets sines and cosines alternate. Of an odd width the sines have one column more. Computed in
    float64, as Marian's converter did: the angles of far positions are large.
    """
    exponents = torch.arange(0, width, 2, dtype=torch.float64, device="cpu") / width
    angle = torch.arange(rows, dtype=torch.float64, device="cpu")[:, None] / 10000.0**exponents
    return torch.cat([angle.sin(), angle[:, : width // 2].cos()], dim=1).float()


class SinusoidalPositions(nn.Module):
    """Wave positions. The table is computed, not stored in checkpoints, and grows when a longer sequence arrives.

    Args:
        width: D.
        offset: Index of the first position; fairseq and M2M-100 count from the pad id plus one, which is 2.
        waves: (rows, width) -> the table (rows, width): `sinusoids` or `vaswani_sinusoids`.
    """

    def __init__(
        self, width: int, *, offset: int = 2, rows: int = 1024, waves: Callable[[int, int], Tensor] = sinusoids
    ) -> None:
        super().__init__()
        self.width = width
        self.offset = offset
        self.waves = waves
        self.register_buffer("table", waves(rows, width), persistent=False)
        self.table: Tensor

    def forward(self, start: int, length: int) -> Tensor:
        """Vectors of positions start .. start + length - 1: (length, D)."""
        end = self.offset + start + length
        if end > self.table.shape[0]:
            self.table = self.waves(2 * end, self.width).to(self.table)
        return self.table[self.offset + start : end]


class Embeddings(nn.Module):
    """Token vectors times a scale, plus positions, plus BERT's segment row, then norm and dropout.

    Args:
        tokens: The table (V, D). The same object may serve elsewhere: a shared matrix is one parameter.
        positions: Gives (length, D) for (start, length), or None.
        segments: BERT's token-type table; its row 0 where nothing is said.
        norm: Layer norm on the sum, or None.
        scale: Factor on the token vectors: 1 for BERT and XLM-R, sqrt(D) for mBART, M2M-100 and the SixT+ decoder.
        dropout: On the result.

    Shape:
        tokens: (B, T) int64    returns: (B, T, D)
    """

    def __init__(
        self,
        tokens: nn.Embedding,
        *,
        positions: LearnedPositions | SinusoidalPositions | None,
        segments: nn.Embedding | None = None,
        norm: nn.LayerNorm | None = None,
        scale: float = 1.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.tokens = tokens
        self.positions = positions
        self.segments = segments
        self.norm = norm
        self.scale = scale
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, start: int = 0, segment_ids: Tensor | None = None) -> Tensor:
        """Embed tokens whose first column stands at position `start`. Padding must be on the right.

        `segment_ids`, (B, T) int64, tell BERT's first text of a pair (0) from its second (1); models without a
        token-type table pass over them.
        """
        x: Tensor = self.tokens(tokens)
        return self.finish(x * self.scale if self.scale != 1.0 else x, start, segment_ids)

    def finish(self, x: Tensor, start: int = 0, segment_ids: Tensor | None = None) -> Tensor:
        """All that is done to token vectors, for vectors that come from elsewhere; (B, T, D) -> (B, T, D)."""
        if self.positions is not None:
            x = x + self.positions(start, x.shape[1])
        if self.segments is not None:
            x = x + (self.segments.weight[0] if segment_ids is None else self.segments(segment_ids))
        if self.norm is not None:
            x = self.norm(x)
        dropped: Tensor = self.dropout(x)
        return dropped

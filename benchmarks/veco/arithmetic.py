"""How many operations the passes of an update take: matrix products alone, forward and backward, two a multiply-add.

Shapes are those of the padded batch, so padding is no excuse and no fault. What a causal mask hides is not counted, and
of the vocabulary the three products without which there is no gradient (logits, of the states, of the table).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stack:
    """The sizes of the model that decide."""

    layers: int
    width: int
    feedforward_width: int
    vocabulary: int

    def encoder(self, rows: int, length: int) -> float:
        """A pass of the encoder role over `rows` sequences of `length` (VECO eq. 4)."""
        return self.layers * (self._own(rows * length) + self._products(rows, length, length))

    def causal(self, rows: int, length: int) -> float:
        """The same with a causal mask."""
        visible = (length + 1) / (2 * length)
        return self.layers * (self._own(rows * length) + visible * self._products(rows, length, length))

    def decoder(self, rows: int, length: int, memory: int) -> float:
        """A pass of the decoder role that reads `memory` positions of states without gradient (VECO eq. 6)."""
        queries = 2 * _linear(rows * length, self.width, self.width)
        keys = 2 * _linear(rows * memory, self.width, self.width, into_input=False)
        return self.causal(rows, length) + self.layers * (queries + keys + self._products(rows, length, memory))

    def head(self, masked: int) -> float:
        """The masked-language head over so many positions."""
        return _linear(masked, self.width, self.width) + _linear(masked, self.width, self.vocabulary)

    def _own(self, tokens: int) -> float:
        """Self-attention's four maps and the feed-forward's two, of one block."""
        return 4 * _linear(tokens, self.width, self.width) + 2 * _linear(tokens, self.width, self.feedforward_width)

    def _products(self, rows: int, queries: int, keys: int) -> float:
        """Scores and their mean of values: two products forward and four backward."""
        return 6 * 2.0 * rows * queries * keys * self.width


def _linear(rows: int, inputs: int, outputs: int, *, into_input: bool = True) -> float:
    """Forward, gradient of the weight, and gradient of the input where something in front of it learns."""
    return (3 if into_input else 2) * 2.0 * rows * inputs * outputs

"""VECO's equations in plain torch, a row at a time and without padding: what `methods/veco` is held to."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from anyglot.data.batch import IGNORED, SegmentBatch
from anyglot.models.encoder import Encoder


class NaiveVeco:
    """The arithmetic of an encoder with cross-attention (post-norm, learned positions), on its own weights.

    Args:
        detach: Whether the memory of equation 6 is taken out of the graph, as the paper says below equation 7.
    """

    def __init__(self, model: Encoder, *, detach: bool = True) -> None:
        self.weights = dict(model.named_parameters())
        self.layers = model.config.stack.layers
        self.heads = model.config.stack.heads
        self.detach = detach

    def terms(self, batch: SegmentBatch) -> dict[str, Tensor]:
        """Sum of -log p over the masked positions, for each term of equation 8 and for TLM."""
        found = {name: torch.zeros((), dtype=torch.float64) for name in ("inner_first", "inner_second")}
        found |= {name: torch.zeros((), dtype=torch.float64) for name in ("cross_second", "cross_first")}
        for row in range(len(batch)):
            x, x_labels = _real(batch.first, batch.first_mask, batch.first_labels, row)
            y, y_labels = _real(batch.second, batch.second_mask, batch.second_labels, row)
            x_states, y_states = self.states(x), self.states(y)
            found["inner_first"] += self.loss(x_states, x_labels)
            found["inner_second"] += self.loss(y_states, y_labels)
            if self.detach:
                x_states, y_states = x_states.detach(), y_states.detach()
            found["cross_second"] += self.loss(self.states(y, x_states), y_labels)
            found["cross_first"] += self.loss(self.states(x, y_states), x_labels)
        if batch.joined is not None:
            found["translation"] = torch.zeros((), dtype=torch.float64)
            for row in range(len(batch)):
                x, x_labels = _real(batch.first, batch.first_mask, batch.first_labels, row)
                y, y_labels = _real(batch.second, batch.second_mask, batch.second_labels, row)
                joined, labels = torch.cat([x, y[1:]]), torch.cat([x_labels, y_labels[1:]])
                found["translation"] += self.loss(self.states(joined), labels)
        return found

    def states(self, tokens: Tensor, memory: Tensor | None = None) -> Tensor:
        """Equations 4 and 6 for one sequence: (T,) and (S, D) -> (T, D)."""
        weights = self.weights
        x = weights["embeddings.tokens.weight"][tokens]
        x = x + weights["embeddings.positions.table.weight"][2 : 2 + len(tokens)]
        x = self._norm(x, "embeddings.norm")
        causal = None if memory is None else torch.ones(len(tokens), len(tokens), dtype=torch.bool).triu(1)
        for layer in range(self.layers):
            block = f"stack.blocks.{layer}"
            own = f"{block}.self_attention"
            x = self._norm(x + self._attention(x, x, f"{own}.inner", causal), f"{own}.norm")
            if memory is not None:
                cross = f"{block}.cross_attention"
                x = self._norm(x + self._attention(x, memory, f"{cross}.inner", None), f"{cross}.norm")
            inner = functional.gelu(self._linear(x, f"{block}.feedforward.inner.up"))
            x = x + self._linear(inner, f"{block}.feedforward.inner.down")
            x = self._norm(x, f"{block}.feedforward.norm")
        return x

    def loss(self, states: Tensor, labels: Tensor) -> Tensor:
        """Full logits, cross-entropy summed over the labelled positions."""
        hidden = self._norm(functional.gelu(self._linear(states, "head.dense")), "head.norm")
        logits = hidden @ self.weights["embeddings.tokens.weight"].T + self.weights["head.output.bias"]
        return functional.cross_entropy(logits.double(), labels, ignore_index=IGNORED, reduction="sum")

    def _attention(self, x: Tensor, memory: Tensor, name: str, hidden: Tensor | None) -> Tensor:
        heads = []
        query, key, value = (
            self._linear(states, f"{name}.{part}").chunk(self.heads, dim=-1)
            for states, part in ((x, "query"), (memory, "key"), (memory, "value"))
        )
        for q, k, v in zip(query, key, value, strict=True):
            scores = q @ k.T / q.shape[-1] ** 0.5
            if hidden is not None:
                scores = scores.masked_fill(hidden, -torch.inf)
            heads.append(scores.softmax(dim=-1) @ v)
        return self._linear(torch.cat(heads, dim=-1), f"{name}.output")

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def _norm(self, x: Tensor, name: str) -> Tensor:
        centered = x - x.mean(dim=-1, keepdim=True)
        spread = (centered.square().mean(dim=-1, keepdim=True) + 1e-5).sqrt()
        return centered / spread * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]


def _real(tokens: Tensor, mask: Tensor, labels: Tensor, row: int) -> tuple[Tensor, Tensor]:
    length = int(mask[row].sum())
    return tokens[row, :length], labels[row, :length]

"""Keys and values kept between decoding steps.

Self-attention keys belong to a sentence, not to a beam: its beams share a pool of slots, and a mask says which of them
belong to a beam's hypothesis. So choosing other beams changes a small mask and moves no keys, what several beams have
in common is held once, and a slot that no beam sees any more is written again. Cross-attention keys are computed once a
sentence.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from anyglot.nn.batch_invariant import batch_invariant_length


class KeyValueCache:
    """The pools of one self-attention; `P` slots a sentence.

    Shape:
        keys, values: (B, H, P, D / H)
    """

    def __init__(self, beams: int = 1) -> None:
        self.beams = beams
        self.keys: Tensor | None = None
        self.values: Tensor | None = None
        self.size = 0
        self.place: tuple[Tensor, Tensor] | None = None  # sentence and slot of what is appended next

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write new keys and values, (B, H, new, D / H), into their slots and return the pools."""
        if self.keys is None or self.values is None:
            rows, heads, _, width = keys.shape
            self.keys = keys.new_zeros(rows, heads, self.size, width)
            self.values = values.new_zeros(rows, heads, self.size, width)
        missing = self.size - self.keys.shape[2]
        if missing:
            self.keys = functional.pad(self.keys, (0, 0, 0, missing))
            self.values = functional.pad(self.values, (0, 0, 0, missing))
        assert self.place is not None, "Cache.advance says where the new positions go"
        sentence, slot = self.place
        self.keys[sentence, :, slot] = keys.transpose(1, 2)
        self.values[sentence, :, slot] = values.transpose(1, 2)
        return self.keys, self.values

    def keep(self, sentences: Tensor) -> None:
        """Take the pool of sentence `sentences[i]` as the new pool i."""
        if self.keys is not None and self.values is not None:
            self.keys = self.keys.index_select(0, sentences)
            self.values = self.values.index_select(0, sentences)


class LayerCache:
    """What one block keeps: its own past and, once computed, the keys and values of the memory."""

    def __init__(self, beams: int = 1) -> None:
        self.own = KeyValueCache(beams)
        self.memory: tuple[Tensor, Tensor] | None = None  # each (B, H, S, D / H)


class Cache:
    """What a stack keeps between decoding steps, one `LayerCache` per block.

    Args:
        layers: Blocks of the stack.
        beams: Rows a sentence has (K), standing together. With 1 every row is a sentence of its own.

    Attributes:
        length: Positions already decoded.
        visible: (B, K, P) bool, the slots of each beam's hypothesis; None before the first position.
    """

    def __init__(self, layers: int, beams: int = 1) -> None:
        self.layers = [LayerCache(beams) for _ in range(layers)]
        self.beams = beams
        self.length = 0
        self.visible: Tensor | None = None

    def advance(self, rows: int, positions: int, device: torch.device) -> Tensor:
        """Make room for new positions of every row and return the mask of the next pass.

        Shape:
            returns: (B, 1, K * positions, P) bool, for queries in the order of the rows
        """
        sentences, new = rows // self.beams, self.beams * positions
        if self.visible is None:
            self.visible = torch.zeros(sentences, self.beams, 0, dtype=torch.bool, device=device)
        taken = self.visible.any(dim=1)
        most = int(taken.sum(dim=1).max()) if taken.numel() else 0
        if most + new > self.visible.shape[2]:
            size = batch_invariant_length(most + new)
            self.visible = functional.pad(self.visible, (0, size - self.visible.shape[2]))
            taken = self.visible.any(dim=1)
        # The lowest free slots: where a position goes depends on its own sentence alone.
        slots = taken.to(torch.uint8).sort(dim=1, stable=True).indices[:, :new].view(sentences, self.beams, positions)
        masks = []
        for position in range(positions):
            self.visible = self.visible.scatter(2, slots[:, :, position : position + 1], True)
            masks.append(self.visible)
        place = torch.arange(sentences, device=device)[:, None], slots.view(sentences, new)
        for layer in self.layers:
            layer.own.size, layer.own.place = self.visible.shape[2], place
        self.length += positions
        return torch.stack(masks, dim=2).view(sentences, 1, new, -1)

    def forget(self, positions: int) -> None:
        """Take back the last `positions`: the pools are then laid out as if they had never been decoded.

        Their slots are no longer seen and are the next to be written.

        Raises:
            ValueError: There are fewer, or rows share a pool, where a slot may belong to another row's hypothesis.
        """
        if self.beams > 1 or positions > self.length:
            raise ValueError(
                f"{positions} of {self.length} positions cannot be taken back with {self.beams} rows a sentence: "
                "take back what was decoded, with one row a sentence."
            )
        self.length -= positions
        if self.visible is not None:
            # With a row of its own a sentence's slots are its positions: the lowest free slot is always the next.
            self.visible = self.visible & (
                torch.arange(self.visible.shape[2], device=self.visible.device) < self.length
            )

    def reorder(self, rows: Tensor) -> None:
        """Take row `rows[i]` of the past as the new row i; the memory's keys stay.

        Rows may repeat or be left out, and new row i comes from the sentence that new rows i // K * K ... come from.
        """
        if self.visible is None:
            return
        grouped = rows.view(-1, self.beams)
        sentences = torch.div(grouped[:, 0], self.beams, rounding_mode="floor")
        if not torch.equal(sentences, torch.arange(len(self.visible), device=rows.device)):
            self.visible = self.visible.index_select(0, sentences)
            for layer in self.layers:
                layer.own.keep(sentences)
        if self.beams > 1:
            parents = (grouped % self.beams)[:, :, None].expand(-1, -1, self.visible.shape[2])
            self.visible = self.visible.gather(1, parents)

    def keep_sentences(self, sentences: Tensor) -> None:
        """Keep the memory's keys of these sentences only. The rows are dropped by `reorder`."""
        for layer in self.layers:
            if layer.memory is not None:
                keys, values = layer.memory
                layer.memory = keys.index_select(0, sentences), values.index_select(0, sentences)


def split_heads(states: Tensor, heads: int) -> Tensor:
    """(B, T, D) -> (B, H, T, D / H)."""
    rows, length, width = states.shape
    return states.view(rows, length, heads, width // heads).transpose(1, 2)


def merge_heads(states: Tensor) -> Tensor:
    """(B, H, T, D / H) -> (B, T, D)."""
    rows, heads, length, width = states.shape
    return states.transpose(1, 2).reshape(rows, length, heads * width)


def concatenate(parts: list[Tensor]) -> Tensor:
    """Join along the positions, without a copy when there is one part."""
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)

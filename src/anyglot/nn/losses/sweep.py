"""One pass over a vocabulary, a block of words at a time: what a softmax needs, in the memory of one block.

The gradient of -log p with regard to a state is `softmax(h W^T) W` less the gold word's row: attention whose keys and
values are the output matrix. So it comes out of the same pass as the normalizer, by the running rescaling of
Milakov and Gimelshein (2018) and FlashAttention (Dao et al., 2022), and no logit is computed twice or kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

# Ranking copies this share of the rows of a block at a time.
SHARE = 32


@dataclass(frozen=True)
class RowSums:
    """What a pass found, all in float32.

    Attributes:
        highest: The largest logit.
        normalizer: log of the sum of all words' exp(logit).
        gold: The gold words' logits, -inf where there is none.
        pulled: The matrix's rows added up by their probabilities, the gold words' rows left out; or None.
        best: The two words with the largest logits, largest first, of equal ones the lower first; or None.

    Shape:
        highest, normalizer: (R, 1)    gold: (R, G)    pulled: (R, D)    best: (R, 2) int64
    """

    highest: Tensor
    normalizer: Tensor
    gold: Tensor
    pulled: Tensor | None
    best: Tensor | None


def product_kind(states: Tensor) -> torch.dtype:
    """The precision of products with these states: autocast's where that is on."""
    device = states.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else states.dtype


def logit_size(kind: torch.dtype) -> int:
    """Bytes of a logit while it is looked at: in float32, and in the products' precision where that is another."""
    return 4 if kind == torch.float32 else 4 + kind.itemsize


class Sweep:
    """Passes over the words for R states.

    Args:
        states: In the precision the products are to have.
        gold: Words of each row that are looked at one by one, each at most once in a row; -1 for none.
        budget: Bytes of a block of logits, in float32 and, where the products are in another precision, in that too;
            `rank` takes a little more, see SHARE.
        before: Passes that are over, whose memory these take on.

    Shape:
        states: (R, D)    weight: (V, D)    bias: (V,) or None    gold: (R, G) int64
    """

    def __init__(
        self,
        states: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        gold: Tensor,
        budget: int,
        before: Sweep | None = None,
    ) -> None:
        self.states, self.weight, self.bias, self.gold = states, weight, bias, gold
        rows, most = states.shape[0], max(1, budget // logit_size(states.dtype))
        self.columns = min(max(1, most // rows), weight.shape[0])
        # Memory is taken once: on a processor new pages for every block would cost more than the arithmetic on them.
        whole = self.columns == weight.shape[0]
        self._wide, self._narrow = self._memory(rows * self.columns if whole else max(most, rows), before)

    def _memory(self, size: int, before: Sweep | None) -> tuple[Tensor, Tensor]:
        if before is not None:
            wide, narrow = before._wide, before._narrow
            before._wide = before._narrow = wide.new_empty(0)
            if wide.numel() >= size and narrow.dtype == self.states.dtype:
                return wide, narrow
            del wide, narrow  # what is too small is given back before more is taken
        wide = self.states.new_empty(size, dtype=torch.float32)
        return wide, wide if self.states.dtype == torch.float32 else self.states.new_empty(size)

    def forward(self, *, pull: bool, rank: bool = False) -> RowSums:
        """Normaliser and gold logits of every row; with `pull` what the words' rows add up to, with `rank` the best."""
        rows, width = self.states.shape
        highest = self.states.new_full((rows, 1), -torch.inf, dtype=torch.float32)
        total = torch.zeros_like(highest)
        gold = torch.full_like(self.gold, -torch.inf, dtype=torch.float32)
        ranking = _Ranking(highest) if rank else None
        pulled = self.states.new_zeros((rows, width), dtype=torch.float32) if pull else None
        for words, matrix in self._blocks():
            logits, wide = self._logits(words, matrix)
            column, inside = self._gold_column(words)
            gold = torch.where(inside, logits.gather(1, column).float(), gold)
            largest = logits.amax(dim=1, keepdim=True)
            if ranking is not None:
                ranking.read(logits, largest, words.start)
            newer = torch.maximum(highest, largest)
            mass = torch.sub(logits, newer, out=wide).exp_()
            fading = highest.sub_(newer).exp_()
            total.mul_(fading).add_(mass.sum(dim=1, keepdim=True))
            highest = newer
            # Without the gold words: near certainty their rows would cancel against themselves in rounded products.
            # What is subtracted is the number itself, so nothing is left; elsewhere zero is.
            mass.scatter_add_(1, column, mass.gather(1, column).neg_().masked_fill_(~inside, 0.0))
            if pulled is not None:
                pulled.mul_(fading).add_(self._narrowed(mass) @ matrix)
        if pulled is not None:
            pulled.div_(total)
        best = None if ranking is None else ranking.words
        return RowSums(highest, total.log_().add_(highest), gold, pulled, best)

    def backward(
        self,
        sums: RowSums,
        word_share: float,
        gold_share: Tensor,
        weight_gradient: Tensor | None,
        bias_gradient: Tensor | None,
    ) -> None:
        """Add the gradients of a matrix that moves: a second pass, since they need the normalizer of every row.

        The slope of a logit is its probability less `word_share`, and for a gold word less `gold_share` too. A row
        whose normalizer is infinite has no probabilities.

        Shape:
            gold_share: (R, G) or what spreads to it, float32
        """
        for words, matrix in self._blocks():
            slope = self._probabilities(sums, words, matrix)
            if word_share:
                slope.sub_(word_share)
            column, inside = self._gold_column(words)
            slope.scatter_add_(1, column, inside * -gold_share)
            if bias_gradient is not None:
                bias_gradient[words] += slope.sum(dim=0).to(bias_gradient)
            if weight_gradient is not None:
                weight_gradient[words] += (self._narrowed(slope).t() @ self.states).to(weight_gradient)

    def _probabilities(self, sums: RowSums, words: slice, matrix: Tensor) -> Tensor:
        if self.columns == self.weight.shape[0]:  # one block: what the forward pass left, less the gold words
            left = (
                self._wide[: len(self.states) * self.columns]
                .view(-1, self.columns)
                .mul_((sums.highest - sums.normalizer).exp_())
            )
            return left.scatter_add_(1, self.gold.clamp(min=0), (sums.gold - sums.normalizer).exp_())
        logits, wide = self._logits(words, matrix)
        return torch.sub(logits, sums.normalizer, out=wide).exp_()

    def _blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """Words from, to; and their rows of the matrix in the products' precision."""
        for start in range(0, self.weight.shape[0], self.columns):
            words = slice(start, min(start + self.columns, self.weight.shape[0]))
            yield words, self.weight[words].to(self.states.dtype)

    def _logits(self, words: slice, matrix: Tensor) -> tuple[Tensor, Tensor]:
        """The block's logits in the products' precision, and the float32 memory of its shape (which may be theirs)."""
        shape = self.states.shape[0], matrix.shape[0]
        narrow, wide = (memory[: shape[0] * shape[1]].view(shape) for memory in (self._narrow, self._wide))
        if self.bias is None:
            return torch.mm(self.states, matrix.t(), out=narrow), wide
        return torch.addmm(self.bias[words].to(narrow.dtype), self.states, matrix.t(), out=narrow), wide

    def _narrowed(self, wide: Tensor) -> Tensor:
        return wide if self._narrow is self._wide else self._narrow[: wide.numel()].view(wide.shape).copy_(wide)

    def _gold_column(self, words: slice) -> tuple[Tensor, Tensor]:
        """Where in the block a gold word stands (somewhere, where it is not in it), and whether it does: (R, G)."""
        inside = (self.gold >= words.start) & (self.gold < words.stop)
        return (self.gold - words.start).clamp(0, words.stop - words.start - 1), inside


class _Ranking:
    """The two largest logits of each row so far, and whose they are: (R, 2)."""

    def __init__(self, like: Tensor) -> None:
        self.logits = torch.full_like(like, -torch.inf).repeat(1, 2)
        self.words = torch.zeros_like(self.logits, dtype=torch.int64)

    def read(self, logits: Tensor, largest: Tensor, start: int) -> None:
        """Take in the logits of the words from `start` on: (R, n), and the largest of them, (R, 1).

        Finding where the largest stand is dear, and after a few blocks most rows hold none that matters. A few rows
        are copied at a time, so that the block does not stand there twice.
        """
        rows = (largest > self.logits[:, 1:]).nonzero()[:, 0]
        for some in torch.split(rows, len(logits) // SHARE + 1):
            self._read_rows(logits[some], some, start)

    def _read_rows(self, part: Tensor, rows: Tensor, start: int) -> None:
        first, place = part.max(dim=1, keepdim=True)
        second, next_place = part.scatter_(1, place, -torch.inf).max(dim=1, keepdim=True)
        values = torch.cat([self.logits[rows], first.float(), second.float()], dim=1)
        words = torch.cat([self.words[rows], place + start, next_place + start], dim=1)
        # The words of earlier blocks stand in front, and a stable order leaves the lower of equal ones there.
        order = values.argsort(dim=1, descending=True, stable=True)[:, :2]
        self.logits[rows], self.words[rows] = values.gather(1, order), words.gather(1, order)

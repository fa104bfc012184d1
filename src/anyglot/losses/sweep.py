"""One pass over a vocabulary, a block of words at a time: what a softmax needs, in the memory of one block.

The gradient of -log p with regard to a state is `softmax(h W^T) W` less the gold word's row: attention whose keys and
values are the output matrix. So it comes out of the same pass as the normaliser, by the running rescaling of
Milakov and Gimelshein (2018) and FlashAttention (Dao et al., 2022), and no logit is computed twice or kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class RowSums:
    """What a pass found, all in float32.

    Attributes:
        highest: The largest logit.
        normaliser: log of the sum of all words' exp(logit).
        gold: The gold word's logit.
        pulled: The matrix's rows added up by their probabilities, the gold word's row left out; or None.

    Shape:
        highest, normaliser, gold: (R, 1)    pulled: (R, D)
    """

    highest: Tensor
    normaliser: Tensor
    gold: Tensor
    pulled: Tensor | None


class Sweep:
    """Passes over the words for R states.

    Args:
        states: In the precision the products are to have.
        budget: Bytes of a block of logits, in float32 and, where the products are in another precision, in that too.

    Shape:
        states: (R, D)    weight: (V, D)    bias: (V,) or None    gold: (R,) int64
    """

    def __init__(self, states: Tensor, weight: Tensor, bias: Tensor | None, gold: Tensor, budget: int) -> None:
        self.states, self.weight, self.bias, self.gold = states, weight, bias, gold[:, None]
        rows, size = states.shape[0], 4 if states.dtype == torch.float32 else 4 + states.element_size()
        self.columns = min(max(1, budget // (size * rows)), weight.shape[0])
        # Memory is taken once: on a processor new pages for every block would cost more than the arithmetic on them.
        self._wide = states.new_empty(rows * self.columns, dtype=torch.float32)
        self._narrow = self._wide if size == 4 else states.new_empty(rows * self.columns)

    def forward(self, *, pull: bool) -> RowSums:
        """Normaliser and gold logit of every row; with `pull` also what the words' rows add up to."""
        rows, width = self.states.shape
        highest = self.states.new_full((rows, 1), -torch.inf, dtype=torch.float32)
        total, gold = torch.zeros_like(highest), torch.zeros_like(highest)
        pulled = self.states.new_zeros((rows, width), dtype=torch.float32) if pull else None
        for words, matrix in self._blocks():
            logits, wide = self._logits(words, matrix)
            column, inside = self._gold_column(words)
            gold = torch.where(inside, logits.gather(1, column).float(), gold)
            newer = torch.maximum(highest, logits.amax(dim=1, keepdim=True))
            mass = torch.sub(logits, newer, out=wide).exp_()
            fading = highest.sub_(newer).exp_()
            total.mul_(fading).add_(mass.sum(dim=1, keepdim=True))
            highest = newer
            if pulled is not None:
                # Without the gold word: near certainty its row would cancel against itself in rounded products.
                mass.scatter_(1, column, mass.gather(1, column).masked_fill_(inside, 0.0))
                pulled.mul_(fading).add_(self._narrowed(mass) @ matrix)
        if pulled is not None:
            pulled.div_(total)
        return RowSums(highest, total.log_().add_(highest), gold, pulled)

    def backward(
        self,
        sums: RowSums,
        word_share: float,
        gold_share: float,
        weight_gradient: Tensor | None,
        bias_gradient: Tensor | None,
    ) -> None:
        """Add the gradients of a matrix that moves: a second pass, since they need the normaliser of every row."""
        for words, matrix in self._blocks():
            slope = self._probabilities(sums, words, matrix)
            if word_share:
                slope.sub_(word_share)
            column, inside = self._gold_column(words)
            slope.scatter_add_(1, column, inside * slope.new_tensor(-gold_share))
            if bias_gradient is not None:
                bias_gradient[words] += slope.sum(dim=0).to(bias_gradient)
            if weight_gradient is not None:
                weight_gradient[words] += (self._narrowed(slope).t() @ self.states).to(weight_gradient)

    def _probabilities(self, sums: RowSums, words: slice, matrix: Tensor) -> Tensor:
        if self.columns == self.weight.shape[0]:  # one block: what the forward pass left, less the gold words
            left = self._wide.view(-1, self.columns).mul_((sums.highest - sums.normaliser).exp_())
            return left.scatter_(1, self.gold, (sums.gold - sums.normaliser).exp_())
        logits, wide = self._logits(words, matrix)
        return torch.sub(logits, sums.normaliser, out=wide).exp_()

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
        """Where in the block the gold word stands (somewhere, where it is not in it), and whether it does: (R, 1)."""
        inside = (self.gold >= words.start) & (self.gold < words.stop)
        return (self.gold - words.start).clamp(0, words.stop - words.start - 1), inside

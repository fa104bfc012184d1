"""Scores of the next token that are computed a range of the vocabulary at a time, and what a search keeps of them.

A table of 250,000 rows times 80 hypotheses are 80 MB of logits a step. Written to memory and read again for a maximum,
an exponential, a sum and a selection they cost as much as the product that made them. So a range is computed, looked
through while it is in the processor's cache, and forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

PART = 16_384
"""Tokens at a time. Below 32,768, from where torch may sum a single row in another order than rows among others."""
GROUP = 64


@dataclass(frozen=True)
class Best:
    """What is kept of the logits of each row.

    Shape:
        values: (rows, C) float32, largest first    tokens: (rows, C), among equal values the lower first
        normalizer: (rows,), log-sum-exp of all logits    wanted: (rows,), logits of the tokens asked for, or None
    """

    values: Tensor
    tokens: Tensor
    normalizer: Tensor
    wanted: Tensor | None


@dataclass(frozen=True)
class Logits:
    """Scores of the next token, not computed yet.

    Attributes:
        part: Gives those of the tokens from start up to stop, (rows, stop - start), in a fresh tensor.
        rows: Hypotheses.
        size: Tokens, V.
    """

    part: Callable[[int, int], Tensor]
    rows: int
    size: int

    @classmethod
    def of(cls, logits: Tensor | Logits) -> Logits:
        """Logits that are known already, (rows, V), in the same form."""
        if isinstance(logits, Logits):
            return logits
        known = logits
        return cls(lambda start, stop: known[:, start:stop].clone(), *logits.shape)

    def whole(self) -> Tensor:
        """All of them: (rows, V)."""
        return self.part(0, self.size)

    def best(self, count: int, *, banned: Sequence[int] = (), wanted: Tensor | None = None) -> Best:
        """Find the largest logits of each row, and what normalizes them.

        Args:
            count: How many are wanted.
            banned: Tokens that are passed over. The normalizer counts them all the same.
            wanted: A token of each row whose logit is asked for as well, banned or not.

        Shape:
            wanted: (rows,) int64    returns: C = min(count, V) places; a place that only banned tokens could fill
                holds -inf
        """
        search = _Search(count, sorted(banned), wanted)
        for start in range(0, self.size, PART):
            search.read(self.part(start, min(start + PART, self.size)).float(), start)
        return search.result()


class _Search:
    """Goes over the parts of the logits once.

    Of a part the groups of 64 tokens with the largest maxima survive: as many groups as tokens are wanted hold all of
    the wanted ones, ties included, as groups with equal maxima are taken in order too.
    """

    def __init__(self, count: int, banned: Sequence[int], wanted: Tensor | None) -> None:
        self.count = count
        self.banned = banned
        self.tokens_wanted = wanted
        self.found: Tensor | None = None
        self.largest: list[Tensor] = []
        self.sums: list[Tensor] = []
        self.values: list[Tensor] = []
        self.tokens: list[Tensor] = []

    def read(self, logits: Tensor, start: int) -> None:
        """Take in the logits of the tokens from `start` on: (rows, n), changed in place."""
        size = logits.shape[1]
        if self.tokens_wanted is not None:
            place = self.tokens_wanted - start
            here = logits.gather(1, place.clamp(0, size - 1)[:, None])[:, 0]
            self.found = here if self.found is None else torch.where((place >= 0) & (place < size), here, self.found)
        columns = [token - start for token in self.banned if start <= token < start + size]
        index = torch.tensor(columns, dtype=torch.int64, device=logits.device)
        passed_over = logits.index_select(1, index)
        largest = self._select(logits.index_fill_(1, index, -torch.inf), start)
        if columns:
            # Put back, so that the sum runs in one order whatever is banned.
            logits.index_copy_(1, index, passed_over)
            largest = torch.maximum(largest, passed_over.amax(dim=1, keepdim=True))
        self.largest.append(largest)
        # A row of -inf alone must not become nan through inf - inf; its sum is 0.
        reference = largest.clamp(min=torch.finfo(torch.float32).min)
        self.sums.append(logits.sub_(reference).exp_().sum(dim=1, keepdim=True))

    def _select(self, logits: Tensor, start: int) -> Tensor:
        """Keep the survivors of a part and return the maximum of each row, (rows, 1)."""
        rows, size = logits.shape
        tokens = torch.arange(start, start + size, device=logits.device)
        if size <= 2 * GROUP * self.count:
            self.values.append(logits.clone())
            self.tokens.append(tokens.expand(rows, -1))
            return logits.amax(dim=1, keepdim=True)
        if size % GROUP:
            logits = functional.pad(logits, (0, -size % GROUP), value=-torch.inf)
        groups = logits.view(rows, -1, GROUP)
        maxima = groups.amax(dim=2)
        chosen = top_places(maxima, self.count)[1].sort(dim=1).values
        self.values.append(groups.gather(1, chosen[:, :, None].expand(-1, -1, GROUP)).view(rows, -1))
        offsets = torch.arange(start, start + GROUP, device=logits.device)
        numbered = (chosen[:, :, None] * GROUP + offsets).view(rows, -1)
        self.tokens.append(numbered.clamp_(max=start + size - 1))  # the filling of the last group is no token
        return maxima.amax(dim=1, keepdim=True)

    def result(self) -> Best:
        """What was found."""
        largest, sums = torch.cat(self.largest, dim=1), torch.cat(self.sums, dim=1)
        top = largest.amax(dim=1, keepdim=True)
        normalizer = top + (sums * (largest - top).exp()).sum(dim=1, keepdim=True).log()
        # Survivors stand in the order of their tokens, so the lower of two places is the lower of two tokens.
        values, places = top_places(torch.cat(self.values, dim=1), self.count)
        tokens = torch.cat(self.tokens, dim=1).gather(1, places)
        return Best(values, tokens, normalizer[:, 0], self.found)


def top_places(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the largest values of each row, largest first; equal ones in the order of their place.

    `torch.topk` promises nothing about equal values, and with bf16 logits over a large vocabulary they are
    common. A row whose last place is contested is selected again, by threshold and lowest place.

    Shape:
        values: (rows, V)    returns: values (rows, C) and places (rows, C), C = min(count, V)
    """
    size = values.shape[1]
    count = min(count, size)
    if count == size:
        ordered, order = values.sort(dim=1, descending=True, stable=True)
        return ordered, order
    best, places = values.topk(count + 1, dim=1)
    contested = (best[:, count - 1] == best[:, count]).nonzero()[:, 0]
    best, places = best[:, :count], places[:, :count]
    if contested.numel():
        rows = values[contested]
        threshold = best[contested, -1:]
        above, equal = rows > threshold, rows == threshold
        missing = count - above.sum(dim=1, keepdim=True)
        chosen = above | (equal & (equal.cumsum(dim=1) <= missing))
        places = places.clone()
        places[contested] = chosen.nonzero()[:, 1].view(-1, count)
    places = places.sort(dim=1).values
    best, order = values.gather(1, places).sort(dim=1, descending=True, stable=True)
    return best, places.gather(1, order)

"""A draft, and the place in it where the true output has arrived."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

MATCH, CHANGE, SKIP = 4, -2, -1
"""What a token earns that stands in draft and output, and what one costs that stands in one of them, or in the other's
place. To pass over the draft's words costs less, or where it has three too many it would be found again too late."""
TRUST = 4.0
"""With how many agreeing tokens a draft is trusted before any was seen."""
WORTH = 0.04
"""What one more token in a pass costs, in passes of one token (base shape, two cores: 0.01 in fp32, 0.04 in int8)."""
DISTRUST = 0.2
"""Below this share of agreeing tokens none is proposed: the second token of a pass costs more than those after it."""


class Draft:
    """Proposes how an output goes on, and learns from how it did go on.

    A draft is seldom right to its end, and seldom wrong from its first wrong word on. So the output is aligned with the
    draft as it grows: of all beginnings of the draft the one that is most like it, by number of equal tokens less that
    of changes, is taken for what was said already, and what comes behind is proposed next.

    Args:
        tokens: The draft, without start and end tokens.
        trust: As `TRUST`; 0 for a guess that shall earn its trust first, without proposing anything.
    """

    def __init__(self, tokens: Sequence[int], trust: float = TRUST) -> None:
        self._tokens = np.array(tokens, dtype=np.int64)
        self._skips = SKIP * np.arange(len(self._tokens) + 1)
        self._alike = self._skips.copy()  # how much the output is like the draft's first 0, 1, ... tokens
        self._place = 0
        self._agreed, self._seen = trust, trust + 0.25

    def __len__(self) -> int:
        return len(self._tokens)

    def ahead(self, room: int) -> list[int]:
        """Return the next tokens, at most `room`: as many as are likely enough to be right to be worth looking at.

        A token is of use when all before it are right as well, so the more of the draft was wrong the fewer come.
        """
        share = self._agreed / self._seen
        count = int(math.log(WORTH) / math.log(share)) if share >= DISTRUST else 0
        tokens: list[int] = self._tokens[self._place : self._place + min(count, room)].tolist()
        return tokens

    def follow(self, token: int) -> None:
        """Take in the next token of the output."""
        same = self._tokens == token
        if self._place < len(same):
            self._agreed += bool(same[self._place])
            self._seen += 1
        alike = self._alike + CHANGE
        alike[1:] = np.maximum(alike[1:], self._alike[:-1] + np.where(same, MATCH, CHANGE))
        self._alike = np.maximum.accumulate(alike - self._skips) + self._skips
        # Of places as good as each other the one nearest to where one token more would lead, rather behind it.
        best = np.flatnonzero(self._alike == self._alike.max())
        self._place = int(best[np.argmin(np.abs(2 * (best - self._place - 1) - 1))])

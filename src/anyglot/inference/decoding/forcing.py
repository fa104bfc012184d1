"""What a sentence's output must be at a place: its prefix at the beginning, the end token at the length limit."""

from dataclasses import dataclass

import torch
from torch import Tensor

from anyglot.inference.decoding.protocols import LengthRule, SearchConstraints

FREE = -1
"""In place of a forced token: nothing is forced here."""


@dataclass
class Forcing:
    """The forced tokens of `A` sentences, whose prefixes may differ in length.

    Shape:
        prefixes: (A, F) int64, F the longest one's length, FREE behind the shorter ones    limits: (A,)
    """

    prefixes: Tensor
    limits: Tensor
    end: int

    @classmethod
    def of(cls, constraints: SearchConstraints, length: LengthRule, source_mask: Tensor) -> "Forcing":
        """Put the prefixes of the constraints into one tensor, beside the limits of the sentences.

        Raises:
            ValueError: There are prefixes for another number of sentences, or one is longer than its limit.
        """
        limits = length.limits(source_mask)
        prefixes = constraints.prefixes if constraints.prefixes is not None else ((),) * len(limits)
        if len(prefixes) != len(limits):
            raise ValueError(f"{len(prefixes)} prefixes were given for {len(limits)} sentences.")
        for place, (prefix, limit) in enumerate(zip(prefixes, limits.tolist(), strict=True)):
            if len(prefix) > limit:
                raise ValueError(f"prefix {place} has {len(prefix)} tokens, but its output at most {limit}.")
        width = max((len(prefix) for prefix in prefixes), default=0)
        rows = [[*prefix, *[FREE] * (width - len(prefix))] for prefix in prefixes]
        tokens = torch.tensor(rows, dtype=torch.int64, device=limits.device).reshape(len(limits), width)
        return cls(tokens, limits, constraints.end)

    def at(self, generated: int) -> Tensor:
        """Return the token that must follow after `generated` ones, or FREE; (A,) int64."""
        return self.between(generated, generated + 1)[:, 0]

    def between(self, first: int, stop: int) -> Tensor:
        """The same after `first` tokens, after one more, up to before `stop`; (A, stop - first) int64."""
        places = torch.arange(first, stop, device=self.limits.device)
        ending = torch.where(self.limits[:, None] <= places, self.end, FREE)
        prefix = self.prefixes[:, first:stop]
        ending[:, : prefix.shape[1]] = prefix.where(prefix != FREE, ending[:, : prefix.shape[1]])
        return ending

    def of_sentence(self, sentence: int) -> "Forcing":
        """Those of one sentence."""
        return Forcing(self.prefixes[sentence : sentence + 1], self.limits[sentence : sentence + 1], self.end)

    def keep(self, index: Tensor) -> None:
        """Keep the sentences at `index`."""
        self.prefixes, self.limits = self.prefixes[index], self.limits[index]

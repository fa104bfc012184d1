"""What a denoiser is taught on: an alignment with some tokens replaced (SGA section 4.4, method card 3.4)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Noise:
    """Replaces tokens at random.

    A rate p is drawn from U(`least`, `most`) for the batch, and each token is chosen with probability p. Of the chosen
    ones a share becomes the blank (the paper's deletion), a share any token of the vocabulary, and the rest a token
    from another place of the same sentence (the paper's repetition).

    Args:
        most: Highest rate.
        least: Lowest rate.
        blanks, words: Shares; what is left to 1 is drawn from the same sentence.
        blank: CTC's blank.
        vocabulary_size: Ids that a random word is drawn from.
        spared: Ids that are never replaced: begin, end and padding.
    """

    most: float
    blanks: float
    words: float
    blank: int
    vocabulary_size: int
    spared: tuple[int, ...]
    least: float = 0.0

    def __call__(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Noise `tokens`, (B, T) int64, at positions where `mask`, (B, T) bool, is True; torch's generator decides."""
        if self.most == 0.0:
            return tokens
        device = tokens.device
        rate = self.least + (self.most - self.least) * torch.rand((), device=device)
        spared = torch.isin(tokens, torch.tensor(self.spared, device=device))
        chosen = (torch.rand(tokens.shape, device=device) < rate) & mask & ~spared
        kind = torch.rand(tokens.shape, device=device)
        word = torch.randint(0, self.vocabulary_size, tokens.shape, device=device)
        lengths = mask.sum(dim=1, keepdim=True)
        column = (torch.rand(tokens.shape, device=device) * lengths).long()
        replaced = torch.where(kind < self.blanks + self.words, word, tokens.gather(1, column))
        replaced = torch.where(kind < self.blanks, self.blank, replaced)
        return torch.where(chosen, replaced, tokens)

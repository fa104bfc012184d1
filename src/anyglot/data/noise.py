"""Hide tokens for masked language modelling, as BERT and XLM-R do."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from anyglot.data.batch import IGNORED


class Masking:
    """Choose `rate` of the real tokens; of these 80 % become the mask, 10 % a random token, 10 % stay (BERT, 3.1).

    Args:
        rate: Share of tokens to predict.
        mask_id: The mask token.
        special_ids: Ids that are never chosen and never put in as random tokens.
        vocabulary_size: Random tokens are drawn from this range.
        masked: Share of the chosen tokens that become the mask.
        random: Share of the chosen tokens that become a random token; the rest stay as they are.
    """

    def __init__(
        self,
        rate: float,
        mask_id: int,
        special_ids: Sequence[int],
        vocabulary_size: int,
        masked: float = 0.8,
        random: float = 0.1,
    ) -> None:
        if not 0 < rate <= 1 or masked < 0 or random < 0 or masked + random > 1:
            raise ValueError(f"need 0 < rate <= 1 and masked + random <= 1, got {rate}, {masked}, {random}")
        self.rate, self.masked, self.random, self.mask_id = rate, masked, random, mask_id
        self._special = np.zeros(vocabulary_size, dtype=np.bool_)
        self._special[list(special_ids)] = True
        self._words = np.flatnonzero(~self._special)

    def __call__(
        self, tokens: NDArray[np.int64], mask: NDArray[np.bool_], seed: Sequence[int]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Noised tokens and labels, a pure function of the tokens and `seed` (run seed, epoch, batch index).

        At least one token is chosen, so that no batch has nothing to learn from.

        Shape:
            tokens, mask: (B, S)    returns: (B, S), (B, S)
        """
        generator = np.random.default_rng([*seed, 0x6E6F6973])
        choosable = mask & ~self._special[tokens]
        chosen = choosable & (generator.random(tokens.shape) < self.rate)
        if not chosen.any() and choosable.any():
            places = np.flatnonzero(choosable)
            chosen.flat[places[generator.integers(len(places))]] = True
        labels = np.where(chosen, tokens, IGNORED)
        fate = generator.random(tokens.shape)
        words = self._words[generator.integers(len(self._words), size=tokens.shape)]
        noised = np.where(chosen & (fate < self.masked), self.mask_id, tokens)
        swapped = chosen & (fate >= self.masked) & (fate < self.masked + self.random)
        return np.where(swapped, words, noised), labels

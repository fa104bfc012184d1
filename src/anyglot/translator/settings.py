"""How to search: checked once, at the door."""

import math
from dataclasses import dataclass
from typing import Literal, cast

from anyglot.errors import UserError
from anyglot.translator.lines import MAX_CHARACTERS

Decoder = Literal["greedy", "beam"]
DECODERS: tuple[Decoder, ...] = ("greedy", "beam")
MAX_BEAMS = 100


def chosen_decoder(name: str) -> Decoder:
    """The decoder of this name.

    Raises:
        UserError: There is none.
    """
    for decoder in DECODERS:
        if decoder == name:
            return decoder
    raise UserError(f"there is no decoder '{name}': choose one of {', '.join(DECODERS)}.")


@dataclass(frozen=True)
class SearchSettings:
    """Settings of a search. The defaults are SixT+'s (method card 1.6).

    Attributes:
        decoder: "beam", or "greedy" (faster, somewhat worse; `beam` is then of no effect).
        beam: Hypotheses per sentence.
        length_penalty: Exponent of the length that a hypothesis's log-probability is divided by.
        n_best: Translations wanted of each text.
        max_length: Most tokens of a translation. Also the most source tokens of a piece: a longer line is
            split, so that
            the limit never cuts a translation short silently.
        batch_tokens: Source tokens in a batch, padding included; each stands for `beam` rows of work.
        max_characters: Longest text accepted.
    """

    decoder: Decoder = "beam"
    beam: int = 5
    length_penalty: float = 1.0
    n_best: int = 1
    max_length: int = 200
    batch_tokens: int = 4096
    max_characters: int = MAX_CHARACTERS

    def __post_init__(self) -> None:
        for name, highest in (
            ("beam", MAX_BEAMS),
            ("n_best", MAX_BEAMS),
            ("max_length", 10_000),
            ("batch_tokens", 10_000_000),
            ("max_characters", 100_000_000),
        ):
            value = cast(int, getattr(self, name))
            if not 1 <= value <= highest:
                raise UserError(f"{name.replace('_', '-')} must lie between 1 and {highest:,}, not {value:,}.")
        if not math.isfinite(self.length_penalty) or abs(self.length_penalty) > 10:
            raise UserError(f"length-penalty must lie between -10 and 10, not {self.length_penalty}.")
        if self.n_best > self.rows:
            raise UserError(
                f"{self.n_best} translations were asked of a search that keeps {self.rows}: "
                f"use --decoder beam --beam {self.n_best}."
            )

    @property
    def rows(self) -> int:
        """Hypotheses per sentence."""
        return self.beam if self.decoder == "beam" else 1

"""How to search: checked once, at the door."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from anyglot.decoding import SamplingRule
from anyglot.errors import UserError
from anyglot.translator.lines import MAX_CHARACTERS

Decoder = Literal["beam", "greedy", "sample"]
DECODERS: tuple[Decoder, ...] = ("beam", "greedy", "sample")
MAX_BEAMS = 100


def chosen_decoder(name: str, among: Sequence[Decoder] = DECODERS) -> Decoder:
    """The decoder of this name.

    Raises:
        UserError: There is none among these.
    """
    for decoder in among:
        if decoder == name:
            return decoder
    raise UserError(f"there is no decoder '{name}' here: choose one of {', '.join(among)}.")


@dataclass(frozen=True)
class SearchSettings:
    """Settings of a search. The defaults are SixT+'s (method card 1.6).

    Attributes:
        decoder: "beam", "greedy" (faster, somewhat worse) or "sample"; `beam` is of effect with "beam" alone.
        beam: Hypotheses per sentence.
        length_penalty: Exponent of the length that a hypothesis's log-probability is divided by.
        n_best: Translations wanted of each text.
        max_length: Most tokens of a translation. Also the most source tokens of a piece: a longer line is split, so
            that the limit never cuts a translation short silently.
        batch_tokens: Source tokens in a batch, padding included; each stands for `rows` rows of work.
        max_characters: Longest text accepted.
        temperature, top_k, top_p, seed: Of sampling alone; see `decoding.SamplingRule`.
    """

    decoder: Decoder = "beam"
    beam: int = 5
    length_penalty: float = 1.0
    n_best: int = 1
    max_length: int = 200
    batch_tokens: int = 4096
    max_characters: int = MAX_CHARACTERS
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int = 1

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
        self._check_sampling()
        if self.n_best > self.rows:
            raise UserError(
                f"{self.n_best} translations were asked of a search that keeps {self.rows}: "
                f"use --decoder beam --beam {self.n_best}, or --decoder sample."
            )

    def _check_sampling(self) -> None:
        given = {
            "temperature": self.temperature != 1.0,
            "top-k": self.top_k is not None,
            "top-p": self.top_p is not None,
        }
        if self.decoder != "sample" and any(given.values()):
            name = next(name for name, present in given.items() if present)
            raise UserError(f"{name} is a setting of sampling: give --decoder sample too, or leave it out.")
        if not 0.01 <= self.temperature <= 100:
            raise UserError(f"temperature must lie between 0.01 and 100, not {self.temperature}.")
        if self.top_k is not None and not 1 <= self.top_k <= 10_000_000:
            raise UserError(f"top-k must lie between 1 and 10,000,000, not {self.top_k:,}.")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise UserError(f"top-p must be above 0 and at most 1, not {self.top_p}.")
        if not 0 <= self.seed < 1 << 63:
            raise UserError(f"seed must lie between 0 and {(1 << 63) - 1:,}, not {self.seed:,}.")

    def sampling_rule(self) -> SamplingRule:
        """What "sample" draws from."""
        return SamplingRule(self.temperature, self.top_k, self.top_p, self.seed)

    @property
    def rows(self) -> int:
        """Hypotheses per sentence."""
        return {"beam": self.beam, "greedy": 1, "sample": self.n_best}[self.decoder]

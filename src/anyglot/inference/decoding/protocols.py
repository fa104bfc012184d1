"""What a search asks of a model, and what it gives back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from anyglot.inference.decoding.logits import Logits


class StepModel(Protocol):
    """A model that predicts one token at a time.

    `rows` are hypotheses: `B` sentences times `K` beams, sentence-major, so row `b * K + k` is beam `k` of
    sentence `b`. The search owns nothing of the model: it hands back the `state` it was given, which the model
    may change in place.
    """

    vocabulary_size: int

    def start(self, source: Tensor, source_mask: Tensor, beams: int) -> Any:
        """Read the source and return the state before the first token.

        Shape:
            source: (B, S) int64    source_mask: (B, S) bool, True = may be attended to
            returns: a state of B * beams rows
        """

    def step(self, tokens: Tensor, state: Any) -> Tensor | Logits:
        """Feed one token per row and return the logits of the next one, or what can compute them.

        Shape:
            tokens: (rows,) int64    returns: (rows, V), any floating type
        """

    def reorder(self, state: Any, rows: Tensor) -> None:
        """Keep `rows` of the state, in that order; rows may repeat or be missing.

        A row never moves to another sentence: the rows of a sentence stay together, in the sentences' order,
        and a finished sentence loses all its rows at once. So whatever is shared by the beams of a sentence
        needs no copying.

        Shape:
            rows: (new rows,) int64, indices into the old rows; a multiple of `beams`
        """


class VerifyModel(Protocol):
    """A model that can look at several tokens at once and take back what it looked at: what checks a draft.

    Its states have one row a sentence.
    """

    vocabulary_size: int

    def start(self, source: Tensor, source_mask: Tensor, beams: int) -> Any:
        """As `StepModel.start`; called with one beam."""

    def alone(self, state: Any, sentence: int) -> Any:
        """The state of one sentence, before its first token; what is done to it changes `state` in nothing."""

    def verify(self, tokens: Tensor, state: Any, last: int) -> Tensor | Logits:
        """Feed several tokens a row and return the logits of what follows each of the `last` ones.

        Shape:
            tokens: (rows, T) int64    returns: (rows * last, V), row by row
        """

    def forget(self, state: Any, positions: int) -> None:
        """Take back the last tokens fed: what follows is as if they had not been."""


class NonAutoregressiveModel(Protocol):
    """A non-autoregressive model: SGA's prompted encoder, or a Transformer trained with CTC.

    Tokens are ids of the output's own numbering in what comes out (`Logits`, places among the kept rows where the
    output is restricted), and ids of the table in what goes in; `ids` and `places` lead from one to the other.
    """

    blank: int
    """CTC's blank, as an id of the table."""
    refines: bool
    """Whether there is a denoiser."""

    def read(self, source: Tensor, source_mask: Tensor) -> Any:
        """Read the source once: (B, S) int64, (B, S) bool -> a state."""

    def canvas(self, state: Any) -> tuple[Tensor, Tensor]:
        """An empty canvas for each source: tokens (B, T) int64, mask (B, T) bool."""

    def align(self, tokens: Tensor, mask: Tensor, state: Any) -> Logits:
        """Write on the canvas: R rows, one a real position, sentence by sentence."""

    def denoise(self, tokens: Tensor, mask: Tensor, state: Any) -> Logits:
        """Write again over `tokens`; as `align`."""

    def next_input(self, best: Tensor, mask: Tensor) -> Tensor:
        """What `denoise` reads after `best`, the two likeliest tokens of each real position, was written.

        Shape:
            best: (R, 2) int64, in the output's numbering    mask: (B, T) bool    returns: (B, T) int64, ids
        """

    def keep(self, state: Any, rows: Tensor) -> Any:
        """The state of these sentences alone, (n,) int64 into the old ones."""

    def ids(self, places: Tensor) -> Tensor:
        """What the output calls a token -> its id in the table; any shape."""

    def places(self, ids: Sequence[int]) -> list[int]:
        """What the output calls these tokens of the table; those that it has not are left out."""


@dataclass(frozen=True)
class SearchConstraints:
    """What is given of a hypothesis before the search begins.

    `B` sentences, `P` start tokens. `start` is transformers' `decoder_input_ids`: fed, but no part of the output.
    `prefixes` are fairseq's `prefix_tokens`: the first tokens of the output, whose log-probabilities and number count
    as if the model had chosen them, so the score of a hypothesis is the same with and without the constraint.

    Attributes:
        start: Tokens fed first; they count neither for score nor length. One tuple for all sentences, or one a
            sentence, all of the same length. SixT+ starts with `</s>` alone (fairseq's convention); multilingual
            decoders add a language token.
        end: The token that ends a hypothesis.
        never: Tokens that are never generated (padding, beginning of sentence). They keep their probability mass: the
            others are not renormalised (as in fairseq).
        prefixes: The tokens each sentence's output must begin with, of any lengths; None forces nothing.
    """

    start: tuple[int, ...] | tuple[tuple[int, ...], ...]
    end: int
    never: tuple[int, ...] = ()
    prefixes: tuple[tuple[int, ...], ...] | None = None

    def __post_init__(self) -> None:
        lengths = {len(tokens) if isinstance(tokens, tuple) else 1 for tokens in self.start}
        if not self.start or 0 in lengths:
            raise ValueError("the constraints need at least one start token; it is the decoder's first input.")
        if len(lengths) > 1:
            raise ValueError(f"start tokens must be equally many for every sentence, not {sorted(lengths)}.")
        if self.end in self.never:
            raise ValueError(f"the end token {self.end} is among the tokens that are never generated.")
        refused = {*self.never, self.end} & {token for prefix in self.prefixes or () for token in prefix}
        if refused:
            raise ValueError(f"a prefix holds tokens that are never generated: {sorted(refused)}.")

    def starts(self, sentences: int, device: torch.device) -> Tensor:
        """Return the start tokens of each sentence, (B, P) int64.

        Raises:
            ValueError: There are start tokens for another number of sentences.
        """
        rows = torch.tensor(self.start, dtype=torch.int64, device=device)
        if rows.ndim == 1:
            return rows.expand(sentences, -1)
        if len(rows) != sentences:
            raise ValueError(f"start tokens of {len(rows)} sentences were given for {sentences} sentences.")
        return rows


@dataclass(frozen=True)
class LengthRule:
    """How many tokens a hypothesis may have; the end token is not counted.

    Attributes:
        maximum: The absolute limit (SixT+: 200).
        per_source: With `extra`, a limit relative to the source: `per_source * S + extra`, where S counts the
            real source
            positions, special tokens included. None leaves the absolute limit alone.
        extra: See `per_source`.
        minimum: The end token cannot come before this many tokens (fairseq: 1).
    """

    maximum: int = 200
    per_source: float | None = None
    extra: int = 0
    minimum: int = 1

    def __post_init__(self) -> None:
        if self.maximum < 1 or self.minimum < 0:
            raise ValueError(
                f"maximum must be at least 1 and minimum at least 0, not {self.maximum} and {self.minimum}."
            )
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}.")

    def limits(self, source_mask: Tensor) -> Tensor:
        """Return the limit of each sentence; it depends on that sentence alone.

        Shape:
            source_mask: (B, S) bool    returns: (B,) int64, between max(minimum, 1) and maximum
        """
        lengths = source_mask.sum(dim=1)
        if self.per_source is None:
            return torch.full_like(lengths, self.maximum)
        relative = (lengths.double() * self.per_source).floor().long() + self.extra
        return relative.clamp(min=max(self.minimum, 1), max=self.maximum)


@dataclass(frozen=True)
class Hypothesis:
    """One output of a search.

    Attributes:
        tokens: Generated tokens, a forced prefix included, without start tokens and end token.
        score: What hypotheses are compared by: `log_probability / (len(tokens) + 1) ** length_penalty`.
        log_probability: Sum of the natural-log probabilities of `tokens` and of the end token.
        cut: True where the length limit, not the model, ended it.
    """

    tokens: Sequence[int]
    score: float
    log_probability: float
    cut: bool = False

    @classmethod
    def scored(cls, tokens: Sequence[int], log_probability: float, length_penalty: float, cut: bool) -> "Hypothesis":
        """A hypothesis with the score that its log-probability and length give it."""
        return cls(tokens, log_probability / (len(tokens) + 1) ** length_penalty, log_probability, cut)

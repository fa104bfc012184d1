"""Writing all positions at once, and writing again over what was written until nothing changes (SGA section 4.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from anyglot.inference.decoding.ctc import best_path, likeliest_path, prefix_beam_search
from anyglot.inference.decoding.logits import Best, Logits
from anyglot.inference.decoding.protocols import Hypothesis, NonAutoregressiveModel

ROUNDS = 2
"""Of denoising, where nobody says how many."""
CANVAS_ROWS = 1024
"""Most positions of the canvases of a batch: the scores of 16,384 words at each of them are 64 MB."""
CANDIDATES = 10
"""Tokens of each position that a prefix beam search considers."""


@dataclass(frozen=True)
class Round:
    """What one round wrote of a sentence.

    Attributes:
        path: The likeliest token of every position, uncollapsed, as ids.
        labels: The hypothesis that the path spells.
    """

    path: list[int]
    labels: Hypothesis


@dataclass(frozen=True)
class Refined:
    """What was found for a sentence.

    Attributes:
        hypotheses: Read off the last round, best first.
        rounds: Alignment first; as many more as it took until nothing changed, or as were allowed.
    """

    hypotheses: list[Hypothesis]
    rounds: list[Round]


@dataclass(frozen=True)
class Reading:
    """How labels are read off a canvas.

    Attributes:
        frame: Labels that are no text, `<s>` and `</s>`: taken off wherever they stand.
        never: Tokens that are never written, as ids. They keep their probability mass.
        beams: 1 takes the best path; more, a prefix beam search of so many beginnings.
        n_best: Hypotheses wanted; with one beam there is one. Fewer come back where fewer differ.
        length_penalty: Exponent of the length that a log-probability is divided by.
    """

    frame: tuple[int, ...] = ()
    never: tuple[int, ...] = ()
    beams: int = 1
    n_best: int = 1
    length_penalty: float = 1.0

    def text(self, hypothesis: Hypothesis) -> Hypothesis:
        """The hypothesis without its frame."""
        tokens = [token for token in hypothesis.tokens if token not in self.frame]
        return Hypothesis.scored(tokens, hypothesis.log_probability, self.length_penalty, hypothesis.cut)


@torch.no_grad()
def refine(
    model: NonAutoregressiveModel, source: Tensor, source_mask: Tensor, *, rounds: int, reading: Reading | None = None
) -> list[Refined]:
    """Read, align, and denoise up to `rounds` times.

    A sentence whose likeliest tokens are those of the round before has its final answer; it takes no part in what is
    computed after that.

    Args:
        source: Source tokens, padded on the right; a sentence's result does not depend on its neighbours where all are
            of one length and the model was made ready so (`models/precision.py`).
        rounds: Of denoising, at most; 0 is alignment alone.

    Shape:
        source: (B, S) int64    source_mask: (B, S) bool    returns: B results, in the order of the sentences

    Raises:
        ValueError: Rounds of a model that has no denoiser, or fewer than none.
        UserError: The model's output is not a number.
    """
    if rounds < 0 or (rounds and not model.refines):
        raise ValueError(f"{rounds} rounds cannot be had from a model with{'' if model.refines else 'out'} a denoiser.")
    if not len(source):
        return []
    state = model.read(source, source_mask)
    canvas, mask = model.canvas(state)
    return _refined(model, model.align(canvas, mask, state), mask, state, rounds, reading or Reading())


@torch.no_grad()
def denoise(
    model: NonAutoregressiveModel, tokens: Tensor, mask: Tensor, state: Any, *, rounds: int, reading: Reading
) -> list[Refined]:
    """Write over known tokens, as `refine` does over an alignment; the first of the rounds reads `tokens`.

    Shape:
        tokens: (B, T) int64    mask: (B, T) bool    state: of B sentences
    """
    return _refined(model, model.denoise(tokens, mask, state), mask, state, rounds - 1, reading)


def _refined(
    model: NonAutoregressiveModel, logits: Logits, mask: Tensor, state: Any, rounds: int, reading: Reading
) -> list[Refined]:
    """Denoise what `logits` write up to `rounds` times more."""
    results = [Refined([], []) for _ in range(len(mask))]
    left = torch.arange(len(mask), device=mask.device)
    before: Tensor | None = None
    for number in range(rounds + 1):
        written = _written(model, logits, mask, reading)
        unchanged = (written.paths == before).all(dim=1) if before is not None else torch.zeros_like(left).bool()
        for row, place in enumerate(left.tolist()):
            results[place].rounds.append(written.round(row))
        ended = unchanged if number < rounds else torch.ones_like(unchanged)
        for row, found in zip(ended.nonzero()[:, 0].tolist(), written.hypotheses(ended), strict=True):
            results[int(left[row])].hypotheses.extend(found)
        kept = (~ended).nonzero()[:, 0]
        if not len(kept):
            break
        best = written.best.tokens[written.rows(~ended), :2]
        if len(kept) < len(left):
            state, left, mask = model.keep(state, kept), left[kept], mask[kept]
        before = written.paths[kept]
        logits = model.denoise(model.next_input(best, mask), mask, state)
    return results


@dataclass(frozen=True)
class _Written:
    """What one pass wrote on the canvases of the sentences that are left.

    Shape:
        best: R rows, in the output's numbering    paths: (B, T) ids, -1 where no position is    mask: (B, T)
    """

    model: NonAutoregressiveModel
    reading: Reading
    best: Best
    paths: Tensor
    mask: Tensor
    spelled: list[Hypothesis]

    def rows(self, sentences: Tensor) -> Tensor:
        """Which of the R rows belong to the sentences, (B,) bool."""
        return (sentences[:, None] & self.mask)[self.mask]

    def round(self, row: int) -> Round:
        """One sentence's path and what it spells."""
        return Round(self.paths[row, self.mask[row]].tolist(), self.reading.text(self.spelled[row]))

    def hypotheses(self, sentences: Tensor) -> list[list[Hypothesis]]:
        """The final answer for the chosen sentences, (B,) bool."""
        chosen = sentences.nonzero()[:, 0].tolist()
        if self.reading.beams == 1:
            return [[self.reading.text(self.spelled[row])] for row in chosen]
        rows, best = self.rows(sentences), self.best
        wanted = None if best.wanted is None else best.wanted[rows]
        part = Best(best.values[rows], self.model.ids(best.tokens[rows]), best.normalizer[rows], wanted)
        found = prefix_beam_search(
            part,
            self.mask.sum(dim=1)[sentences],
            self.model.blank,
            beams=self.reading.beams,
            n_best=self.reading.beams,
            length_penalty=self.reading.length_penalty,
        )
        return [_distinct([self.reading.text(one) for one in each])[: self.reading.n_best] for each in found]


def _written(model: NonAutoregressiveModel, logits: Logits, mask: Tensor, reading: Reading) -> _Written:
    """Find the likeliest tokens of every position."""
    count = 2 if reading.beams == 1 else CANDIDATES
    wanted: Any = None
    if reading.beams > 1:
        wanted = torch.full((logits.rows,), model.places([model.blank])[0], device=mask.device)
    best = logits.best(count, banned=model.places(reading.never), wanted=wanted)
    named = replace(best, tokens=model.ids(best.tokens))
    paths = torch.full(mask.shape, -1, dtype=torch.int64, device=mask.device)
    paths[mask] = likeliest_path(named, model.blank)[0]
    spelled = best_path(named, mask.sum(dim=1), model.blank, length_penalty=reading.length_penalty)
    return _Written(model, reading, best, paths, mask, spelled)


def _distinct(hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
    """Best first, each text once: without a frame two of them may be one."""
    found: dict[tuple[int, ...], Hypothesis] = {}
    for hypothesis in sorted(hypotheses, key=lambda hypothesis: -hypothesis.score):
        found.setdefault(tuple(hypothesis.tokens), hypothesis)
    return list(found.values())

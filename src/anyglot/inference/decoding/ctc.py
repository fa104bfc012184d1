"""From the scores of a canvas to labels: the best path, and the best labels by a prefix beam search.

A path takes one token at every position of the canvas. Its labels are what is left when repeats are merged and blanks
dropped (Graves et al., 2006). Many paths spell the same labels; the probability of labels is that of all their paths.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor

from anyglot.inference.decoding.logits import Best
from anyglot.inference.decoding.protocols import Hypothesis
from anyglot.inference.decoding.selection import require_numbers


def collapse(path: Sequence[int], blank: int) -> list[int]:
    """The labels that a path spells: repeats merged first, then blanks dropped, so that "a blank a" is "aa"."""
    return [token for token, _ in groupby(path) if token != blank]


def likeliest_path(best: Best, blank: int, blank_threshold: float | None = None) -> tuple[Tensor, Tensor]:
    """The likeliest token at every position, and its log-probability.

    Args:
        best: The best tokens of each position: two are needed with a threshold, else one.
        blank: The blank, numbered as in `best`.
        blank_threshold: A blank less probable than this gives way to the second best token. The released code of SGA
            has 0.6 where it writes freely; None never does, and anything above 1 always.

    Shape:
        best: R rows    returns: tokens (R,) and log-probabilities (R,)

    Raises:
        UserError: The model's output is not a number.
    """
    require_numbers(best.normalizer)
    scores = best.values - best.normalizer[:, None]
    if blank_threshold is None:
        return best.tokens[:, 0], scores[:, 0]
    if best.tokens.shape[1] < 2:
        raise ValueError("a blank can give way to the second best token only where two tokens were kept.")
    yields = (best.tokens[:, 0] == blank) & (scores[:, 0].exp() < blank_threshold)
    place = yields.long()[:, None]
    return best.tokens.gather(1, place)[:, 0], scores.gather(1, place)[:, 0]


def best_path(
    best: Best, lengths: Tensor, blank: int, *, blank_threshold: float | None = None, length_penalty: float = 1.0
) -> list[Hypothesis]:
    """The labels of the likeliest path of each canvas.

    Args:
        best: The best tokens of each position, sentence by sentence, see `likeliest_path`.
        lengths: Positions of each canvas; their sum is R.
        blank: The blank, numbered as in `best`.
        blank_threshold: See `likeliest_path`.
        length_penalty: Changes the reported score only.

    Shape:
        best: R rows    lengths: (B,) int64    returns: B hypotheses, whose log-probability is that of the path alone

    Raises:
        UserError: The model's output is not a number.
    """
    tokens, scores = likeliest_path(best, blank, blank_threshold)
    sizes = lengths.tolist()
    return [
        Hypothesis.scored(collapse(path.tolist(), blank), math.fsum(logs.tolist()), length_penalty, cut=False)
        for path, logs in zip(torch.split(tokens, sizes), torch.split(scores, sizes), strict=True)
    ]


def prefix_beam_search(
    best: Best, lengths: Tensor, blank: int, *, beams: int = 5, n_best: int = 1, length_penalty: float = 1.0
) -> list[list[Hypothesis]]:
    """The likeliest labels of each canvas, all their paths added up (Hannun et al., 2014, without a language model).

    After each position the `beams` likeliest beginnings of labels are kept. Only the tokens in `best` and the blank are
    considered at a position; what the others have of the probability is lost. With all tokens and enough beams the
    result is exact. Among equals the one that was reached first goes on.

    Args:
        best: The best tokens of each position, sentence by sentence; made with `wanted`, the blank of every row.
        lengths: Positions of each canvas; their sum is R.
        blank: The blank, numbered as in `best`.
        beams: Beginnings kept.
        n_best: Hypotheses wanted, `beams` at most.
        length_penalty: Of the score the kept ones are ordered by at the end.

    Shape:
        best: R rows    lengths: (B,) int64    returns: B lists of hypotheses, best first, fewer where there are fewer

    Raises:
        UserError: The model's output is not a number.
    """
    if not 1 <= n_best <= beams:
        raise ValueError(f"between 1 and {beams} hypotheses can be had from {beams} beams, not {n_best}.")
    if best.wanted is None:
        raise ValueError("a prefix beam search needs the blank's logits: ask for them with `wanted`.")
    require_numbers(best.normalizer)
    sizes = lengths.tolist()
    # In double precision and by Python's own functions: what comes out depends on the sentence's own rows alone.
    normalizer = best.normalizer.double()
    scores = torch.split(best.values.double() - normalizer[:, None], sizes)
    blanks = torch.split(best.wanted.double() - normalizer, sizes)
    found = []
    for tokens, logs, blank_logs in zip(torch.split(best.tokens, sizes), scores, blanks, strict=True):
        beam = _Beam(blank, beams)
        for row in zip(tokens.tolist(), logs.tolist(), blank_logs.tolist(), strict=True):
            beam.step(*row)
        found.append(beam.hypotheses(length_penalty)[:n_best])
    return found


class _Beam:
    """The likeliest beginnings of one sentence's labels.

    Beginnings are nodes of a tree, the empty one is 0; those with the same labels are one node. A node has two masses:
    of its paths that end in a blank, and of those that end in its last label. They are relative to what all nodes had
    after the last position, whose logarithm is kept beside them, so nothing that matters becomes too small.
    """

    def __init__(self, blank: int, beams: int) -> None:
        self.blank, self.beams = blank, beams
        self.parents, self.labels = [0], [blank]
        self.children: dict[tuple[int, int], int] = {}
        self.masses: list[tuple[int, float, float]] = [(0, 1.0, 0.0)]
        self.scale = 0.0

    def step(self, tokens: list[int], scores: list[float], blank_score: float) -> None:
        """Add a position: its tokens with their log-probabilities, and the blank's."""
        share = math.exp(blank_score)
        shares = [(token, math.exp(score)) for token, score in zip(tokens, scores, strict=True) if token != self.blank]
        after_blank: dict[int, float] = {}
        after_label: defaultdict[int, float] = defaultdict(float)
        for node, blank_mass, label_mass in self.masses:
            both = blank_mass + label_mass
            after_blank[node] = both * share
            last = self.labels[node]
            for token, chance in shares:
                if token == last:
                    # Without a blank between them they are one label.
                    after_label[node] += label_mass * chance
                    after_label[self._child(node, token)] += blank_mass * chance
                else:
                    after_label[self._child(node, token)] += both * chance
        # Nodes in the order in which they were reached: the kept ones first.
        reached = [(node, mass, after_label.pop(node, 0.0)) for node, mass in after_blank.items()]
        reached += [(node, 0.0, mass) for node, mass in after_label.items()]
        kept = heapq.nlargest(self.beams, reached, key=lambda masses: masses[1] + masses[2])
        whole = math.fsum(blank_mass + label_mass for _, blank_mass, label_mass in kept)
        self.scale += math.log(whole)
        self.masses = [(node, one / whole, other / whole) for node, one, other in kept if one + other > 0.0]

    def _child(self, node: int, label: int) -> int:
        child = self.children.get((node, label))
        if child is None:
            child = self.children[node, label] = len(self.labels)
            self.parents.append(node)
            self.labels.append(label)
        return child

    def hypotheses(self, length_penalty: float) -> list[Hypothesis]:
        """What is left, best first; among equals the shorter, then the one with the lower tokens."""
        found = [
            Hypothesis.scored(self._spelled(node), self.scale + math.log(one + other), length_penalty, cut=False)
            for node, one, other in self.masses
        ]
        return sorted(found, key=lambda found: (-found.score, len(found.tokens), tuple(found.tokens)))

    def _spelled(self, node: int) -> list[int]:
        labels = []
        while node:
            labels.append(self.labels[node])
            node = self.parents[node]
        return labels[::-1]

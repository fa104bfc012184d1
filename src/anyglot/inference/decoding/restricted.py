"""Searching an output that has some rows of its table only: in by their places, out by their ids.

A search over a restricted output runs in places (0 .. C - 1) from the start token to the last one. Its constraints are
put so before, its hypotheses are put back after; kept ids ascend, so ties fall as they would in the full table.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch

from anyglot.errors import UserError
from anyglot.inference.decoding.protocols import Hypothesis, SearchConstraints
from anyglot.nn.vocabulary_subset import VocabularySubset


def compact_constraints(constraints: SearchConstraints, rows: VocabularySubset) -> SearchConstraints:
    """The constraints in places; tokens that are never generated and have no place need no mention.

    Raises:
        UserError: A start token, the end token or a forced token is not kept.
    """
    kept = set(rows.ids.tolist())
    wanted = {constraints.end, *_tokens(constraints.start)}.union(*(prefix for prefix in constraints.prefixes or ()))
    missing = sorted(wanted - kept)
    if missing:
        raise UserError(
            f"the restricted vocabulary lacks token {missing[0]}, which the output must start, continue or end with: "
            "choose a vocabulary that keeps it, or use the full one."
        )
    places = {token: place for place, token in enumerate(rows.ids.tolist())}

    def compact(tokens: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(places[token] for token in tokens)

    start = [compact(each) if isinstance(each, tuple) else places[each] for each in constraints.start]
    return replace(
        constraints,
        start=tuple(start),  # type: ignore[arg-type]
        end=places[constraints.end],
        never=tuple(places[token] for token in constraints.never if token in places),
        prefixes=None if constraints.prefixes is None else tuple(compact(prefix) for prefix in constraints.prefixes),
    )


def full_hypotheses(hypotheses: Sequence[Hypothesis], rows: VocabularySubset) -> list[Hypothesis]:
    """Hypotheses in places -> the same in ids of the full table."""
    return [
        replace(
            hypothesis,
            tokens=rows.full(torch.tensor(hypothesis.tokens, dtype=torch.int64, device=rows.ids.device)).tolist(),
        )
        for hypothesis in hypotheses
    ]


def _tokens(start: tuple[int, ...] | tuple[tuple[int, ...], ...]) -> set[int]:
    return {token for each in start for token in (each if isinstance(each, tuple) else (each,))}

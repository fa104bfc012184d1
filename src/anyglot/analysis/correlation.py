"""Does what was measured in a model go with how well it transfers? Spearman's rank correlation, tested by permutation.

Models are few, so a correlation is shown with the number of points, and its p value is exact where there are at most
eight: with four points no arrangement can give p below 1/12.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from anyglot.errors import UserError
from anyglot.text.languages import language
from anyglot.text.readers import read_lines

Key = TypeVar("Key")
EXACT = 8
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Correlation:
    """Spearman's rho.

    Attributes:
        rho: None with fewer than 3 points, or where one side does not vary.
        p: Two-sided, by permutation: how often a random arrangement correlates at least as strongly.
        points: How many.
        exact: Whether all arrangements were tried.
    """

    rho: float | None
    p: float | None
    points: int
    exact: bool


@dataclass(frozen=True)
class TransferScore:
    """One row of a table of scores."""

    model: str
    language: str | None
    score: float


def ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse])


def correlate(
    values: Mapping[Key, float], scores: Mapping[Key, float], *, trials: int = 10_000, seed: int = 1
) -> Correlation:
    """Correlate what both have, key by key.

    Args:
        trials: Random arrangements, where there are more than `EXACT` points.
    """
    keys = [key for key in values if key in scores]
    a, b = (ranks(np.array([float(side[key]) for key in keys])) for side in (values, scores))
    exact = len(keys) <= EXACT
    if len(keys) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return Correlation(None, None, len(keys), exact)
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    rho = float(a @ b) / scale
    if exact:
        found = np.array([a @ b[list(order)] for order in permutations(range(len(keys)))]) / scale
        p = float(np.mean(np.abs(found) >= abs(rho) - _ROUNDING))
    else:
        generator = np.random.default_rng(seed)
        found = np.array([a @ generator.permutation(b) for _ in range(trials)]) / scale
        # The arrangement found is one of those possible, so p is never 0.
        p = float((np.sum(np.abs(found) >= abs(rho) - _ROUNDING) + 1) / (trials + 1))
    return Correlation(rho, p, len(keys), exact)


def read_scores(path: Path) -> tuple[TransferScore, ...]:
    """Read tab-separated scores with a head: `model`, `score`, and `language` if they are by language.

    Raises:
        UserError: A column is missing, a line has another number of cells, or a score is no number.
    """
    lines = [line for line in read_lines(path) if line.strip()]
    head = [name.strip().lower() for name in lines[0].split("\t")] if lines else []
    if "model" not in head or "score" not in head:
        raise UserError(
            f"{path} must be tab-separated with a head that names the columns model and score (and language, if any); "
            f"it has {', '.join(head) or 'nothing'}"
        )
    found = []
    for number, line in enumerate(lines[1:], start=2):
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) != len(head):
            raise UserError(f"{path} row {number} has {len(cells)} cells, its head {len(head)}; mend it")
        row = dict(zip(head, cells, strict=True))
        try:
            score = float(row["score"])
        except ValueError:
            score = math.nan
        if not math.isfinite(score):
            raise UserError(f"{path} row {number}: {row['score'][:40]!r} is no score; write a number")
        code = language(row["language"]).code if row.get("language") else None
        found.append(TransferScore(row["model"], code, score))
    return tuple(found)


def by_model(scores: tuple[TransferScore, ...], *, without: str | None = None) -> dict[str, float]:
    """Mean score of each model, over languages other than `without`: the one that was trained on transfers nothing."""
    found: dict[str, list[float]] = {}
    for each in scores:
        if each.language is None or each.language != without:
            found.setdefault(each.model, []).append(each.score)
    return {model: sum(values) / len(values) for model, values in found.items()}


def by_language(scores: tuple[TransferScore, ...], *, without: str | None = None) -> dict[tuple[str, str], float]:
    """Mean score of each (model, language), where languages are told."""
    found: dict[tuple[str, str], list[float]] = {}
    for each in scores:
        if each.language is not None and each.language != without:
            found.setdefault((each.model, each.language), []).append(each.score)
    return {key: sum(values) / len(values) for key, values in found.items()}

"""A system against a baseline: paired by the resamples both were scored with, corrected for how much is compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anyglot.errors import UserError
from anyglot.evaluation.finetuning.averages import Values, Vector
from anyglot.evaluation.finetuning.results import RESULT, SeedResult, read_result
from anyglot.stats.resampling import Difference, difference


@dataclass(frozen=True)
class Comparison:
    """A difference on a task: of the mean over languages (language ""), or in one language.

    Attributes:
        holm: The p-value times what Holm (1979) asks for, over all comparisons of one table.
    """

    task: str
    language: str
    difference: Difference
    holm: float


def compare(pairs: Sequence[tuple[Values, Values]]) -> tuple[Comparison, ...]:
    """Compare a system with a baseline on each task, over all languages both have, and in each of them.

    Args:
        pairs: Of each task the system's values and the baseline's, of one measure.

    Raises:
        UserError: They were scored on other test sets or other resamples.
    """
    found: list[tuple[str, str, Difference]] = []
    for own, other in pairs:
        languages = _shared(own, other)
        found.append((own.task, "", _difference(own.mean(languages), other.mean(languages))))
        found += [(own.task, code, _difference(own.of(code), other.of(code))) for code in languages]
    corrected = holm([part.p for _, _, part in found])
    return tuple(Comparison(*part, p) for part, p in zip(found, corrected, strict=True))


def _difference(own: Vector, other: Vector) -> Difference:
    return difference(own[1:], other[1:], float(own[0]), float(other[0]))


def _shared(own: Values, other: Values) -> tuple[str, ...]:
    if own.vectors.shape[2] != other.vectors.shape[2]:
        raise UserError(
            f"{own.task} was scored with {own.vectors.shape[2] - 1} resamples and {other.vectors.shape[2] - 1}; "
            "run both with the same resamples"
        )
    languages = tuple(code for code in own.languages if code in other.languages)
    if not languages:
        raise UserError(f"{own.system} and {other.system} have no language of {own.task} in common")
    for code in languages:
        if own.data[code] != other.data[code]:
            raise UserError(
                f"{own.system} and {other.system} were scored on different test sets of {own.task} in {code}; compare "
                "systems over the same files"
            )
    return languages


def holm(values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (1979): p-values that keep the chance of any false difference at the level.

    The smallest of n is multiplied by n, the next by n - 1, and so on; none is smaller than the one before.
    """
    order = np.argsort(values, kind="stable")
    corrected = np.ones(len(values))
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[place]))
        corrected[place] = highest
    return corrected.tolist()


def earlier_results(folder: Path, system: str) -> dict[str, tuple[tuple[SeedResult, Path], ...]]:
    """The results in an earlier suite's folder, by task: of the system of this name, or of the only one.

    Raises:
        UserError: There are none, or several systems and none of this name.
    """
    found: dict[str, dict[str, list[tuple[SeedResult, Path]]]] = {}
    for path in sorted(folder.rglob(RESULT)):
        result = read_result(path.parent)
        if result is not None:
            found.setdefault(result.system, {}).setdefault(result.task, []).append((result, path.parent))
    if not found:
        raise UserError(f"{folder} holds no results of a suite; name the --out folder of an earlier one")
    name = system if system in found else next(iter(found)) if len(found) == 1 else ""
    if not name:
        raise UserError(f"{folder} holds results of {', '.join(found)}, none of {system}; compare a model with itself")
    return {task: tuple(sorted(results, key=lambda pair: pair[0].seed)) for task, results in found[name].items()}

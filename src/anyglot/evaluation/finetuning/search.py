"""Search of settings over a paper's grid: with the first seed, by dev score, never by the test set."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from anyglot.errors import UserError
from anyglot.evaluation.finetuning.settings import TuningSettings
from anyglot.evaluation.tasks.task import Protocol


@dataclass(frozen=True)
class Grid:
    """Values that are tried, all combinations of them."""

    learning_rates: tuple[float, ...]
    epochs: tuple[int, ...]
    batches: tuple[int, ...]
    source: str

    def settings(self, base: TuningSettings) -> tuple[TuningSettings, ...]:
        """All combinations, everything else as in `base`."""
        found = itertools.product(self.learning_rates, self.epochs, self.batches)
        return tuple(
            replace(base, protocol=replace(base.protocol, learning_rate=rate, epochs=epochs, batch=batch))
            for rate, epochs, batch in found
        )


GRIDS: Mapping[str, Grid] = MappingProxyType(
    {
        "veco": Grid(
            (1e-5, 2e-5, 3e-5), (3, 5, 10), (16, 32, 64), "VECO appendix B and table 9, cross-lingual transfer"
        ),
        "veco-translate": Grid(
            (3e-6, 5e-6, 1e-5), (3, 5, 10), (16, 32, 64), "VECO appendix B and table 9, translate-train-all"
        ),
        "tiny": Grid((5e-4, 1e-3, 2e-3), (5, 10), (32,), "ours, for encoders of a few million parameters"),
    }
)


@dataclass(frozen=True)
class Trial:
    """One point of the grid with its dev score, in per cent, at the epoch that was chosen."""

    learning_rate: float
    epochs: int
    batch: int
    score: float

    def of(self, protocol: Protocol) -> Protocol:
        """The protocol with these values."""
        return replace(protocol, learning_rate=self.learning_rate, epochs=self.epochs, batch=self.batch)


def grid_named(name: str) -> Grid:
    """The grid of this name.

    Raises:
        UserError: There is none.
    """
    if name not in GRIDS:
        raise UserError(f"there is no grid {name!r} to search; there are {', '.join(GRIDS)}")
    return GRIDS[name]


def search(grid: Grid, base: TuningSettings, dev_score: Callable[[TuningSettings], float]) -> tuple[Trial, ...]:
    """Score every point of the grid, in its order.

    Args:
        dev_score: Trains with these settings and returns the dev score.
    """
    trials = []
    for settings in grid.settings(base):
        protocol = settings.protocol
        trials.append(Trial(protocol.learning_rate, protocol.epochs, protocol.batch, dev_score(settings)))
    return tuple(trials)


def best(trials: tuple[Trial, ...]) -> Trial:
    """The best dev score; of equal ones the first, which has the lower learning rate and fewer epochs."""
    return max(trials, key=lambda trial: trial.score)


def chosen_score(scores: Sequence[Mapping[str, float]], epoch: int) -> float:
    """The dev score that chose, at the epoch that was kept, from 1 on (`Tuned.scores`).

    Raises:
        UserError: There were no dev sets.
    """
    if not 0 < epoch <= len(scores):
        raise UserError(
            "a search needs a dev set to choose by; search tasks that have one, with select=english or mean"
        )
    return scores[epoch - 1]["score"]

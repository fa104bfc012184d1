"""What a metric is: counts taken of each unit of a test set by itself, and a formula over their sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from anyglot.errors import UserError
from anyglot.evaluation.tasks.examples import Example
from anyglot.evaluation.tasks.predictions import Prediction


class Metric(Protocol):
    """Scores a test set that goes by in parts; its formula takes sums of resamples as well as of the whole.

    Make a new one for each pass over a test set, and give it the examples in order.
    """

    @property
    def name(self) -> str:
        """As in `METRICS`."""
        ...

    @property
    def statistics(self) -> tuple[str, ...]:
        """Names of what is counted of a unit: an example, a sentence, or a query with its rows."""
        ...

    @property
    def values(self) -> tuple[str, ...]:
        """Names of what comes out, the headline first."""
        ...

    def of(self, examples: Sequence[Example], predictions: Sequence[Prediction]) -> NDArray[np.float64]:
        """Count each unit of the next part of a test set.

        Shape:
            returns: (units, statistics); may be summed

        Raises:
            UserError: An example has no gold label.
            ValueError: There are not as many predictions as examples, or tags as words.
        """
        ...

    def value(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn sums into the values, in per cent; 0 where nothing was counted.

        Shape:
            sums: (..., statistics)
            returns: (..., values)
        """
        ...


def ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a share in per cent, 0 of nothing."""
    return 100.0 * np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def no_gold(example: Example) -> UserError:
    """Say that an example cannot be scored."""
    return UserError(f"example {example.id} has no gold label, so it cannot be scored; give a test set that has labels")

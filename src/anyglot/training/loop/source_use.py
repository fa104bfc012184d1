"""Whether a decoder looks at its source: the loss with the sources of other sentences beside that with their own.

A decoder may learn to be a language model of the target and nothing else for a long time. Its loss falls all the while,
and nothing in it tells. But to such a decoder it is all the same which source it is given.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from anyglot.data.batch import TranslationBatch
from anyglot.training.loop.distributed import summed
from anyglot.training.loop.state import Progress

if TYPE_CHECKING:
    from accelerate import Accelerator

logger = logging.getLogger(__name__)
SHUFFLED, ERROR = "shuffled_source_loss", "shuffled_source_error"
# One batch in so many is read a second time.
SHARE = 4
# What another sentence's source costs, in nats a token, from which on a decoder is said to look at its source. On the
# plateau it cost up to 0.03 where that was measured, and a whole nat a hundred updates after that was left.
THRESHOLD = 0.05
# The cost is known to so many of its standard errors; a standard error of fewer sentences says nothing.
MARGIN, FEWEST = 2.0, 8
# What to try, in the order of what costs least to try.
ADVICE = (
    "another stages.{stage}.learning_rate (a third, three times as much)",
    "a longer stages.{stage}.warmup_updates",
    "smaller batches (data.batch_tokens or stages.{stage}.batch_tokens), which are more updates of the same text",
    "more updates (stages.{stage}.updates)",
)


def other_rows(lengths: Tensor, seed: int) -> Tensor:
    """For each row another one to take the source of, one whose source is of like length: no row keeps its own.

    Rows in order of length, those of one length in an order drawn with the seed, take the source of the next, the last
    that of the first. So what is measured is what a source says, and hardly how long it is, which a padding mask and a
    canvas tell without being looked at. Draws from no generator but its own.

    Shape:
        lengths: (B,), B >= 2    returns: (B,) int64, a permutation without a fixed point
    """
    drawn = torch.randperm(len(lengths), generator=torch.Generator().manual_seed(seed))
    order = drawn[torch.argsort(lengths.cpu()[drawn], stable=True)]
    return torch.empty_like(order).scatter_(0, order, order.roll(-1))


class SourceComparison:
    """Adds up, over a share of one validation's batches, what another sentence's source costs.

    The same sentences are read with either source, and their losses are compared one by one: how hard a sentence is
    counts in both and cancels, so that of a decoder that does not look nothing is left, noise neither. With two losses
    of different sentences a hundred times as many would not tell as much.

    Args:
        wanted: False: nothing is compared.
    """

    def __init__(self, accelerator: Accelerator, *, wanted: bool = True) -> None:
        self.accelerator, self.wanted = accelerator, wanted
        self._batches = 0
        # Sentences; their tokens, differences, and the products of these two with each other and themselves.
        self._sums = torch.zeros(6, dtype=torch.float64, device=accelerator.device)

    def shuffled(self, batch: Any) -> TranslationBatch | None:
        """The batch with other sentences' sources, if it is one to be compared; every rank must show every batch.

        One of every four batches that have two sentences or more, the first among them; which of the four changes from
        four to four, so that ranks, which take batches in turns, have as much to do.
        """
        if not self.wanted or not isinstance(batch, TranslationBatch) or len(batch) < 2:
            return None
        number, self._batches = self._batches, self._batches + 1
        group, place = divmod(number, SHARE)
        if place != group % SHARE:
            return None
        return batch.with_sources(other_rows(batch.source_mask.sum(dim=1), seed=number))

    def add(self, own: Tensor, other: Tensor, target_mask: Tensor) -> None:
        """Take in a batch's sentences; those that have no finite loss with either source are left out.

        Shape:
            own, other: (B,), losses with their own and with other sources    target_mask: (B, T) bool
        """
        counted = own.isfinite() & other.isfinite()
        cost = (other.double() - own.double())[counted]
        tokens = target_mask.sum(dim=1)[counted].double()
        parts = (torch.ones_like(cost), tokens, cost, cost * cost, cost * tokens, tokens * tokens)
        self._sums += torch.stack([part.sum() for part in parts])

    def numbers(self, loss: float) -> dict[str, float]:
        """The loss with other sources and the standard error of its distance from `loss`; the same on every rank.

        It is `loss`, which is over all batches, and what the shuffling added where batches were compared, so that the
        two may be set side by side: they are equal where nothing was added. Empty if no batch was compared; without the
        error if too few sentences were.
        """
        sentences, tokens, cost, cost_squared, cost_tokens, tokens_squared = summed(
            self.accelerator, self._sums
        ).tolist()
        if sentences == 0 or tokens == 0:
            return {}
        mean = cost / tokens
        found = {SHUFFLED: loss + mean}
        if sentences >= FEWEST:  # of a ratio of two sums over sentences (Cochran, Sampling Techniques, section 6.4)
            left = max(cost_squared - 2 * mean * cost_tokens + mean * mean * tokens_squared, 0.0)
            found[ERROR] = (left * sentences / (sentences - 1)) ** 0.5 / tokens
        return found


def looks(numbers: Mapping[str, float]) -> bool | None:
    """Whether the decoder looks at its source, by the numbers of a validation; None: they do not tell.

    It does if another source costs more than `THRESHOLD` nats a token, and does not if it costs less, with `MARGIN`
    standard errors between the two. In between nothing is said, so that what is said does not change with the noise.
    """
    if SHUFFLED not in numbers or ERROR not in numbers:
        return None
    cost, margin = numbers[SHUFFLED] - numbers["loss"], MARGIN * numbers[ERROR]
    if cost - margin > THRESHOLD:
        return True
    return False if cost + margin < THRESHOLD else None


@dataclass(frozen=True)
class Notice:
    """What a validation says of the decoder.

    Args:
        facts: What metrics.jsonl keeps of it.
        line: A sentence, where something changed.
        warns: It is a warning, which is logged and so told on a quiet run too.
    """

    facts: Mapping[str, bool | int | None]
    line: str | None = None
    warns: bool = False

    def tell(self, say: Callable[[str], None], *, first_process: bool) -> None:
        """Say the sentence, once among several processes."""
        if self.line is None or not first_process:
            return
        if self.warns:
            logger.warning("%s", self.line)
        else:
            say(self.line)


def noticed(progress: Progress, stage: str, *, last: bool) -> Notice:
    """Take the newest validation, `progress.metrics`, into the books, and tell what changed.

    That the decoder does not look is told from the second validation on, or by the last of a stage: hardly any does
    after a few updates.
    """
    numbers, told = progress.metrics, progress.looks_at_source
    if SHUFFLED not in numbers:
        return Notice({})
    found = looks(numbers)
    line, warns = None, found is False and told is not False and (len(progress.best) > 1 or last)
    if found and not told:
        again = "" if progress.looks_at_source_from is None else " again"
        line = f"the decoder looks at its source{again}, seen after update {progress.update}"
        progress.looks_at_source = True
        if progress.looks_at_source_from is None:
            progress.looks_at_source_from = progress.update
    elif warns:
        line = _warning(numbers, progress.update, stage, no_more=told is True)
        progress.looks_at_source = False
    return Notice({"looks_at_source": found, "looks_at_source_from": progress.looks_at_source_from}, line, warns)


def shown(progress: Progress) -> dict[str, float]:
    """What the progress bar tells of the last validation: its loss, and that with other sources."""
    numbers = progress.metrics
    return {"validation_loss": numbers["loss"], SHUFFLED: numbers[SHUFFLED]} if SHUFFLED in numbers else {}


def recorded(progress: Progress) -> dict[str, bool | int | None]:
    """What run.json keeps: whether the decoder looks at its source, and since which update; nothing if not measured."""
    if SHUFFLED not in progress.metrics:
        return {}
    return {
        "looks_at_source": progress.looks_at_source,
        "looks_at_source_from": progress.looks_at_source_from,
    }


def _warning(numbers: Mapping[str, float], update: int, stage: str, *, no_more: bool) -> str:
    advice = "; ".join(ADVICE).format(stage=stage)
    return (
        f"update {update}: the decoder does not look at its source{' any more' if no_more else ''}. With other "
        f"sentences' sources the validation loss is {numbers[SHUFFLED]:.4f}, with their own {numbers['loss']:.4f}: "
        f"what it writes is no translation. Many runs begin so and get over it; if this one does not, try {advice}."
    )

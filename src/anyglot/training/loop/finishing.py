"""What a stage ends with: its last weights, its best by validation, or the mean of its last checkpoints.

The next stage begins from what is chosen here, and so does whoever opens the finished run. The choice hangs on nothing
but the recipe: checkpoints that only a signal wrote are never part of a mean.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from anyglot.errors import UserError
from anyglot.models.pretrained import run_checkpoints
from anyglot.models.pretrained.run_checkpoints import left_out
from anyglot.training.loop import state
from anyglot.training.loop.averaging import WEIGHTS, average
from anyglot.training.loop.options import BEST, LAST
from anyglot.training.loop.plan import Plan

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ending:
    """Weights that a stage ends with in place of its last.

    Args:
        tensors: None: they are the last ones.
        missing: Names of parameters that `tensors` leaves out.
        updates: After which the weights were as they are; those of several are averaged.
        metrics: The validation of these very weights; None: they have not been validated.
    """

    tensors: dict[str, Tensor] | None
    missing: frozenset[str]
    updates: tuple[int, ...]
    metrics: dict[str, float] | None

    def record(self, stage: str, metric: str, value: float | None) -> dict[str, Any]:
        """As run.json and metrics.jsonl tell it."""
        chosen: dict[str, Any] = {"chosen_updates": list(self.updates)}
        return {"stage": stage, **chosen, **({} if value is None else {"metric": metric, "value": value})}


def check_finish(plan: Plan) -> None:
    """The best can be told.

    Raises:
        UserError: Nothing is validated on.
    """
    if plan.checkpoints.finish == BEST and plan.validator is None:
        raise UserError(
            "checkpoints.finish is best, but nothing is validated on: give data.validation, or finish with last or "
            "average:N."
        )


def ranked(plan: Plan, scores: dict[str, float]) -> list[int]:
    """Updates from best to worst by validation; of equals the earlier comes first."""
    sign = 1 if plan.validation.metric == "loss" else -1
    return [int(update) for update in sorted(scores, key=lambda update: (sign * scores[update], int(update)))]


def of_stage(progress: state.Progress) -> dict[str, float]:
    """The validations of the stage under way."""
    return {update: value for update, value in progress.best.items() if int(update) > progress.before_stage}


def needed(plan: Plan, progress: state.Progress) -> list[int]:
    """Updates of the checkpoints that the stage under way may be finished with; they are not to be deleted."""
    averaged = plan.checkpoints.averaged
    return _regular(plan, progress)[-averaged:] if averaged else []


def ending(plan: Plan, progress: state.Progress, model: nn.Module) -> Ending | None:
    """What the stage under way, all of whose updates are done, ends with; None: with the weights it has.

    Every rank must call this, and each gets the same.
    """
    if plan.checkpoints.finish == LAST:
        return None
    if plan.checkpoints.finish == BEST:
        return _best(plan, progress)
    earlier = [number for number in _regular(plan, progress) if number < progress.update]
    folders = [folder for number in earlier if (folder := _good(plan, number)) is not None]
    folders = folders[1 - plan.checkpoints.averaged :]
    if not folders:
        return Ending(None, frozenset(), (progress.update,), None)
    missing = left_out(folders[0])
    mean = dict(average(folders, state.model_tensors(model, missing)))
    return Ending(mean, missing, (*(int(folder.name[5:]) for folder in folders), progress.update), None)


def _best(plan: Plan, progress: state.Progress) -> Ending:
    for number in ranked(plan, of_stage(progress)):
        if number == progress.update:
            break
        folder = _good(plan, number)
        if folder is not None:
            tensors = run_checkpoints.read_tensors(folder / WEIGHTS)
            return Ending(tensors, left_out(folder), (number,), run_checkpoints.read_manifest(folder).metrics)
    return Ending(None, frozenset(), (progress.update,), progress.metrics)


def _regular(plan: Plan, progress: state.Progress) -> list[int]:
    """Updates of this stage, so far, after which the recipe has a checkpoint written."""
    first, every = progress.before_stage, plan.checkpoints.every
    return list(range((first // every + 1) * every, progress.update + 1, every))


def _good(plan: Plan, update: int) -> Path | None:
    folder = plan.folder / run_checkpoints.CHECKPOINTS / f"step-{update}"
    try:
        run_checkpoints.verify(folder)
    except run_checkpoints.DamagedCheckpoint as damage:
        logger.warning("checkpoint %s cannot be what the stage ends with: %s", folder, damage)
        return None
    return folder


def told(record: dict[str, Any]) -> str:
    """What `Ending.record` says, in a sentence."""
    *earlier, last = (f"{update:,}" for update in record["chosen_updates"])
    what = f"the weights of update {last}" if not earlier else f"the mean of updates {', '.join(earlier)} and {last}"
    judged = f", {record['metric']} {record['value']:.4g}" if "value" in record else ""
    return f"stage {record['stage']} ends with {what}{judged}"

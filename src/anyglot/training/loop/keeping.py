"""A run's checkpoints on disk: what each holds, and which stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from anyglot.errors import UserError
from anyglot.models.build import Model
from anyglot.models.pretrained import run_checkpoints
from anyglot.models.pretrained.run_checkpoints import FROZEN_NAMES, FROZEN_WEIGHTS_FILE
from anyglot.models.store import CONFIG, config_document
from anyglot.runtime.files import write_tensors
from anyglot.training.loop import checkpoint, finishing, state
from anyglot.training.loop.frozen_weights import FrozenWeights
from anyglot.training.loop.logs import MetricsLog
from anyglot.training.loop.options import BEST
from anyglot.training.loop.plan import Plan

if TYPE_CHECKING:
    import torch
    from accelerate import Accelerator


class Keeper:
    """Writes the checkpoints of a run and deletes those that are not to be kept.

    Args:
        frozen: What no stage trains, and is therefore left out.
        log: Flushed to disk before a checkpoint tells of its lines; None on every rank but the first.
        saved: The update of the checkpoint the run goes on from.
    """

    def __init__(
        self, plan: Plan, accelerator: Accelerator, frozen: FrozenWeights, log: MetricsLog | None, saved: int | None
    ) -> None:
        self.plan, self.accelerator, self.frozen, self.log, self.saved = plan, accelerator, frozen, log, saved
        beside = plan.folder / run_checkpoints.CHECKPOINTS / FROZEN_WEIGHTS_FILE
        self._beside = beside if frozen.names and not beside.is_file() else None

    def save(self, model: nn.Module, progress: state.Progress, optimizer: torch.optim.Optimizer | None) -> None:
        """Write a checkpoint and delete what is not to be kept; without `optimizer`, between two stages."""
        self._save_frozen(model)
        weights = state.model_tensors(model, self.frozen.names)
        moments = {} if optimizer is None else state.optimizer_tensors(model, optimizer)
        scaler = self.accelerator.scaler
        documents = {
            "progress.json": progress.document(),
            "random.json": state.gathered_random_states(self.accelerator),
            "scaler.json": {} if scaler is None else scaler.state_dict(),
        }
        documents[FROZEN_NAMES] = self.frozen.document()
        if isinstance(model, Model):  # the weights alone do not tell which edits came before
            documents[CONFIG] = config_document(model)
        if self.log is not None:
            self.log.sync()
            checkpoint.write_checkpoint(
                self.plan.folder / run_checkpoints.CHECKPOINTS,
                progress.update,
                tensors={"model.safetensors": weights, "optimizer.safetensors": moments},
                documents=documents,
                identity=self.plan.identity,
                metrics=progress.metrics,
            )
            self.prune(progress)
        self.saved = progress.update
        self.accelerator.wait_for_everyone()

    def _save_frozen(self, model: nn.Module) -> None:
        """Once: what the checkpoints leave out, for whoever opens one before the run has ended."""
        if self._beside is None:
            return
        moved = frozenset(model.state_dict(keep_vars=True)) - self.frozen.names
        tensors = state.model_tensors(model, moved)
        if self.log is not None:
            write_tensors(self._beside, tensors)
        self._beside = None

    def prune(self, progress: state.Progress) -> None:
        """Delete the checkpoints that are not to be kept."""
        keep = self.plan.checkpoints
        best = finishing.ranked(self.plan, progress.best)
        if keep.finish == BEST:  # what the stage under way may end with comes before what others ended with
            best = [*finishing.ranked(self.plan, finishing.of_stage(progress)), *best]
        try:
            checkpoint.prune(
                self.plan.folder / run_checkpoints.CHECKPOINTS,
                keep_last=keep.keep_last,
                keep_best=keep.keep_best,
                best=list(dict.fromkeys(best)),
                needed=finishing.needed(self.plan, progress),
            )
        except run_checkpoints.DamagedCheckpoint as damage:
            raise UserError(f"A checkpoint just written does not read back, the disk is failing: {damage}.") from damage

"""The loop: for every stage, edit, freeze, then update after update with checkpoints in between.

train  ->  Run.stage  ->  Step      (step.py: one update)
                      ->  Keeper    (keeping.py: what a checkpoint holds and which stay)
"""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from anyglot.errors import UserError
from anyglot.models.pretrained import run_checkpoints
from anyglot.models.pretrained.run_checkpoints import CHECKPOINTS
from anyglot.runtime.signals import Stopped
from anyglot.training.loop import checkpoint, finishing, source_use, state
from anyglot.training.loop.distributed import (
    agreed_precision,
    give_back_shards,
    is_sharded,
    other_processes_watched,
    shared_accumulation,
    start_accelerator,
    summed,
    wrap,
)
from anyglot.training.loop.encoder_states import check_encoder_caches, remembered
from anyglot.training.loop.freezing import enter_stage, set_modes
from anyglot.training.loop.frozen_weights import FrozenWeights
from anyglot.training.loop.keeping import Keeper
from anyglot.training.loop.logs import Display, MetricsLog
from anyglot.training.loop.objective import Objective
from anyglot.training.loop.optim import Schedule, build_optimizer, build_schedule
from anyglot.training.loop.options import BEST, StageOptions
from anyglot.training.loop.plan import Plan
from anyglot.training.loop.precision import Precision, choose_precision
from anyglot.training.loop.preparation import prepare, prepared_names
from anyglot.training.loop.signals import StopRequests
from anyglot.training.loop.step import Outcome, Step
from anyglot.training.methods.base import Stage

if TYPE_CHECKING:
    from accelerate import Accelerator

logger = logging.getLogger(__name__)
METRICS = "metrics.jsonl"


@dataclass(frozen=True)
class Trained:
    """The end of a run: the model in one piece on its device, and what it took."""

    model: nn.Module
    progress: state.Progress
    precision: Precision
    main: bool


def train(plan: Plan, *, resume: bool = False) -> Trained:
    """Train the plan's method through all its stages.

    Args:
        resume: Go on from the newest good checkpoint in the folder, or start if there is none.

    Raises:
        UserError: The plan does not fit the method, or the folder the plan; or training went wrong.
        Stopped: SIGTERM or SIGINT came; the state is saved.
    """
    root = plan.folder / CHECKPOINTS
    if not resume and run_checkpoints.checkpoint_folders(root):
        raise UserError(
            f"{plan.folder} already holds checkpoints of a run; give `resume=True` to go on, or another folder."
        )
    found = checkpoint.newest_good(root) if resume else None
    progress = state.Progress()
    if found is not None:
        checkpoint.refuse_changes(found[1].identity, plan.identity, plan.folder, defaults=plan.defaults)
        progress = state.Progress.read(found[0] / run_checkpoints.PROGRESS)
    plan.folder.mkdir(parents=True, exist_ok=True)
    state.seed(plan.seed)
    model = plan.build()
    plan.check_stages()
    plan.check_lengths(model)
    finishing.check_finish(plan)
    # A stage of no updates is passed over with its edits: a skip dropped and not trained around harms a model.
    stages = [stage for stage in plan.method.stages() if plan.stages[stage.name].updates > 0]
    plan.check_rates(model, stages)
    check_encoder_caches(stages, plan.stages, plan.runtime, model)
    # What was chosen at the start holds to the end: a probe that comes out otherwise must not change a resumed run.
    precision = progress.precision or agreed_precision(lambda: choose_precision(plan.runtime.precision, model))
    progress.precision = precision
    accelerator = start_accelerator(precision, plan.tracking.trackers, plan.folder)
    progress.processes = progress.processes or accelerator.num_processes
    for stage in stages:  # refused before the first update, not where the stage begins
        shared_accumulation(plan.stages[stage.name].accumulation, progress.processes, accelerator.num_processes)
    if plan.tracking.trackers:
        accelerator.init_trackers("anyglot", config=dict(plan.identity))
    if found is None:
        prepare(plan, model, stages, shown=accelerator.is_main_process and not plan.quiet)
    frozen = FrozenWeights.of(model, stages, prepared_names(plan.method, model))
    run = Run(plan, accelerator, model, progress, found[0] if found else None, frozen)
    if found is not None and accelerator.is_main_process and found[0] == run_checkpoints.checkpoint_folders(root)[-1]:
        run.keeper.prune(progress)  # what a kill kept from being deleted, or left half deleted
    with ExitStack() as stack:
        stack.enter_context(other_processes_watched(accelerator, root))
        stack.callback(run.close)
        stop = stack.enter_context(StopRequests())
        for index in range(progress.stage, len(stages)):
            run.stage(index, stages, stop)
        run.whole_model(stages)
    if plan.tracking.trackers:
        accelerator.end_training()
    return Trained(run.model, progress, precision, accelerator.is_main_process)


class Run:
    """The moving parts of a run; `stage` is the loop."""

    def __init__(
        self,
        plan: Plan,
        accelerator: Accelerator,
        model: nn.Module,
        progress: state.Progress,
        resumed: Path | None,
        frozen: FrozenWeights,
    ) -> None:
        self.plan, self.accelerator, self.model, self.progress = plan, accelerator, model, progress
        self.resumed, self.frozen = resumed, frozen
        self.log = MetricsLog(plan.folder / METRICS, progress.update) if accelerator.is_main_process else None
        self.keeper = Keeper(plan, accelerator, frozen, self.log, progress.update if resumed else None)
        self.display: Display | None = None
        self._sharded = False
        self._clock = self._window_clock = time.monotonic()

    def stage(self, index: int, stages: list[Stage], stop: StopRequests) -> None:
        """Run what is left of stage `index`."""
        stage, progress = stages[index], self.progress
        options = self.plan.stages[stage.name]
        step, schedule = self._enter(index, stages, options)
        world = self.accelerator.num_processes
        stream = self.plan.streams(
            stage.name,
            rank=self.accelerator.process_index,
            world=world,
            accumulation=shared_accumulation(options.accumulation, progress.processes or world, world),
        )
        self.display = Display(
            f"stage {stage.name}",
            options.updates,
            progress.stage_update,
            shown=self.accelerator.is_main_process and not self.plan.quiet,
        )
        left = options.updates - progress.stage_update
        stream = remembered(stream, options, left, self.model, self.accelerator, self.display.say)
        updates = stream.updates(progress.place)
        self._clock = self._window_clock = time.monotonic()
        while progress.stage_update < options.updates:
            batches, place = next(updates)
            rate = schedule(progress.stage_update + 1)
            outcome = step(batches, rate)
            progress.place = tuple(place)
            self._count(outcome)
            self._after_update(stage, options, rate, step, self._agreed(stop))
        self._leave(index, stage, step)

    def _enter(self, index: int, stages: list[Stage], options: StageOptions) -> tuple[Step, Schedule]:
        """Edit, freeze, wrap, and make the stage's optimizer; put back a checkpoint's state if there is one."""
        self._renew(stages[:index])
        enter_stage(self.model, stages[index])
        objective = wrap(self.accelerator, Objective(self.plan.method, self.model), shard=self.plan.runtime.shard)
        self._sharded = is_sharded(objective)
        optimizer = self.accelerator.prepare_optimizer(build_optimizer(self.model.named_parameters(), options))
        # Each stage draws from its own seed, so it does not depend on how the one before ended.
        state.seed(self.plan.seed * 1_000_003 + index * 8191 + self.accelerator.process_index)
        if self.resumed is not None:
            self._restore(self.resumed, optimizer.optimizer)
        return Step(self.accelerator, objective, optimizer, options.clip_norm), build_schedule(options)

    def _renew(self, past: list[Stage]) -> None:
        """Bring the model to where the stages `past` left it, when resuming or when it is still in shards."""
        missing: frozenset[str] = frozenset()
        if self.resumed is not None:
            missing = self.frozen.missing_in(self.resumed, self.plan.folder)
            tensors = run_checkpoints.read_tensors(self.resumed / "model.safetensors")
        elif self._sharded:  # cannot be wrapped again with other weights frozen; begin from a whole one
            tensors = state.model_tensors(self.model)
            self.model = self.plan.build()
        else:
            return
        for stage in past:
            for edit in stage.edits:
                edit.apply(self.model)
        state.load_model_tensors(self.model, tensors, missing)
        self._sharded = False

    def whole_model(self, stages: list[Stage]) -> None:
        """After the last stage: the model unsharded; or read back, if the run had been over when it was resumed."""
        self._renew(stages)
        self.resumed = None

    def _restore(self, folder: Path, optimizer: torch.optim.Optimizer) -> None:
        tensors = run_checkpoints.read_tensors(folder / "optimizer.safetensors")
        state.load_optimizer_tensors(self.model, optimizer, tensors)
        generators = state.read_generators(folder / "random.json")
        if self.progress.stage_update > 0:  # a stage that has not begun draws from its own seed
            if len(generators) == self.accelerator.num_processes:
                state.set_random_state(generators[self.accelerator.process_index])
            else:
                # The streams that were cannot be shared out among other processes; new ones, never drawn before.
                state.seed(torch.initial_seed() + 524_287 * self.progress.update)
                logger.warning(
                    "%s was written by %d processes and goes on with %d: data, weights and optimizer go on exactly, "
                    "dropout draws anew",
                    folder,
                    len(generators),
                    self.accelerator.num_processes,
                )
        scaler = run_checkpoints.read_document(folder / "scaler.json")
        if scaler and self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(scaler)
        self.resumed = None

    def _count(self, outcome: Outcome) -> None:
        """Add an update to the books; stop if too many in a row could not be applied."""
        progress, window = self.progress, self.progress.window
        progress.update += 1
        progress.stage_update += 1
        progress.tokens += outcome.tokens
        if outcome.applied:
            progress.skipped_in_a_row = 0
            added = {**outcome.sums, "tokens": outcome.tokens, "updates": 1, "gradient_norm": outcome.gradient_norm}
            for name, value in added.items():
                window[name] = window.get(name, 0.0) + value
            return
        progress.skipped += 1
        logger.warning("update %d: loss or gradient is not finite, update skipped", progress.update)
        progress.skipped_in_a_row += 0 if outcome.overflow else 1
        if progress.skipped_in_a_row >= self.plan.runtime.max_skipped:
            folders = run_checkpoints.checkpoint_folders(self.plan.folder / CHECKPOINTS)
            good = f"the last good checkpoint is {folders[-1]}" if folders else "there is no checkpoint yet"
            raise UserError(
                f"Loss or gradient was not finite in {progress.skipped_in_a_row} updates in a row up to update "
                f"{progress.update}; {good}. Lower the learning rate, clip the gradient, or look at the data."
            )

    def _agreed(self, stop: StopRequests) -> int:
        """The signal to stop on, the same on every rank: any rank's request stops all of them after this update."""
        if self.accelerator.num_processes == 1:
            return stop.number
        mine = torch.tensor([stop.number == 15, stop.number == 2], dtype=torch.int64, device=self.accelerator.device)
        terminated, interrupted = summed(self.accelerator, mine).tolist()
        return 15 if terminated else 2 if interrupted else 0

    def _after_update(self, stage: Stage, options: StageOptions, rate: float, step: Step, signal: int) -> None:
        """Log, validate and save, in this order, where the update's number asks for it."""
        plan, progress = self.plan, self.progress
        last = progress.stage_update == options.updates
        assert self.display is not None
        self.display.advance(progress.stage_update)
        if progress.update % plan.tracking.log_every == 0 or last:
            self._write_window(stage, rate)
        best = False
        if plan.validator is not None and (progress.update % plan.validation.every == 0 or last):
            best = self._validate(stage, step.objective, last=last)
        if last and not signal:
            return  # saved when the stage is left
        if signal or progress.update % plan.checkpoints.every == 0 or (best and plan.checkpoints.keep_best > 0):
            self.save(step)
        if signal:
            self.display.say(f"stopped by signal {signal} after update {progress.update}, saved")
            # How to go on is the verb's to tell, which may be another than `train`; of several processes the first's.
            raise Stopped(signal, told=not self.accelerator.is_main_process)

    def _leave(self, index: int, stage: Stage, step: Step) -> None:
        """Take the weights the stage ends with, close its books and save: the next one begins from a checkpoint."""
        self._finish(stage, step.objective)
        assert self.display is not None
        self.display.close()
        progress = self.progress
        progress.stage, progress.stage_update, progress.place = index + 1, 0, ()
        self.save(None)
        step.optimizer.zero_grad()
        self.accelerator.free_memory()

    def _finish(self, stage: Stage, objective: nn.Module) -> None:
        """Give the model what `checkpoints.finish` chooses among this stage's weights, and tell what that is."""
        progress, ending = self.progress, finishing.ending(self.plan, self.progress, self.model)
        if ending is None:
            return
        if ending.tensors is not None:
            state.load_model_tensors(self.model, ending.tensors, ending.missing)
        metric, value = self.plan.validation.metric, None
        if self.plan.validator is not None:
            progress.metrics = ending.metrics or self._measured(stage, objective)
            value = progress.best[str(progress.update)] = progress.metrics[metric]
        record = ending.record(stage.name, metric, value)
        progress.finishes.append(record)
        self._write({"kind": "finish", "update": progress.update, **record})
        assert self.display is not None
        self.display.say(finishing.told(record))

    def _write_window(self, stage: Stage, rate: float) -> None:
        """A line of the log over the updates since the last one."""
        progress, window = self.progress, self.progress.window
        now = time.monotonic()
        tokens, updates = max(window.get("tokens", 0.0), 1.0), max(window.get("updates", 0.0), 1.0)
        loss = window.get("total", 0.0) / tokens
        speed = round(window.get("tokens", 0.0) / max(now - self._window_clock, 1e-9), 1)
        event = {
            "kind": "train",
            "update": progress.update,
            "stage": stage.name,
            "stage_update": progress.stage_update,
            "epoch": progress.place[0],
            "loss": loss,
            **progress.means(tokens),
            "learning_rate": rate,
            "gradient_norm": window.get("gradient_norm", 0.0) / updates,
            "tokens": progress.tokens,
            "skipped": progress.skipped,
            "tokens_per_second": speed,
            "seconds": round(progress.seconds + now - self._clock, 3),
        }
        self._write(event)
        assert self.display is not None
        self.display.numbers(loss=loss, **source_use.shown(progress), learning_rate=rate, tokens_per_second=speed)
        progress.window = {}
        self._window_clock = now

    def _validate(self, stage: Stage, objective: nn.Module, *, last: bool) -> bool:
        """Measure and tell; True if it is the best so far."""
        assert self.display is not None
        progress, numbers, metric = self.progress, self._measured(stage, objective), self.plan.validation.metric
        rivals = finishing.of_stage(progress) if self.plan.checkpoints.finish == BEST else progress.best
        value, earlier = numbers[metric], rivals.values()
        best = not earlier or (value < min(earlier) if metric == "loss" else value > max(earlier))
        progress.best[str(progress.update)] = value
        progress.metrics = numbers
        told = source_use.noticed(progress, stage.name, last=last)
        event = {"kind": "validation", "update": progress.update, "stage": stage.name, "best": best, **numbers}
        self._write({**event, **told.facts})
        self.display.say("  ".join(f"{k} {v:.4g}" for k, v in {"validation after": progress.update, **numbers}.items()))
        told.tell(self.display.say, first_process=self.accelerator.is_main_process)
        return best

    def _measured(self, stage: Stage, objective: nn.Module) -> dict[str, float]:
        """A validation with dropout off and the random generators left as they were."""
        assert self.plan.validator is not None
        generators, begun = state.random_state(), time.monotonic()
        self.model.eval()
        with torch.no_grad():
            numbers = self.plan.validator.measure(self.accelerator, objective, self.model)
        give_back_shards(objective)
        set_modes(self.model, stage)
        state.set_random_state(generators)
        self._window_clock += time.monotonic() - begun
        return numbers

    def _write(self, event: dict[str, Any]) -> None:
        if self.log is not None:
            self.log.write(event)
        if self.plan.tracking.trackers:
            numbers = {f"{event['kind']}/{k}": v for k, v in event.items() if isinstance(v, int | float)}
            self.accelerator.log(numbers, step=self.progress.update)

    def save(self, step: Step | None) -> None:
        """Write a checkpoint unless this update has one; without `step`, between two stages."""
        progress = self.progress
        if self.keeper.saved == progress.update:
            return
        now = time.monotonic()
        progress.seconds, self._clock = progress.seconds + now - self._clock, now
        self.keeper.save(self.model, progress, None if step is None else step.optimizer.optimizer)

    def close(self) -> None:
        """Give up the terminal and the log file."""
        if self.display is not None:
            self.display.close()
        if self.log is not None:
            self.log.close()

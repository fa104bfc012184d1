"""One update: its gradient is that of one big batch, and nothing it cannot apply touches the weights."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from anyglot.errors import UserError
from anyglot.training.loop.distributed import start_accelerator
from anyglot.training.loop.objective import Objective, row_count, split_batch
from anyglot.training.loop.optim import build_optimizer
from anyglot.training.loop.options import RuntimeOptions, StageOptions
from anyglot.training.loop.step import Step
from anyglot.training.loop.train import train
from support.toy_training import Toy, ToyBatch, ToyOptions, toy_batch, toy_plan

OPTIONS = StageOptions(updates=10, learning_rate=0.1)


def stepper(
    folder: Path, options: ToyOptions, clip_norm: float | None = None, method: Any = None
) -> tuple[Step, nn.Module]:
    method = method or Toy(options)
    model = method.build(None, 1).train()
    accelerator = start_accelerator("fp32", (), folder)
    objective = Objective(method, model)
    optimizer = accelerator.prepare_optimizer(build_optimizer(model.named_parameters(), OPTIONS))
    return Step(accelerator, objective, optimizer, clip_norm), model


def uneven_batches() -> list[ToyBatch]:
    """Four batches with very different counts of target tokens, which tells sums from means of means."""
    batches = [toy_batch(5, 0, position, rows) for position, rows in enumerate((1, 2, 9, 4))]
    batches[0].labels[0, 1:] = -100
    batches[0].labels[0, 0] = 3
    return batches


def test_four_accumulated_batches_equal_one_big_batch(tmp_path: Path) -> None:
    batches = uneven_batches()
    big = ToyBatch(torch.cat([b.tokens for b in batches]), torch.cat([b.labels for b in batches]))
    results = []
    for drawn in (batches, [big]):
        step, model = stepper(tmp_path, ToyOptions(dropout=0.0), clip_norm=0.5)
        outcome = step(drawn, 0.05)
        assert outcome.tokens == big.target_tokens
        results.append((outcome, {name: p.detach().clone() for name, p in model.named_parameters()}))
    (one, weights), (other, big_weights) = results
    assert one.gradient_norm == pytest.approx(other.gradient_norm, rel=1e-6)
    assert one.sums["total"] == pytest.approx(other.sums["total"], rel=1e-6)
    for name, weight in weights.items():
        # Adam's first step is lr * sign(g) where g is tiny, so entries without gradient may differ by rounding alone.
        torch.testing.assert_close(weight, big_weights[name], atol=1e-6, rtol=1e-5)


def test_the_gradient_is_that_of_the_mean_over_target_tokens(tmp_path: Path) -> None:
    batches = uneven_batches()
    step, model = stepper(tmp_path, ToyOptions(dropout=0.0))
    sums = step._accumulate(batches, 1 / sum(b.target_tokens for b in batches))
    method = Toy(ToyOptions(dropout=0.0))
    mine = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    total = sum(method.losses(model, b).total for b in batches) / sum(b.target_tokens for b in batches)
    total.backward()
    for found, parameter in zip(mine, model.parameters(), strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(found, parameter.grad, atol=1e-6, rtol=1e-6)
    assert float(sums["total"]) == pytest.approx(total.item() * sum(b.target_tokens for b in batches), rel=1e-5)


def test_clipping_bounds_the_gradient_and_reports_it_unclipped(tmp_path: Path) -> None:
    step, model = stepper(tmp_path, ToyOptions(dropout=0.0), clip_norm=0.01)
    seen: list[float] = []
    apply = step.optimizer.optimizer.step

    def spy(*arguments: Any, **named: Any) -> Any:
        norms = [p.grad.norm() for p in model.parameters() if p.grad is not None]
        seen.append(float(torch.stack(norms).norm()))
        return apply(*arguments, **named)

    step.optimizer.optimizer.step = spy
    outcome = step([toy_batch(1, 0, 0)], 0.1)
    assert outcome.gradient_norm > 0.1
    assert seen == [pytest.approx(0.01, rel=1e-3)]


def test_a_non_finite_update_leaves_weights_and_optimizer_alone(tmp_path: Path) -> None:
    batch = toy_batch(1, 0, 0)
    step, model = stepper(tmp_path, ToyOptions(poisoned=(batch.target_tokens,)))
    before = [p.detach().clone() for p in model.parameters()]
    outcome = step([batch], 0.1)
    assert not outcome.applied
    assert math.isinf(outcome.sums["total"])
    assert all(torch.equal(one, other) for one, other in zip(before, model.parameters(), strict=True))
    assert not step.optimizer.optimizer.state
    assert all(p.grad is None for p in model.parameters())


def test_skipped_updates_are_counted_and_end_the_run_naming_the_last_checkpoint(tmp_path: Path) -> None:
    runtime = RuntimeOptions(precision="fp32", max_skipped=3)
    poison = tuple(range(200))
    plan = toy_plan(tmp_path, runtime=runtime)

    def poisoned_after(update: int) -> Any:
        def streams(stage: str, *, rank: int, world: int, accumulation: int) -> Any:
            stream = plan.streams(stage, rank=rank, world=world, accumulation=accumulation)

            class Poisoned:
                def updates(self, state: Any) -> Any:
                    for number, drawn in enumerate(stream.updates(state)):
                        if number == update:
                            plan.method.options.poisoned = poison
                        yield drawn

            return Poisoned()

        return streams

    with pytest.raises(UserError, match=r"3 updates in a row up to update 13; the last good checkpoint is .*step-12"):
        train(dataclasses.replace(plan, streams=poisoned_after(10)))


def test_single_skipped_updates_do_not_end_the_run(tmp_path: Path) -> None:
    counts = {toy_batch(7, 0, position).target_tokens for position in (4, 9)}
    plan = toy_plan(tmp_path, method=Toy(ToyOptions(poisoned=tuple(counts))))
    progress = train(plan).progress
    assert 0 < progress.skipped < 30
    assert progress.update == 30


class Hungry(Toy):
    """Runs out of memory on more than `room` rows."""

    room = 2

    def losses(self, model: nn.Module, batch: Any) -> Any:
        if len(batch.tokens) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return super().losses(model, batch)


def test_out_of_memory_splits_the_batch_and_keeps_the_gradient(tmp_path: Path) -> None:
    batches = [toy_batch(1, 0, 0, rows=7), toy_batch(1, 0, 1, rows=2)]
    whole, model = stepper(tmp_path, ToyOptions(dropout=0.0))
    expected = whole(batches, 0.1)
    options = ToyOptions(dropout=0.0)
    split, other = stepper(tmp_path, options, method=Hungry(options))
    found = split(batches, 0.1)
    assert split.pieces == 4
    assert found.gradient_norm == pytest.approx(expected.gradient_norm, rel=1e-6)
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one, two, atol=1e-6, rtol=1e-5)


def test_out_of_memory_on_a_single_sentence_is_told(tmp_path: Path) -> None:
    method = Hungry(ToyOptions())
    method.room = 0
    step, _ = stepper(tmp_path, ToyOptions(), method=method)
    with pytest.raises(UserError, match=r"lower data\.batch_tokens"):
        step([toy_batch(1, 0, 0)], 0.1)


def test_splitting_keeps_every_row_once() -> None:
    batch = toy_batch(1, 0, 0, rows=5)
    for pieces in (1, 2, 3, 5, 8):
        parts = split_batch(batch, pieces)
        assert torch.equal(torch.cat([part.tokens for part in parts]), batch.tokens)
        assert torch.equal(torch.cat([part.labels for part in parts]), batch.labels)
        assert max(map(row_count, parts)) - min(map(row_count, parts)) <= 1

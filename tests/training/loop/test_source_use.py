"""Whether a decoder looks at its source: which sources are exchanged, what that costs, and what is said of it."""

from __future__ import annotations

import dataclasses
import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from anyglot.data.batch import TextBatch, TranslationBatch
from anyglot.training.loop import source_use
from anyglot.training.loop.objective import Objective
from anyglot.training.loop.options import ValidationOptions
from anyglot.training.loop.source_use import (
    ERROR,
    FEWEST,
    SHUFFLED,
    SourceComparison,
    looks,
    noticed,
    other_rows,
    shown,
)
from anyglot.training.loop.state import Progress
from anyglot.training.methods.sga import SgaGeneration, SgaGenerationOptions
from anyglot.training.methods.sixt import SixT, SixTOptions
from anyglot.training.recipe.static_configs import StubTokenizer
from papers.test_nat import nat, uneven
from support import memory_use
from support.memory_use import measure
from support.tiny_sga import Pieces, pairs, sga
from support.tiny_sga import write_encoder as write_sga_encoder
from support.tiny_sixt import DECODER, WORDS, batch, write_encoder
from training.loop.test_distributed import launch


@given(st.lists(st.integers(1, 12), min_size=2, max_size=40), st.integers(0, 1000))
def test_every_row_takes_the_source_of_another_and_none_twice(lengths: list[int], seed: int) -> None:
    before = torch.get_rng_state()
    rows = other_rows(torch.tensor(lengths), seed)
    assert sorted(rows.tolist()) == list(range(len(lengths)))
    assert all(row != other for row, other in enumerate(rows.tolist()))
    assert torch.equal(rows, other_rows(torch.tensor(lengths), seed))
    assert torch.equal(torch.get_rng_state(), before)
    # But for the longest, a source is replaced by one as long or the next in length.
    steps = sorted(lengths)
    longer = [lengths[other] - lengths[row] for row, other in enumerate(rows.tolist())]
    assert sum(step < 0 for step in longer) <= 1
    assert max(longer) <= max(b - a for a, b in pairwise(steps))


def test_which_of_equally_long_sources_is_taken_is_drawn() -> None:
    assert len({tuple(other_rows(torch.full((8,), 5), seed).tolist()) for seed in range(20)}) > 10


def full(rows: int) -> TranslationBatch:
    """A batch with every field that one may have, and as many different values as there are places."""
    plain = batch(seed=4, sentences=rows)
    return dataclasses.replace(
        plain,
        source_mask=torch.arange(9) < torch.randint(3, 10, (rows, 1), generator=torch.Generator().manual_seed(1)),
        target_language=torch.arange(rows),
        source_states=torch.rand(rows, 9, 4),
        pairs=torch.arange(rows),
        group=torch.arange(rows),
    )


def test_only_what_belongs_to_the_source_changes_its_place() -> None:
    own, rows = full(6), torch.tensor([1, 2, 3, 4, 5, 0])
    other = own.with_sources(rows)
    moved = {"source", "source_mask", "source_states"}
    for field in dataclasses.fields(TranslationBatch):
        before, after = getattr(own, field.name), getattr(other, field.name)
        assert torch.equal(after, before[rows] if field.name in moved else before), field.name
        assert not (field.name in moved and torch.equal(after, before))
    assert other.target_tokens == own.target_tokens
    plain = batch(sentences=6).with_sources(rows)
    assert plain.source_states is None and plain.group is None


def test_one_batch_in_four_is_read_again_and_none_that_has_no_other_source() -> None:
    comparison = SourceComparison(Accelerator(cpu=True))
    single, text = batch(sentences=1), TextBatch(torch.ones(3, 4).long(), torch.ones(3, 4).bool())
    chosen = []
    for number in range(64):
        assert comparison.shuffled(single) is None and comparison.shuffled(text) is None
        if comparison.shuffled(batch(sentences=2)) is not None:
            chosen.append(number)
    assert len(chosen) == 16 and chosen[0] == 0
    for ranks in (2, 4):  # which take batches in turns
        shares = [sum(number % ranks == rank for number in chosen) for rank in range(ranks)]
        assert max(shares) == min(shares)
    assert SourceComparison(Accelerator(cpu=True), wanted=False).shuffled(batch()) is None


def test_the_numbers_are_those_of_the_formulas_and_leave_out_what_cannot_be_written() -> None:
    comparison = SourceComparison(Accelerator(cpu=True))
    draw = torch.Generator().manual_seed(3)
    own, cost = 5 + torch.rand(40, generator=draw).double(), torch.rand(40, generator=draw).double()
    mask = torch.arange(9) < torch.randint(1, 10, (40, 1), generator=draw)
    assert comparison.numbers(2.0) == {}
    comparison.add(torch.tensor([math.inf, 1.0]), torch.tensor([1.0, math.inf]), mask[:2])
    assert comparison.numbers(2.0) == {}
    comparison.add(own[:3], (own + cost)[:3], mask[:3])
    assert comparison.numbers(2.0).keys() == {SHUFFLED}  # too few sentences for a standard error
    comparison.add(own[3:], (own + cost)[3:], mask[3:])
    tokens = mask.sum(dim=1).double()
    mean = float(cost.sum() / tokens.sum())
    error = float((cost - mean * tokens).square().sum().mul(40 / 39).sqrt() / tokens.sum())
    assert comparison.numbers(2.0) == pytest.approx({SHUFFLED: 2.0 + mean, ERROR: error})


def cases(folder: Path) -> dict[str, tuple[Any, nn.Module, TranslationBatch]]:
    """Methods that read a source, each with its model and a batch of three sentences or six."""
    encoder = write_encoder(folder / "encoder")
    sixt = SixT(SixTOptions.model_validate({"start": encoder, "decoder": DECODER}))
    (folder / "sga").mkdir()
    prompted = write_sga_encoder(folder / "sga")
    free = SgaGeneration(SgaGenerationOptions.model_validate({"start": prompted, "prompt_length": 5, "longest": 9}))
    return {
        "sixt": (sixt, sixt.build(StubTokenizer(WORDS), seed=1), batch()),
        "nat": (*nat(), uneven()),
        "sga": (*sga(prompted), pairs()),
        "sga_aligned": (*sga(prompted, denoise=False), pairs()),
        "sga_generation": (free, free.build(Pieces(), seed=5), pairs()),
    }


@torch.no_grad()
def test_what_a_method_tells_of_its_sentences_sums_up_to_what_it_tells_of_the_batch(tmp_path: Path) -> None:
    for name, (method, model, own) in cases(tmp_path).items():
        model.eval()
        losses = method.losses(model, own)
        assert losses.sentences is not None and losses.sentences.shape == (len(own),), name
        finite = losses.sentences[losses.sentences.isfinite()]
        assert float(finite.sum()) == pytest.approx(float(losses.parts["nll"]), rel=1e-5), name
        other = method.losses(model, own.with_sources(other_rows(own.source_mask.sum(dim=1), 0))).sentences
        assert not torch.equal(other, losses.sentences), name


def test_training_is_not_told_of_single_sentences(tmp_path: Path) -> None:
    for method, model, own in cases(tmp_path).values():
        assert all(value.ndim == 0 for value in Objective(method, model.train())(own).values())


def test_a_decoder_that_ignores_its_source_is_seen_to_the_last_bit(tmp_path: Path) -> None:
    numbers = measure(tmp_path, blind=True)
    assert numbers[SHUFFLED] == numbers["loss"] and numbers[ERROR] == 0.0
    assert looks(numbers) is False


def test_a_decoder_that_uses_its_source_differs_and_the_loss_is_what_it_was(tmp_path: Path) -> None:
    numbers = measure(tmp_path)
    assert numbers[SHUFFLED] != numbers["loss"] and numbers[ERROR] > 0
    without = measure(tmp_path, options=ValidationOptions(shuffled_sources=False))
    assert without == {name: value for name, value in numbers.items() if name not in (SHUFFLED, ERROR)}


@pytest.mark.parametrize("shard", [False, True], ids=["DDP", "FSDP2"])
def test_two_processes_measure_what_one_does_and_agree_to_the_last_bit(tmp_path: Path, shard: bool) -> None:
    assert launch(tmp_path, memory_use.rank, shard=shard) == [0, 0]
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
    alone = measure(tmp_path)
    assert first == second
    assert first == pytest.approx(alone, rel=1e-6)
    assert first[SHUFFLED] - first["loss"] == pytest.approx(alone[SHUFFLED] - alone["loss"], rel=1e-4)


@settings(max_examples=50)
@given(st.floats(-1, 3), st.floats(0, 1), st.floats(1, 9))
def test_nothing_is_said_where_noise_reaches_the_threshold(cost: float, error: float, loss: float) -> None:
    found = looks({"loss": loss, SHUFFLED: loss + cost, ERROR: error})
    if found is not None:
        assert found == (cost > source_use.THRESHOLD)
        assert abs(cost - source_use.THRESHOLD) > source_use.MARGIN * error - 1e-9
    assert looks({"loss": loss, SHUFFLED: loss + cost}) is None and looks({"loss": loss}) is None


def series(costs: list[float | None], last: bool = False) -> tuple[Progress, list[source_use.Notice]]:
    """What is said after validations, 10 updates apart, in which another source cost so much; None: too noisy."""
    progress, notices = Progress(), []
    for number, cost in enumerate(costs, start=1):
        progress.update = 10 * number
        progress.best[str(progress.update)] = 2.0
        progress.metrics = {"loss": 2.0, SHUFFLED: 2.0 + (cost or 0.0), ERROR: 1.0 if cost is None else 0.001}
        notices.append(noticed(progress, "decoder", last=last and number == len(costs)))
    return progress, notices


def test_a_warning_comes_once_with_what_to_try_and_the_first_look_once_with_its_update() -> None:
    progress, notices = series([0.0, 0.0, 0.001, None, 0.3, 0.5, None, 0.0, 0.0, 0.4])
    assert [bool(notice.line) for notice in notices] == [
        False, True, False, False, True, False, False, True, False, True,
    ]  # fmt: skip
    assert [notice.warns for notice in notices] == [number in (1, 7) for number in range(10)]
    warning = notices[1].line or ""
    assert "update 20: the decoder does not look at its source." in warning
    assert "2.0000" in warning and "stages.decoder.learning_rate" in warning and "stages.decoder.updates" in warning
    assert notices[4].line == "the decoder looks at its source, seen after update 50"
    assert "any more" in (notices[7].line or "")
    assert notices[9].line == "the decoder looks at its source again, seen after update 100"
    assert progress.looks_at_source is True and progress.looks_at_source_from == 50
    assert [notice.facts["looks_at_source"] for notice in notices[2:5]] == [False, None, True]
    assert [notice.facts["looks_at_source_from"] for notice in notices[3:6]] == [None, 50, 50]
    assert Progress.of(progress.document()) == progress


def test_one_validation_alone_warns_at_the_end_of_a_stage_only() -> None:
    assert series([0.0])[1][0].line is None
    assert series([0.0], last=True)[1][0].warns


def test_what_has_no_source_is_not_spoken_of() -> None:
    progress = Progress(metrics={"loss": 2.0})
    assert noticed(progress, "pretrain", last=True) == source_use.Notice({})
    assert shown(progress) == {} and source_use.recorded(progress) == {}


def test_a_warning_is_logged_and_the_rest_is_said_by_the_first_process(caplog: pytest.LogCaptureFixture) -> None:
    said: list[str] = []
    for notice in series([0.0, 0.0, 0.3])[1]:
        notice.tell(said.append, first_process=False)
        assert not said and not caplog.messages
    for notice in series([0.0, 0.0, 0.3])[1]:
        notice.tell(said.append, first_process=True)
    assert len(caplog.messages) == len(said) == 1
    assert "does not look" in caplog.messages[0] and said[0].endswith("seen after update 30")


def test_a_standard_error_wants_several_sentences() -> None:
    comparison = SourceComparison(Accelerator(cpu=True))
    one, mask = torch.ones(FEWEST), torch.ones(FEWEST, 3, dtype=torch.bool)
    comparison.add(one[1:], one[1:] * 2, mask[1:])
    assert ERROR not in comparison.numbers(1.0)
    comparison.add(one[:1], one[:1] * 2, mask[:1])
    assert comparison.numbers(1.0) == pytest.approx({SHUFFLED: 1.0 + 1 / 3, ERROR: 0.0}, abs=1e-12)

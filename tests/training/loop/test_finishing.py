"""A stage ends with its last weights, its best, or a mean of its last; and a killed run with the same bits."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from anyglot.errors import UserError
from anyglot.models.pretrained import run_checkpoints
from anyglot.runtime.signals import Stopped
from anyglot.training.loop import state
from anyglot.training.loop.averaging import average
from anyglot.training.loop.options import CheckpointOptions
from anyglot.training.loop.train import Trained, train
from support import training_processes, training_traces
from support.toy_training import ToyValidator, toy_plan
from training.loop.test_exactness import stopping_streams

UPDATES = (14, 16)


class Preferring(ToyValidator):
    """Calls the loss low after one measurement of each stage, and lower still in the first stage than in the second."""

    def __init__(self, favourites: tuple[int, ...]) -> None:
        self.favourites, self.seen = favourites, 0

    def measure(self, accelerator: Any, objective: nn.Module, model: nn.Module) -> dict[str, float]:
        numbers = super().measure(accelerator, objective, model)
        self.seen += 1
        offset = 100 - 50 / self.seen if self.seen not in self.favourites else float(self.seen)
        return {"loss": numbers["loss"] + offset, "own": float(self.seen)}  # else it grows from one to the next


def options(finish: str, **changes: Any) -> CheckpointOptions:
    return CheckpointOptions(**({"every": 4, "keep_last": 30, "keep_best": 1, "finish": finish} | changes))


def tensors(folder: Path, update: int) -> dict[str, torch.Tensor]:
    return run_checkpoints.read_tensors(folder / "checkpoints" / f"step-{update}" / "model.safetensors")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def ended_with(trained: Trained) -> dict[str, torch.Tensor]:
    return state.model_tensors(trained.model)


def test_last_is_what_it_was(tmp_path: Path) -> None:
    trained = train(toy_plan(tmp_path, UPDATES, checkpoints=options("last")))
    assert same(ended_with(trained), tensors(tmp_path, 30)) and trained.progress.finishes == []
    assert not any(line["kind"] == "finish" for line in training_traces.metrics(tmp_path))


@pytest.mark.parametrize("keep_last", [1, 30])
def test_each_stage_ends_with_its_own_best_and_the_next_begins_there(tmp_path: Path, keep_last: int) -> None:
    """Validations are after 5, 10, 14 and 15, 20, 25, 30; the best are 5 (of all) and 25 (of the second stage)."""
    changes = {"checkpoints": options("best", keep_last=keep_last), "validator": Preferring((1, 6))}
    trained = train(toy_plan(tmp_path, UPDATES, **changes))
    first, second = trained.progress.finishes
    assert (first["stage"], first["chosen_updates"]) == ("first", [5])
    assert (second["stage"], second["chosen_updates"], second["metric"]) == ("second", [25], "loss")
    assert same(ended_with(trained), tensors(tmp_path, 25)) and same(ended_with(trained), tensors(tmp_path, 30))
    assert trained.progress.best["30"] == trained.progress.best["25"] == second["value"]
    assert trained.progress.metrics["own"] == 6.0
    if keep_last > 1:  # the checkpoint between the stages holds what was chosen, and so its entry says
        assert same(tensors(tmp_path, 14), tensors(tmp_path, 5))
        between = json.loads((tmp_path / "checkpoints" / "step-14" / "progress.json").read_text())
        assert between["best"]["14"] == between["best"]["5"] and between["stage"] == 1
    told = [line for line in training_traces.metrics(tmp_path) if line["kind"] == "finish"]
    assert [line["update"] for line in told] == [14, 30]


def test_the_last_weights_may_be_the_best(tmp_path: Path) -> None:
    changes = {"checkpoints": options("best"), "validator": Preferring((3, 7))}
    trained = train(toy_plan(tmp_path, UPDATES, **changes))
    assert [each["chosen_updates"] for each in trained.progress.finishes] == [[14], [30]]
    plain = train(toy_plan(tmp_path / "plain", UPDATES, checkpoints=options("last")))
    assert same(ended_with(trained), ended_with(plain))


@pytest.mark.parametrize("keep_last", [1, 30])
def test_the_mean_is_of_the_last_checkpoints_of_the_stage(tmp_path: Path, keep_last: int) -> None:
    """Of stage one 8, 12 and the end, 14; of stage two 24, 28 and 30. They stay long enough, whatever keep_last is."""
    train(toy_plan(tmp_path / "last", (14, 0), checkpoints=options("last")))
    expected = dict(average([tmp_path / "last" / "checkpoints" / f"step-{number}" for number in (8, 12, 14)]))
    checkpoints = options("average:3", keep_last=keep_last, keep_best=0)
    trained = train(toy_plan(tmp_path / "mean", (14, 0), checkpoints=checkpoints))
    assert same(tensors(tmp_path / "mean", 14), expected)  # what no stage trains is in neither
    assert same({name: tensor for name, tensor in ended_with(trained).items() if name in expected}, expected)
    trained = train(toy_plan(tmp_path / "both", UPDATES, checkpoints=checkpoints))
    assert [each["chosen_updates"] for each in trained.progress.finishes] == [[8, 12, 14], [24, 28, 30]]
    value = trained.progress.finishes[-1]["value"]
    assert value == trained.progress.metrics["loss"] == trained.progress.best["30"]


def test_a_short_stage_has_the_mean_of_what_it_has(tmp_path: Path) -> None:
    checkpoints = options("average:5")
    trained = train(toy_plan(tmp_path, (5, 3), checkpoints=checkpoints, validator=None))
    assert trained.progress.finishes == [
        {"stage": "first", "chosen_updates": [4, 5]},
        {"stage": "second", "chosen_updates": [8]},
    ]


@pytest.mark.parametrize("finish", ["best", "average:3"])
@pytest.mark.parametrize("stops", [(9, 14), (15, 30)])
def test_a_stopped_run_ends_with_the_same_bits(tmp_path: Path, finish: str, stops: tuple[int, ...]) -> None:
    """What only a signal had written is no part of the choice; stopping after a stage's last update is no exception."""
    checkpoints = options(finish, keep_last=1)
    whole = train(toy_plan(tmp_path / "whole", UPDATES, checkpoints=checkpoints))
    for stop in stops:
        with pytest.raises(Stopped):
            streams = stopping_streams(stop, signal.SIGTERM)
            train(toy_plan(tmp_path / "run", UPDATES, checkpoints=checkpoints, streams=streams), resume=True)
    trained = train(toy_plan(tmp_path / "run", UPDATES, checkpoints=checkpoints), resume=True)
    assert same(ended_with(trained), ended_with(whole))
    assert trained.progress.finishes == whole.progress.finishes
    assert training_traces.metrics(tmp_path / "run") == training_traces.metrics(tmp_path / "whole")


@pytest.mark.parametrize("finish", ["best", "average:3"])
def test_a_killed_run_ends_with_the_same_bits(tmp_path: Path, finish: str) -> None:
    """Killed inside writes all through the run, the one between the stages and the last among them."""
    changes: dict[str, Any] = {"updates": UPDATES, "checkpoints": options(finish, keep_last=1)}
    assert training_processes.finish(tmp_path / "whole", **changes) == 0
    kills = 0
    for number in (9, 25, 40, 31, 18, 12, 27):
        code = training_processes.finish(tmp_path / "run", resume=True, killed_at=number, **changes)
        assert code in (0, -signal.SIGKILL)
        kills += code != 0
        if code == 0:
            training_traces.assert_equal(tmp_path / "run", tmp_path / "whole")
            shutil.rmtree(tmp_path / "run")
    assert kills >= 4
    assert training_processes.finish(tmp_path / "run", resume=True, **changes) == 0
    training_traces.assert_equal(tmp_path / "run", tmp_path / "whole")


def test_with_nothing_saved_since_the_second_stage_begins_from_the_choice_again(tmp_path: Path) -> None:
    """What a kill leaves between the stages: nothing newer than the checkpoint that holds the choice."""
    changes: dict[str, Any] = {"updates": UPDATES, "checkpoints": options("best"), "validator": Preferring((1, 6))}
    whole = train(toy_plan(tmp_path / "whole", **changes))
    shutil.copytree(tmp_path / "whole", tmp_path / "run")
    for folder in run_checkpoints.checkpoint_folders(tmp_path / "run" / "checkpoints"):
        if int(folder.name[5:]) > 14:
            shutil.rmtree(folder)
    changes["validator"] = Preferring((1, 6))
    changes["validator"].seen = 3
    trained = train(toy_plan(tmp_path / "run", **changes), resume=True)
    assert same(ended_with(trained), ended_with(whole)) and trained.progress.finishes == whole.progress.finishes
    training_traces.assert_equal(tmp_path / "run", tmp_path / "whole")


def test_a_damaged_best_gives_way_to_the_next(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    checkpoints = options("best", keep_best=4)
    stop = stopping_streams(27, signal.SIGTERM)
    changes = {"checkpoints": checkpoints, "validator": Preferring((1, 6))}
    with pytest.raises(Stopped):
        train(toy_plan(tmp_path, UPDATES, streams=stop, **changes))
    (tmp_path / "checkpoints" / "step-25" / "model.safetensors").write_bytes(b"damaged")
    trained = train(toy_plan(tmp_path, UPDATES, **changes), resume=True)
    assert trained.progress.finishes[-1]["chosen_updates"] == [15]
    assert "step-25 cannot be what the stage ends with" in caplog.text


@pytest.mark.parametrize("wrong", ["worst", "average", "average:", "average:1", "average:x", "average:-3", "average:٣"])
def test_other_words_are_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"finish is best, last or average:N with an N of 2 or more"):
        CheckpointOptions(finish=wrong)


def test_the_best_needs_a_validation_and_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="set keep_best to 1 or more"):
        CheckpointOptions(finish="best", keep_best=0)
    with pytest.raises(UserError, match=r"finish is best, but nothing is validated on"):
        train(toy_plan(tmp_path, UPDATES, checkpoints=options("best"), validator=None))
    assert not (tmp_path / "checkpoints").exists()

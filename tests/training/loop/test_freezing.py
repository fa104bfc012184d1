"""What a stage does not name stays bit-equal; what it names must exist."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from anyglot.errors import UserError
from anyglot.training.loop.freezing import enter_stage
from anyglot.training.loop.train import train
from anyglot.training.methods.base import Stage
from support.toy_training import Toy, ToyModel, ToyOptions, toy_plan


def test_frozen_parameters_stay_bit_equal_and_the_others_move(tmp_path: Path) -> None:
    start = Toy(ToyOptions()).build(None, 3)
    trained = train(toy_plan(tmp_path, (10, 0))).model
    for (name, before), (_, after) in zip(start.named_parameters(), trained.named_parameters(), strict=True):
        assert torch.equal(before, after) == (not name.startswith("upper.")), name


def test_the_second_stage_moves_all_it_names(tmp_path: Path) -> None:
    start = Toy(ToyOptions()).build(None, 3)
    trained = train(toy_plan(tmp_path, (0, 3))).model
    assert trained.edited
    for (name, before), (_, after) in zip(start.named_parameters(), trained.named_parameters(), strict=True):
        assert not torch.equal(before, after), name


def test_a_pattern_without_a_match_is_an_error() -> None:
    with pytest.raises(UserError, match=r"stage s trains 'uper\.\*', but no parameter has such a name"):
        enter_stage(ToyModel(0.1), Stage("s", trains=("upper.*", "uper.*")))
    with pytest.raises(UserError, match="no module has such a name"):
        enter_stage(ToyModel(0.1), Stage("s", trains=("*",), evaluates=("dropot",)))


def test_evaluated_modules_have_no_dropout_and_the_rest_has() -> None:
    model = ToyModel(0.1).eval()
    enter_stage(model, Stage("s", trains=("*",), evaluates=("dropout",)))
    assert not model.dropout.training
    assert model.lower.training


def test_entering_a_stage_drops_gradients_of_what_it_freezes() -> None:
    model = ToyModel(0.0)
    model(torch.zeros(1, 2, dtype=torch.int64)).sum().backward()
    enter_stage(model, Stage("s", trains=("upper.*",)))
    assert model.lower.weight.grad is None
    assert not model.lower.weight.requires_grad
    assert model.upper.weight.requires_grad

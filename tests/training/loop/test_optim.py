"""Learning-rate laws at the values the papers give, and which optimizer comes out."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from anyglot.errors import UserError
from anyglot.training.loop.optim import build_optimizer, build_schedule, rate_factors, set_learning_rate
from anyglot.training.loop.options import StageOptions


def test_stage_one_of_sixt_ends_at_1e_4() -> None:
    """Method card 1.3: peak 5e-4, 4,000 warm-up updates from 1e-7; 1.0e-4 at update 100,000."""
    rate = build_schedule(
        StageOptions(updates=100_000, learning_rate=5e-4, warmup_updates=4000, initial_learning_rate=1e-7)
    )
    assert rate(0) == pytest.approx(1e-7)
    assert rate(2000) == pytest.approx((5e-4 + 1e-7) / 2)
    assert rate(4000) == pytest.approx(5e-4)
    assert rate(100_000) == pytest.approx(1.0e-4, rel=1e-6)


def test_stage_two_of_sixt() -> None:
    """Method card 1.4: peak 1e-4 after 10 updates from 2e-5; 1e-5 at 1,000 and 3.2e-6 at 10,000."""
    rate = build_schedule(
        StageOptions(updates=10_000, learning_rate=1e-4, warmup_updates=10, initial_learning_rate=2e-5)
    )
    assert rate(0) == pytest.approx(2e-5)
    assert rate(5) == pytest.approx(6e-5)
    assert rate(10) == pytest.approx(1e-4)
    assert rate(1000) == pytest.approx(1e-5)
    assert rate(10_000) == pytest.approx(3.2e-6, rel=0.02)


def test_linear_and_polynomial_end_at_the_final_rate() -> None:
    common = {"updates": 110, "learning_rate": 1.0, "warmup_updates": 10, "final_learning_rate": 0.2}
    linear = build_schedule(StageOptions(schedule="linear", power=2.0, **common))
    square = build_schedule(StageOptions(schedule="polynomial", power=2.0, **common))
    assert linear(60) == pytest.approx(0.6)
    assert square(60) == pytest.approx(0.2 + 0.8 * 0.25)
    assert linear(110) == square(110) == pytest.approx(0.2)
    assert linear(500) == pytest.approx(0.2)


def test_constant_stays() -> None:
    rate = build_schedule(StageOptions(updates=9, learning_rate=0.3, schedule="constant"))
    assert [rate(update) for update in (1, 9, 99)] == [0.3] * 3


@given(
    schedule=st.sampled_from(["inverse_sqrt", "linear", "polynomial", "constant"]),
    updates=st.integers(1, 300),
    warmup=st.integers(0, 300),
    initial=st.floats(0, 1),
    power=st.floats(0.1, 4),
)
def test_rates_rise_to_the_peak_and_never_again(
    schedule: str, updates: int, warmup: int, initial: float, power: float
) -> None:
    options = StageOptions(
        updates=updates,
        learning_rate=1.0,
        schedule=schedule,  # type: ignore[arg-type]
        warmup_updates=warmup,
        initial_learning_rate=initial if warmup else 0.0,
        power=power,
    )
    rates = [build_schedule(options)(update) for update in range(1, warmup + updates + 2)]
    assert all(0 <= rate <= 1 + 1e-12 for rate in rates)
    rise, fall = rates[: max(warmup, 1)], rates[max(warmup, 1) - 1 :]
    assert rise == sorted(rise)
    assert fall == sorted(fall, reverse=True)
    if warmup:
        assert rates[warmup - 1] == pytest.approx(1.0)


def test_only_what_moves_is_optimised_and_decay_follows_the_kind() -> None:
    frozen, moving = torch.nn.Parameter(torch.ones(2), requires_grad=False), torch.nn.Parameter(torch.ones(2))
    options = StageOptions(updates=1, learning_rate=0.1, optimizer="adamw", weight_decay=0.5, betas=(0.8, 0.9))
    optimizer = build_optimizer([("frozen", frozen), ("moving", moving)], options)
    assert isinstance(optimizer, torch.optim.AdamW)
    assert [p is moving for group in optimizer.param_groups for p in group["params"]] == [True]
    set_learning_rate(optimizer, 0.2)
    moving.grad = torch.zeros(2)
    optimizer.step()
    torch.testing.assert_close(moving.detach(), torch.full((2,), 1 - 0.2 * 0.5))


def named(*names: str) -> list[tuple[str, torch.nn.Parameter]]:
    return [(name, torch.nn.Parameter(torch.ones(3))) for name in names]


def test_a_factor_is_that_of_the_first_pattern_that_fits() -> None:
    parameters = named("decoder.0.cross.weight", "decoder.0.cross.bias", "decoder.0.self.weight", "encoder.weight")
    rates = {"decoder.*.cross.weight": 4.0, "decoder.*": 0.5}
    optimizer = build_optimizer(parameters, StageOptions(updates=1, learning_rate=0.1, rates=rates))
    set_learning_rate(optimizer, 0.2)
    found = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert [found[id(p)] for _, p in parameters] == pytest.approx([0.8, 0.1, 0.1, 0.2])
    for _, parameter in parameters:
        parameter.grad = torch.ones(3)
    optimizer.step()  # Adam's first step is its rate, whatever the gradient
    assert [1 - float(p.detach()[0]) for _, p in parameters] == pytest.approx([0.8, 0.1, 0.1, 0.2], rel=1e-5)


def test_without_factors_there_is_one_group_of_the_rate_itself() -> None:
    optimizer = build_optimizer(named("a", "b"), StageOptions(updates=1, learning_rate=0.1))
    set_learning_rate(optimizer, 0.3)
    assert [group["lr"] for group in optimizer.param_groups] == [0.3]


def test_a_factor_for_nothing_is_refused() -> None:
    with pytest.raises(UserError, match=r"factor for 'encoder\.\*'.*names look like decoder.weight"):
        rate_factors(["decoder.weight"], {"encoder.*": 2.0})
    with pytest.raises(UserError, match="an earlier pattern"):
        rate_factors(["decoder.weight"], {"decoder.*": 2.0, "*.weight": 3.0})
    with pytest.raises(ValidationError, match="greater than 0"):
        StageOptions(updates=1, learning_rate=1, rates={"*": 0.0})


def test_senseless_options_are_refused() -> None:
    with pytest.raises(ValidationError, match="betas"):
        StageOptions(updates=1, learning_rate=1, betas=(0.9, 1.0))
    with pytest.raises(ValidationError, match="no effect without warmup_updates"):
        StageOptions(updates=1, learning_rate=1, initial_learning_rate=0.1)

"""Sizes of SGA's baselines (table 1, method cards 5.2, 5.4 and 5.5), counted on the bundled recipes without memory."""

from __future__ import annotations

import pytest

from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.outline import outline

LARGE = ["start=FacebookAI/xlm-roberta-large", "decoder.layers=24", "decoder.heads=16"]
LARGE += ["decoder.feedforward_width=4096"]


def counted(recipe: str, *overrides: str) -> tuple[int, list[int]]:
    """All parameters, and those that move in each stage."""
    parts = outline(load_recipe(recipe, list(overrides))).parts
    moving = [sum(part.trained[stage] for part in parts) for stage in range(len(parts[0].trained))]
    return sum(part.parameters for part in parts), moving


@pytest.mark.parametrize(
    ("recipe", "overrides", "millions"),
    [
        ("baselines/transformer", [], 432.4),  # the paper: 432 M
        ("nat/big", [], 432.4),  # the paper: 434 M, with position tables or a length table that it does not tell of
        ("baselines/multilingual_transformer", [], 608.7),  # the paper's table 2 prints 432 M
        ("baselines/encoder_initialised", [], 390.9),  # the paper: 390 M
        ("baselines/encoder_initialised", [f"method.{each}" for each in LARGE], 962.0),  # the paper: 960 M
        ("baselines/encoder_initialised_two_stage", [], 390.9),
    ],
)
def test_parameters(recipe: str, overrides: list[str], millions: float) -> None:
    assert round(counted(recipe, *overrides)[0] / 1e6, 1) == millions


def test_an_adapter_a_direction_has_50_million_parameters() -> None:
    base, _ = counted("baselines/multilingual_transformer")
    one, moving = counted("baselines/adapters", "method.groups=['*']")
    assert one - base == moving[0] == 24 * 2_101_248
    assert round(moving[0] / 1e6, 1) == 50.4
    ten, moving = counted("baselines/adapters")
    assert ten - base == moving[0] == 10 * 24 * 2_101_248


def test_the_two_schedules_differ_in_what_moves_alone() -> None:
    once, twice = load_recipe("baselines/encoder_initialised"), load_recipe("baselines/encoder_initialised_two_stage")
    assert once.data == twice.data and once.method.decoder == twice.method.decoder  # type: ignore[attr-defined]
    assert sum(stage.updates for stage in twice.stages.values()) == once.stages["all"].updates == 80_000
    assert once.stages["all"].learning_rate == 3e-5
    whole, [decoder, joint] = counted("baselines/encoder_initialised_two_stage")
    assert decoder < joint < whole


@pytest.mark.parametrize("recipe", ["nat/big", "baselines/transformer", "baselines/multilingual_transformer"])
def test_the_papers_settings(recipe: str) -> None:
    """Section 5.1: 32k tokens, 5e-4, dropout 0.3, the five best checkpoints averaged."""
    found = load_recipe(recipe)
    stage = found.stages["all"]
    assert (stage.accumulation * found.data.batch_tokens, stage.learning_rate) == (32_768, 5e-4)
    assert found.method.encoder.dropout == found.method.decoder.dropout == 0.3  # type: ignore[attr-defined]
    assert found.checkpoints.keep_best == 5

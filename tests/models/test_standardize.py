"""Standardised states: a change of the encoder's last norm alone, equal to standardising what comes out of it."""

from __future__ import annotations

import pytest
import torch

from anyglot.models.build import build_encoder
from anyglot.models.config import EmbeddingsConfig, EncoderConfig, StackConfig
from anyglot.models.encoder import Encoder
from anyglot.models.initialize import initialise_bert
from anyglot.models.standardize import fold, last_norm, standardize

WIDTH = 16


def encoder(seed: int, *, norm_first: bool) -> Encoder:
    config = EncoderConfig(
        family="xlm-roberta",
        embeddings=EmbeddingsConfig(
            vocabulary_size=40, width=WIDTH, positions="learned", position_rows=34, norm=True, dropout=0.5
        ),
        stack=StackConfig(layers=2, width=WIDTH, heads=4, feedforward_width=24, norm_first=norm_first),
    )
    torch.manual_seed(seed)
    made = build_encoder(config)
    initialise_bert(made, 0.3)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return made.train()


def sentences(seed: int, count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    torch.manual_seed(seed)
    made = []
    for _ in range(count):
        tokens = torch.randint(4, 40, (5, 12))
        lengths = torch.randint(2, 13, (5,))
        made.append((tokens, torch.arange(12) < lengths[:, None]))
    return made


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
def test_folding_equals_standardising_the_states(seed: int, norm_first: bool) -> None:
    model = encoder(seed, norm_first=norm_first).eval()
    mean, deviation = torch.randn(WIDTH), torch.rand(WIDTH) + 0.1
    tokens, mask = sentences(seed, 1)[0]
    with torch.no_grad():
        before = model(tokens, mask, keep_states=True)
        fold(model, mean, deviation)
        after = model(tokens, mask, keep_states=True)
    torch.testing.assert_close(after.last, (before.last - mean) / deviation, rtol=1e-4, atol=1e-4)
    for one, other in zip(before.states[:-1], after.states[:-1], strict=True):
        assert torch.equal(one, other)  # nothing below the last norm moves


@pytest.mark.parametrize("norm_first", [False, True])
def test_states_have_mean_0_and_deviation_1_over_real_tokens(norm_first: bool) -> None:
    model, batches = encoder(3, norm_first=norm_first), sentences(4, 8)
    before = {name: value.clone() for name, value in model.named_parameters()}
    read = standardize(model, batches, tokens=10**6)
    assert read == sum(int(mask.sum()) for _, mask in batches)
    assert model.training  # as it was, though it was measured without dropout
    with torch.no_grad():
        states = torch.cat([model.eval()(tokens, mask).last[mask] for tokens, mask in batches])
    torch.testing.assert_close(states.mean(dim=0), torch.zeros(WIDTH), rtol=0, atol=1e-4)
    torch.testing.assert_close(states.std(dim=0, correction=0), torch.ones(WIDTH), rtol=1e-3, atol=1e-3)
    changed = {name for name, value in model.named_parameters() if not torch.equal(value, before[name])}
    own = {id(parameter) for parameter in last_norm(model).parameters()}
    assert changed == {name for name, parameter in model.named_parameters() if id(parameter) in own}


def test_reading_stops_where_enough_was_read() -> None:
    read = standardize(encoder(5, norm_first=False), sentences(6, 50), tokens=60)
    assert 60 <= read < 60 + 5 * 12


def test_a_dimension_that_hardly_moves_is_not_blown_up() -> None:
    model = encoder(7, norm_first=False)
    deviation = torch.ones(WIDTH)
    deviation[3] = 0.0
    weight = last_norm(model).weight[3].clone()
    fold(model, torch.zeros(WIDTH), deviation)
    assert last_norm(model).weight[3].item() == pytest.approx(weight.item() / 0.01 / (15 / 16), rel=1e-4)


def test_no_text_is_refused() -> None:
    with pytest.raises(ValueError, match="0 tokens"):
        standardize(encoder(8, norm_first=False), [], tokens=10)

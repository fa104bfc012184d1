"""Positions, scale, segments, and the heads on top."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional
from transformers.models.m2m_100.modeling_m2m_100 import M2M100SinusoidalPositionalEmbedding
from transformers.models.marian.modeling_marian import MarianSinusoidalPositionalEmbedding

from anyglot.nn.embeddings import Embeddings, LearnedPositions, SinusoidalPositions, vaswani_sinusoids
from anyglot.nn.feedforward import FeedForward, gelu, gelu_tanh
from anyglot.nn.heads import MaskedLanguageHead, OutputProjection, Pooler
from support.block_builders import WIDTH, randomised, states


@pytest.mark.parametrize("offset", [0, 2])
def test_learned_positions_begin_at_the_offset(offset: int) -> None:
    positions = randomised(LearnedPositions(10, WIDTH, offset=offset))
    assert positions.limit == 10 - offset
    assert torch.equal(positions(0, 3), positions.table.weight[offset : offset + 3])
    assert torch.equal(positions(4, 2), positions(0, 6)[4:])
    assert positions(0, positions.limit).shape == (10 - offset, WIDTH)


def test_offsets_differ() -> None:
    table = randomised(LearnedPositions(10, WIDTH, offset=0))
    shifted = randomised(LearnedPositions(10, WIDTH, offset=2))
    assert not torch.equal(table(0, 3), shifted(0, 3)) and torch.equal(table(2, 3), shifted(0, 3))


@pytest.mark.parametrize(("start", "length", "asked"), [(0, 9, 8), (8, 1, 8), (5, 4, 8)])
def test_beyond_the_table_is_an_error_that_names_the_limit(start: int, length: int, asked: int) -> None:
    with pytest.raises(ValueError, match=f"position {asked} was asked for, but the table ends at 7"):
        LearnedPositions(10, WIDTH, offset=2)(start, length)


@pytest.mark.parametrize("width", [8, 10, 7])
def test_sinusoids_equal_m2m_100s(width: int) -> None:
    reference = M2M100SinusoidalPositionalEmbedding(20, width, padding_idx=1)
    expected = reference(torch.full((1, 15), 5))[0]
    torch.testing.assert_close(SinusoidalPositions(width)(0, 15), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("width", [8, 10, 7])
def test_vaswani_sinusoids_equal_marians(width: int) -> None:
    reference = MarianSinusoidalPositionalEmbedding(600, width).create_weight()
    positions = SinusoidalPositions(width, offset=0, rows=4, waves=vaswani_sinusoids)
    torch.testing.assert_close(positions(0, 600), reference, atol=1e-6, rtol=0)
    assert not torch.allclose(positions(0, 600), SinusoidalPositions(width, offset=0)(0, 600), atol=0.1)


def test_sinusoids_grow() -> None:
    small, large = SinusoidalPositions(WIDTH, rows=4), SinusoidalPositions(WIDTH, rows=500)
    assert torch.equal(small(0, 100), large(0, 100)) and torch.equal(small(37, 5), large(0, 100)[37:42])
    assert not list(small.state_dict())


def test_sinusoids_of_a_model_built_on_meta_are_real() -> None:
    with torch.device("meta"):
        positions = SinusoidalPositions(WIDTH)
    assert torch.equal(positions(0, 3), SinusoidalPositions(WIDTH)(0, 3))


def test_embeddings_add_up() -> None:
    tokens, segments = nn.Embedding(9, WIDTH), nn.Embedding(2, WIDTH)
    positions, norm = LearnedPositions(10, WIDTH, offset=2), nn.LayerNorm(WIDTH)
    whole = randomised(Embeddings(tokens, positions=positions, segments=segments, norm=norm, scale=3.0))
    ids = torch.tensor([[4, 5, 6]])
    expected = norm(3.0 * tokens.weight[4:7] + positions.table.weight[3:6] + segments.weight[0])
    torch.testing.assert_close(whole(ids, start=1)[0], expected)
    assert torch.equal(Embeddings(tokens, positions=None)(ids)[0], tokens.weight[4:7])


def test_activations() -> None:
    x = states(50) * 3
    torch.testing.assert_close(gelu(x), x * 0.5 * (1 + torch.erf(x / math.sqrt(2))))
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    torch.testing.assert_close(gelu_tanh(x), 0.5 * x * (1 + torch.tanh(inner)))
    layer = randomised(FeedForward(WIDTH, 12, torch.relu))
    y = states(2, WIDTH)
    torch.testing.assert_close(layer(y), layer.down(functional.relu(layer.up(y))))


def test_heads() -> None:
    table, bias = nn.Parameter(states(9, WIDTH)), nn.Parameter(states(9, seed=3))
    head = MaskedLanguageHead(WIDTH, OutputProjection(table, bias=bias), gelu, epsilon=1e-5)
    x = states(2, 3, WIDTH)
    torch.testing.assert_close(head(x), head.norm(gelu(head.dense(x))) @ table.t() + bias)
    assert head.output.weight is table
    pooler = Pooler(WIDTH)
    torch.testing.assert_close(pooler(x), torch.tanh(pooler.dense(x[:, 0])))

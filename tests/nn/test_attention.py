"""Attention against its formula, masks, prefixes and folded beams."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from anyglot.nn.attention import Attention, Memory
from anyglot.nn.batch_invariant import fused_attention
from anyglot.nn.cache import LayerCache, split_heads
from anyglot.nn.masks import causal_mask, lengths_mask, padding_mask
from anyglot.nn.prefix import Prefix
from support.block_builders import HEADS, WIDTH, randomised, states


def formula(attention: Attention, x: Tensor, other: Tensor, mask: Tensor) -> Tensor:
    """softmax(Q K^T / sqrt(D / H)) V, one head after another."""
    part = WIDTH // HEADS
    query, key, value = attention.query(x), attention.key(other), attention.value(other)
    heads = []
    for head in range(HEADS):
        columns = slice(head * part, (head + 1) * part)
        scores = query[..., columns] @ key[..., columns].transpose(1, 2) / math.sqrt(part)
        weights = scores.masked_fill(~mask, -math.inf).softmax(-1)
        heads.append(weights @ value[..., columns])
    return attention.output(torch.cat(heads, dim=-1))  # type: ignore[no-any-return]


@pytest.fixture
def attention() -> Attention:
    return randomised(Attention(WIDTH, HEADS))


def test_self_attention_is_the_formula(attention: Attention) -> None:
    x, real = states(2, 5, WIDTH), lengths_mask(torch.tensor([5, 3]))
    found = attention(x, mask=padding_mask(real) & causal_mask(5))
    expected = formula(attention, x, x, real[:, None, :] & causal_mask(5)[0])
    torch.testing.assert_close(found, expected)


def test_memory_attention_is_the_formula(attention: Attention) -> None:
    x, memory, real = states(2, 4, WIDTH), states(2, 6, WIDTH, seed=8), lengths_mask(torch.tensor([6, 2]))
    found = attention.attend_memory(x, Memory(memory, real))
    torch.testing.assert_close(found, formula(attention, x, memory, real[:, None, :]))


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match="3 heads do not divide a width of 8"):
        Attention(8, 3)


def test_an_empty_prefix_changes_nothing(attention: Attention) -> None:
    x, empty = states(2, 5, WIDTH), torch.zeros(1, HEADS, 0, WIDTH // HEADS)
    for mask in (None, padding_mask(lengths_mask(torch.tensor([5, 3])))):
        assert torch.equal(attention(x, mask=mask, prefix=Prefix(empty, empty)), attention(x, mask=mask))


@pytest.mark.parametrize("rows", [1, 2])
def test_a_prefix_is_seen_by_all_and_equals_states_in_front(attention: Attention, rows: int) -> None:
    """Keys and values of 3 states in front = attending to a sequence that begins with them."""
    x, front = states(2, 5, WIDTH), states(rows, 3, WIDTH, seed=9)
    prefix = Prefix(split_heads(attention.key(front), HEADS), split_heads(attention.value(front), HEADS))
    whole = torch.cat([front.expand(2, -1, -1), x], dim=1)
    for own in (torch.ones(1, 5, 5, dtype=torch.bool), causal_mask(5)[0]):
        mask = torch.cat([torch.ones(1, 5, 3, dtype=torch.bool), own], dim=-1)
        found = attention(x, mask=own[:, None], prefix=prefix)
        torch.testing.assert_close(found, formula(attention, x, whole, mask))
    torch.testing.assert_close(attention(x, mask=None, prefix=prefix), formula(attention, x, whole, mask[:, -1:]))


def test_masked_prefix_positions_are_invisible(attention: Attention) -> None:
    x, keys, values = (states(2, HEADS, 3, WIDTH // HEADS, seed=seed) for seed in (1, 2, 3))
    x = states(2, 5, WIDTH)
    cut = Prefix(keys[:, :, :1], values[:, :, :1])
    for mask in (None, causal_mask(5)):
        masked = Prefix(keys, values, mask=torch.tensor([[True, False, False]] * 2))
        torch.testing.assert_close(
            attention(x, mask=mask, prefix=masked), attention(x, mask=mask, prefix=cut), atol=1e-6, rtol=0
        )


@pytest.mark.parametrize("length", [1, 3])
@pytest.mark.parametrize("cached", [False, True])
def test_folded_beams_equal_a_repeated_memory(attention: Attention, length: int, cached: bool) -> None:
    beams, real = 4, lengths_mask(torch.tensor([6, 2]))
    x, memory = states(2 * beams, length, WIDTH), states(2, 6, WIDTH, seed=8)
    repeated = Memory(memory.repeat_interleave(beams, 0), real.repeat_interleave(beams, 0))
    cache = LayerCache() if cached else None
    for _ in range(2):
        found = attention.attend_memory(x, Memory(memory, real), cache)
        torch.testing.assert_close(found, attention.attend_memory(x, repeated), atol=1e-6, rtol=1e-5)
    if cache is not None:
        assert cache.memory is not None and cache.memory[0].shape[0] == 2  # neither copied nor recomputed


def test_masks() -> None:
    assert causal_mask(2, 4)[0, 0].tolist() == [[True, True, True, False], [True, True, True, True]]
    assert causal_mask(3)[0, 0].tolist() == [[True, False, False], [True, True, False], [True, True, True]]
    assert lengths_mask(torch.tensor([2, 0]), 3).tolist() == [[True, True, False], [False, False, False]]
    assert padding_mask(torch.ones(2, 3, dtype=torch.bool)).shape == (2, 1, 1, 3)


def test_the_gradient_in_bf16_is_that_of_torchs_kernel() -> None:
    generator = torch.Generator().manual_seed(5)
    leaves = [torch.randn(2, 3, 7, 8, generator=generator).bfloat16().requires_grad_() for _ in range(3)]
    mask = torch.ones(7, 7, dtype=torch.bool).tril()[None, None]
    found = fused_attention(*leaves, mask, 0.0)
    expected = nn.functional.scaled_dot_product_attention(*(leaf.float() for leaf in leaves), attn_mask=mask)
    torch.testing.assert_close(found.float(), expected, atol=0.02, rtol=0.02)
    slopes = [torch.autograd.grad(out.float().square().sum(), leaves) for out in (found, expected)]
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other, atol=0.05, rtol=0.05)

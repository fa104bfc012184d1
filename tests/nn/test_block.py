"""Blocks and stacks: what is passed over, what a dropped skip changes, what is kept."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from anyglot.nn.attention import Memory
from anyglot.nn.masks import causal_mask, lengths_mask
from anyglot.nn.prefix import Prefix
from anyglot.nn.residual import Residual
from support.block_builders import HEADS, WIDTH, block, randomised, stack, states

MEMORY = Memory(states(2, 6, WIDTH, seed=8), lengths_mask(torch.tensor([6, 2])))


@pytest.mark.parametrize("norm_first", [False, True])
def test_without_memory_the_cross_attention_is_passed_over(norm_first: bool) -> None:
    """One block is an encoder block (VECO eq. 4) and a decoder block (eq. 6) with the same weights."""
    whole = randomised(block(norm_first=norm_first))
    bare = block(norm_first=norm_first, cross=False).eval()
    bare.load_state_dict({name: value for name, value in whole.state_dict().items() if "cross" not in name})
    x, mask = states(2, 5, WIDTH), causal_mask(5)
    assert torch.equal(whole(x, mask=mask), bare(x, mask=mask))
    assert not torch.allclose(whole(x, mask=mask, memory=MEMORY), bare(x, mask=mask))


def test_memory_without_cross_attention_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="has no cross-attention"):
        block(cross=False)(states(2, 5, WIDTH), mask=None, memory=MEMORY)


def test_prefixes_one_a_block() -> None:
    pile, x = stack(3), states(2, 5, WIDTH)
    empty = torch.zeros(1, HEADS, 0, WIDTH // HEADS)
    assert torch.equal(pile(x, mask=None, prefixes=[Prefix(empty, empty)] * 3).last, pile(x, mask=None).last)
    with pytest.raises(ValueError, match="2 prefixes were given to a stack of 3 blocks"):
        pile(x, mask=None, prefixes=[Prefix(empty, empty)] * 2)


@pytest.mark.parametrize("norm_first", [False, True])
def test_residual_is_its_formula(norm_first: bool) -> None:
    inner = nn.Linear(WIDTH, WIDTH)
    residual = randomised(Residual(inner, WIDTH, norm_first=norm_first))
    x, norm = states(2, 5, WIDTH), residual.norm
    for skip in (True, False):
        residual.skip = skip
        expected = (skip * x + inner(norm(x))) if norm_first else norm(skip * x + inner(x))
        torch.testing.assert_close(residual(x, inner), expected)


@pytest.mark.parametrize("norm_first", [False, True])
def test_dropping_a_skip_changes_exactly_that_block(norm_first: bool) -> None:
    """Positional disentangling (SixT+ section 2.2): the blocks below are untouched, the block itself is not."""
    pile, x = stack(4, norm_first=norm_first, cross=False), states(2, 5, WIDTH)
    before = pile(x, mask=None, keep_states=True).states
    inputs: list[torch.Tensor] = []
    for part in pile.blocks:
        part.register_forward_hook(lambda module, given, result: inputs.append(result))
    pile.blocks[2].self_attention.skip = False
    after = pile(x, mask=None, keep_states=True).states
    assert all(torch.equal(before[layer], after[layer]) for layer in range(3))
    assert not torch.allclose(before[3], after[3])
    pile.blocks[2].self_attention.skip = True
    assert torch.equal(pile.blocks[3](after[3], mask=None), inputs[3])  # the block above computes as ever


def test_states_are_input_and_every_block_the_last_after_the_norm() -> None:
    for norm_first in (False, True):
        pile, x = stack(3, norm_first=norm_first), states(2, 5, WIDTH)
        out = pile(x, mask=None, keep_states=True)
        assert len(out.states) == 4
        assert torch.equal(out.states[0], x)
        assert torch.equal(out.states[-1], out.last)
        assert torch.equal(out.states[1], pile.blocks[0](x, mask=None))
        assert pile(x, mask=None).states is None


def test_dropout_acts_in_training_only() -> None:
    residual = Residual(nn.Identity(), WIDTH, norm_first=True, dropout=0.5, skip=False)
    ones = torch.ones(4, WIDTH)
    assert torch.equal(residual.eval()(ones, torch.ones_like), ones)
    assert not torch.equal(residual.train()(ones, torch.ones_like), ones)

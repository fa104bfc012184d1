"""Adapters: every sentence through that of its group, whatever the others are; a fresh one changes nothing."""

from __future__ import annotations

import pytest
import torch

from anyglot.nn.adapter import Adapter, Grouping
from support.block_builders import WIDTH, block, randomised, states

GROUPS, BOTTLENECK = 4, 5


@pytest.fixture
def adapter() -> Adapter:
    return randomised(Adapter(GROUPS, WIDTH, BOTTLENECK), seed=3)


def by_hand(adapter: Adapter, x: torch.Tensor, group: int) -> torch.Tensor:
    """Bapna and Firat, section 2: norm, down, ReLU, up, residual."""
    centered = x - x.mean(dim=-1, keepdim=True)
    normed = centered / (centered.pow(2).mean(dim=-1, keepdim=True) + adapter.epsilon).sqrt()
    normed = normed * adapter.norm_weight[group] + adapter.norm_bias[group]
    inner = (normed @ adapter.down[group].T + adapter.down_bias[group]).clamp(min=0)
    return x + inner @ adapter.up[group].T + adapter.up_bias[group]


@pytest.mark.parametrize("group", [[2, 0, 3, 2, 0, 2], [1, 1, 1], [0, 0, 3], [3]])
def test_each_sentence_goes_through_the_adapter_of_its_group(adapter: Adapter, group: list[int]) -> None:
    x = states(len(group), 7, WIDTH)
    expected = torch.stack([by_hand(adapter, row, index) for row, index in zip(x, group, strict=True)])
    torch.testing.assert_close(adapter(x, Grouping.of(torch.tensor(group))), expected)


def test_the_beams_of_a_sentence_share_its_adapter(adapter: Adapter) -> None:
    grouping = Grouping.of(torch.tensor([2, 0, 2]))
    x = states(3 * 4, 1, WIDTH)
    expected = torch.stack([by_hand(adapter, row, [2, 0, 2][place // 4]) for place, row in enumerate(x)])
    torch.testing.assert_close(adapter(x, grouping), expected)


def test_a_fresh_adapter_changes_nothing() -> None:
    x = states(3, 5, WIDTH)
    assert torch.equal(Adapter(2, WIDTH, BOTTLENECK)(x, Grouping.of(torch.tensor([0, 1, 0]))), x)


def test_a_fresh_adapter_learns() -> None:
    """That its last map is zero blocks no gradient for good: after one step all parts have one."""
    torch.manual_seed(0)
    adapter, grouping, x = Adapter(1, WIDTH, BOTTLENECK), Grouping.of(torch.tensor([0, 0])), states(2, 5, WIDTH)
    for _ in range(2):
        gradients = torch.autograd.grad(adapter(x, grouping).pow(2).sum(), list(adapter.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(adapter.parameters(), gradients, strict=True):
                parameter -= 0.01 * gradient
    assert all(bool(gradient.abs().sum() > 0) for gradient in gradients)


def test_a_group_that_is_not_there_has_a_gradient_of_zeros(adapter: Adapter) -> None:
    adapter(states(3, 5, WIDTH), Grouping.of(torch.tensor([0, 2, 0]))).pow(2).sum().backward()
    for parameter in adapter.parameters():
        assert parameter.grad is not None
        assert not parameter.grad[1].any() and not parameter.grad[3].any()
        assert parameter.grad[0].any() and parameter.grad[2].any()


def test_it_stands_behind_the_feed_forward(adapter: Adapter) -> None:
    plain = randomised(block(norm_first=True, cross=False))
    x, grouping = states(2, 5, WIDTH), Grouping.of(torch.tensor([1, 3]))
    without = plain(x, mask=None)
    plain.adapter = adapter
    assert torch.equal(plain(x, mask=None, grouping=grouping), adapter(without, grouping))


def test_a_block_with_an_adapter_wants_groups(adapter: Adapter) -> None:
    adapted = block(cross=False)
    adapted.adapter = adapter
    with pytest.raises(ValueError, match="say which group each sentence belongs to"):
        adapted(states(2, 5, WIDTH), mask=None)


def test_parameters() -> None:
    """2 D E + E + 3 D a block and group: 2,101,248 at the paper's sizes (method card 5.5)."""
    with torch.device("meta"):
        whole = Adapter(1, 1024, 1024)
    assert sum(parameter.numel() for parameter in whole.parameters()) == 2_101_248

"""Kept rows and the way between the two numberings; an output that has only those."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from anyglot.nn.heads import OutputProjection
from anyglot.nn.vocabulary_subset import VocabularySubset

IDS = torch.tensor([0, 2, 3, 7, 10])
SIZE, WIDTH = 12, 4


def output(*, bias: bool = True) -> OutputProjection:
    torch.manual_seed(0)
    offset = nn.Parameter(torch.randn(SIZE)) if bias else None
    return OutputProjection(nn.Parameter(torch.randn(SIZE, WIDTH)), bias=offset)


def test_there_and_back() -> None:
    rows = VocabularySubset(IDS, SIZE)
    assert torch.equal(rows.full(rows.compact(IDS)), IDS)
    assert rows.compact(torch.tensor([[7, 0]])).tolist() == [[3, 0]]
    assert len(rows) == 5 and rows.full_size == SIZE and 7 in rows and 8 not in rows


def test_a_row_that_is_not_kept_is_named() -> None:
    with pytest.raises(ValueError, match="token 8 is not among the 5 rows"):
        VocabularySubset(IDS, SIZE).compact(torch.tensor([7, 8]))


def test_one_row_may_stand_for_all_others() -> None:
    rows = VocabularySubset(IDS, SIZE, unknown=3)
    assert rows.compact(torch.arange(SIZE)).tolist() == [0, 2, 1, 2, 2, 2, 2, 3, 2, 2, 4, 2]
    with pytest.raises(ValueError, match="not kept itself"):
        VocabularySubset(IDS, SIZE, unknown=4)


@pytest.mark.parametrize("wrong", [[], [3, 2], [1, 1], [-1, 2], [0, SIZE]])
def test_rows_that_are_none(wrong: list[int]) -> None:
    with pytest.raises(ValueError, match="ascending ids"):
        VocabularySubset(torch.tensor(wrong, dtype=torch.int64), SIZE)


@pytest.mark.parametrize("bias", [False, True])
def test_restricted_logits_are_the_full_ones_at_the_kept_rows(bias: bool) -> None:
    top, hidden = output(bias=bias), torch.randn(2, 3, WIDTH)
    full = top(hidden)
    top.restrict(VocabularySubset(IDS, SIZE))
    assert top.size == 5
    torch.testing.assert_close(top(hidden), full[..., IDS])
    spread = top.rows.spread(top(hidden))  # type: ignore[union-attr]
    assert spread.shape == full.shape and spread.isneginf().sum() == 6 * (SIZE - 5)
    torch.testing.assert_close(spread[..., IDS], full[..., IDS])
    top.restrict(None)
    assert torch.equal(top(hidden), full)


def test_a_table_that_rests_is_gathered_once() -> None:
    top = output()
    top.restrict(VocabularySubset(IDS, SIZE))
    assert top.matrix()[0] is not top.matrix()[0]  # it may train: a gradient must flow
    with torch.no_grad():
        assert top.matrix()[0] is top.matrix()[0]
    top.requires_grad_(False)
    assert top.matrix()[0] is top.matrix()[0]


def _loaded(top: OutputProjection) -> None:
    with torch.no_grad():
        top.weight.mul_(2)


def _replaced(top: OutputProjection) -> None:
    top.weight = nn.Parameter(top.weight.detach() * 3, requires_grad=False)


def _cast(top: OutputProjection) -> None:
    top.to(torch.float64)


def _trained(top: OutputProjection) -> None:
    """A fused optimizer changes weights without counting versions."""
    top.train()
    top.requires_grad_(True)
    optimizer = torch.optim.AdamW(top.parameters(), lr=0.5, fused=True)
    top(torch.randn(3, WIDTH)).square().sum().backward()
    optimizer.step()
    top.eval()
    top.requires_grad_(False)


@pytest.mark.parametrize("change", [_loaded, _replaced, _cast, _trained])
def test_gathered_rows_never_go_stale(change) -> None:  # type: ignore[no-untyped-def]
    top = output().eval().requires_grad_(False)
    top.restrict(VocabularySubset(IDS, SIZE))
    before = top.matrix()[0]
    change(top)
    weight, bias = top.matrix()
    assert torch.equal(weight, top.weight[IDS]) and torch.equal(bias, top.bias[IDS])  # type: ignore[arg-type,index]
    assert before.dtype != weight.dtype or not torch.equal(before, weight)


def test_gradients_reach_the_kept_rows_only() -> None:
    top, hidden = output(), torch.randn(5, WIDTH)
    top.restrict(VocabularySubset(IDS, SIZE))
    wanted = torch.randn(5, 5)
    (top(hidden) * wanted).sum().backward()
    full = torch.zeros(SIZE, WIDTH).index_copy(0, IDS, wanted.t() @ hidden)
    torch.testing.assert_close(top.weight.grad, full)
    assert top.bias is not None
    torch.testing.assert_close(top.bias.grad, torch.zeros(SIZE).index_copy(0, IDS, wanted.sum(0)))


def test_another_table_is_refused() -> None:
    with pytest.raises(ValueError, match="12 rows, the choice is among 13"):
        output().restrict(VocabularySubset(IDS, SIZE + 1))


def test_states_under_bf16_autocast() -> None:
    top, hidden = output(), torch.randn(2, WIDTH)
    top.restrict(VocabularySubset(IDS, SIZE))
    with torch.autocast("cpu", torch.bfloat16):
        logits = top(hidden)
    expected = functional.linear(hidden.bfloat16(), top.weight[IDS].bfloat16(), top.bias[IDS].bfloat16())  # type: ignore[index]
    assert torch.equal(logits, expected)

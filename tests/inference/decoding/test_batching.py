"""Batches: every sentence once, within the budget, of similar length, in a repeatable order."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anyglot.inference.decoding import pad_batch, plan_batches

LENGTHS = st.lists(st.integers(0, 60), max_size=60)


@given(lengths=LENGTHS, budget=st.integers(1, 200), most=st.none() | st.integers(1, 8))
def test_batches_cover_all_and_keep_the_budget(lengths: list[int], budget: int, most: int | None) -> None:
    batches = plan_batches(lengths, budget, most)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    assert all(batches)
    for batch in batches:
        longest = max(lengths[index] for index in batch)
        assert longest * len(batch) <= budget or len(batch) == 1
        assert most is None or len(batch) <= most
    flat = [lengths[index] for batch in batches for index in batch]
    assert flat == sorted(flat, reverse=True)


@given(lengths=LENGTHS)
def test_equal_lengths_keep_their_order(lengths: list[int]) -> None:
    flat = [index for batch in plan_batches(lengths, 100) for index in batch]
    assert flat == sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))


def test_a_batch_is_filled() -> None:
    assert plan_batches([3, 3, 3, 3, 3], 9) == [[0, 1, 2], [3, 4]]
    with pytest.raises(ValueError, match="positive"):
        plan_batches([1], 0)


@given(sentences=st.lists(st.lists(st.integers(5, 99), max_size=9), max_size=9))
def test_padding_is_on_the_right(sentences: list[list[int]]) -> None:
    tokens, mask = pad_batch(sentences, 1, "cpu")
    assert tokens.shape == mask.shape == (len(sentences), max(map(len, sentences), default=0))
    assert tokens.dtype == torch.int64 and mask.dtype == torch.bool
    for row, shown, sentence in zip(tokens.tolist(), mask.tolist(), sentences, strict=True):
        assert row == sentence + [1] * (len(row) - len(sentence))
        assert shown == [True] * len(sentence) + [False] * (len(row) - len(sentence))

"""Collation, noise and the batch types."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anyglot.data.batch import IGNORED, TranslationBatch
from anyglot.data.collate import collate_masked, collate_translation
from anyglot.data.noise import Masking
from anyglot.text.templates import Frame

ROW = st.lists(st.integers(4, 98), min_size=1, max_size=9)
PAIRS = st.lists(st.tuples(ROW, ROW), min_size=1, max_size=6)


def translate(pairs: list[tuple[list[int], list[int]]]) -> TranslationBatch:
    arrays = [(np.array(source, dtype=np.int32), np.array(target, dtype=np.int32)) for source, target in pairs]
    numbers = np.arange(len(pairs))
    frames = [Frame((0,), (2,), (2,))] * len(pairs)
    return collate_translation([a for a, _ in arrays], [b for _, b in arrays], numbers, frames, 1, 2)


@given(PAIRS)
def test_framing_and_masks_of_translation(pairs: list[tuple[list[int], list[int]]]) -> None:
    batch = translate(pairs)
    for row, (source, target) in enumerate(pairs):
        assert batch.source[row][batch.source_mask[row]].tolist() == [0, *source, 2]
        assert batch.target_output[row][batch.target_mask[row]].tolist() == [*target, 2]
        assert batch.target_input[row][batch.target_mask[row]].tolist() == [2, *target]
    for tokens, mask in ((batch.source, batch.source_mask), (batch.target_output, batch.target_mask)):
        assert tokens.dtype == torch.int64 and mask.dtype == torch.bool
        assert (tokens[~mask] == 1).all()
        assert mask.any(dim=0).all(), "no column is all padding"
        assert (mask.int().diff(dim=1) <= 0).all(), "padding is on the right"
    assert batch.target_tokens == sum(len(target) + 1 for _, target in pairs)
    assert batch.pairs.tolist() == list(range(len(pairs))) and len(batch) == len(pairs)


def test_batches_move_split_and_are_frozen() -> None:
    batch = translate([([5, 6], [7]), ([8], [9, 10, 11])])
    moved = batch.to("cpu")
    assert torch.equal(moved.source, batch.source) and moved.target_tokens == batch.target_tokens == 6
    parts = [batch.rows(0, 1), batch.rows(1, 2)]
    assert sum(part.target_tokens for part in parts) == batch.target_tokens
    assert torch.equal(torch.cat([part.source for part in parts]), batch.source)
    with pytest.raises(dataclasses.FrozenInstanceError):
        batch.source = batch.target_input  # type: ignore[misc]


@settings(deadline=None)
@given(st.lists(st.lists(ROW, min_size=1, max_size=3), min_size=1, max_size=5), st.integers(0, 99))
def test_masked_rows_keep_specials_and_can_be_restored(texts: list[list[list[int]]], seed: int) -> None:
    masking = Masking(0.15, 99, (0, 1, 2, 99), 100)
    batch = collate_masked([[np.array(s) for s in row] for row in texts], 0, 1, 2, masking, (seed, 0, 0))
    predicted = batch.labels != IGNORED
    restored = torch.where(predicted, batch.labels, batch.tokens)
    for row, sentences in enumerate(texts):
        plain = [0] + [id for sentence in sentences for id in [*sentence, 2]]
        assert restored[row][batch.mask[row]].tolist() == plain
    assert not (predicted & ~batch.mask).any()
    assert not torch.isin(restored[predicted], torch.tensor([0, 1, 2, 99])).any()
    assert not torch.isin(batch.tokens[predicted], torch.tensor([0, 1, 2])).any()
    assert batch.target_tokens == int(predicted.sum()) >= 1
    same = collate_masked([[np.array(s) for s in row] for row in texts], 0, 1, 2, masking, (seed, 0, 0))
    assert torch.equal(same.tokens, batch.tokens) and torch.equal(same.labels, batch.labels)


def test_noise_has_the_shares_of_bert() -> None:
    tokens = np.random.default_rng(0).integers(4, 999, size=(200, 500))
    masking = Masking(0.15, 999, (0, 1, 2, 999), 1000)
    noised, labels = masking(tokens, np.ones_like(tokens, dtype=np.bool_), (7, 0, 0))
    chosen = labels != IGNORED
    total = chosen.sum()
    assert chosen.mean() == pytest.approx(0.15, abs=0.005)
    assert (noised[chosen] == 999).sum() / total == pytest.approx(0.8, abs=0.015)
    kept = (noised == tokens)[chosen].sum() / total
    assert kept == pytest.approx(0.1 + 0.1 / 996, abs=0.012)
    assert (noised[~chosen] == tokens[~chosen]).all()
    swapped = noised[chosen & (noised != 999) & (noised != tokens)]
    assert len(np.unique(swapped)) > 700 and swapped.min() >= 3 and swapped.max() < 999
    other, _ = masking(tokens, np.ones_like(tokens, dtype=np.bool_), (7, 0, 1))
    assert (other != noised).mean() > 0.1, "another batch, another noise"


def test_noise_refuses_senseless_shares() -> None:
    for rate, masked, random in ((0.0, 0.8, 0.1), (1.5, 0.8, 0.1), (0.15, 0.8, 0.3)):
        with pytest.raises(ValueError, match="rate"):
            Masking(rate, 9, (0,), 10, masked, random)

"""The noise of SGA's denoiser and the labels of its targets (method cards 3.3 and 3.4), one property each."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from anyglot.models.config import CanvasConfig
from anyglot.training.methods.canvas import ctc_labels
from anyglot.training.methods.sga.noise import Noise
from anyglot.training.methods.sga.options import NoiseOptions

BEGIN, PAD, END, BLANK, MASK, WORDS = 0, 1, 2, 6, 99, 1000
NOISE = Noise(0.2, 0.4, 0.3, BLANK, WORDS, (BEGIN, END, PAD), least=0.2)
CANVAS = CanvasConfig(mask_id=MASK, blank_id=BLANK)


def rows(lengths: list[int], columns: int | None = None) -> tuple[Tensor, Tensor]:
    """`<s> x </s>` padded on the right; the tokens of a row are its own, none of another row's nor the blank."""
    width = columns or max(lengths)
    mask = torch.arange(width) < torch.tensor(lengths)[:, None]
    tokens = 10 + torch.arange(len(lengths))[:, None] * width + torch.arange(width)
    tokens[:, 0] = BEGIN
    tokens.scatter_(1, torch.tensor(lengths)[:, None] - 1, END)
    return tokens.masked_fill(~mask, PAD), mask


batches = st.lists(st.integers(2, 12), min_size=1, max_size=6)
noises = st.builds(
    lambda most, share, blanks, words: Noise(
        most, blanks, words * (1 - blanks), BLANK, WORDS, (BEGIN, END, PAD), least=share * most
    ),
    *[st.floats(0, 1, exclude_max=True)] * 4,
)


@settings(max_examples=60, deadline=None)
@given(batches, noises, st.integers(0, 1000))
def test_special_tokens_and_what_is_outside_the_mask_stay(lengths: list[int], noise: Noise, seed: int) -> None:
    torch.manual_seed(seed)
    tokens, mask = rows(lengths)
    outside = tokens.masked_fill(~mask, 77)  # no padding token: the mask alone must keep it
    found = noise(outside, mask)
    assert bool((found[~mask] == 77).all())
    assert bool((found[:, 0] == BEGIN).all())
    assert bool((found[tokens == END] == END).all())
    assert bool(((found >= 0) & (found < WORDS)).all())


@settings(max_examples=60, deadline=None)
@given(batches, st.integers(0, 1000))
def test_what_is_no_blank_and_no_random_word_is_of_the_same_sentence(lengths: list[int], seed: int) -> None:
    torch.manual_seed(seed)
    tokens, mask = rows(lengths)
    found = Noise(0.9, 0.0, 0.0, BLANK, WORDS, (BEGIN, END, PAD), least=0.9)(tokens, mask)
    for before, after, real in zip(tokens, found, mask, strict=True):
        assert set(after[real].tolist()) <= set(before[real].tolist())


def test_shares_are_forty_thirty_thirty() -> None:
    torch.manual_seed(1)
    tokens = torch.full((200, 500), 5)
    tokens[:, 250:] = 8
    found = NOISE(tokens, torch.ones_like(tokens, dtype=torch.bool))
    chosen = (found == BLANK).float().mean() / 0.4
    assert float(chosen) == pytest.approx(0.2, abs=0.005)
    words = (found != BLANK) & (found != 5) & (found != 8)
    assert float(words.float().mean()) == pytest.approx(0.2 * 0.3 * (1 - 3 / WORDS), abs=0.004)
    # A token of the same sentence is another one half of the time.
    others = ((found == 5) & (tokens == 8)) | ((found == 8) & (tokens == 5))
    assert float(others.float().mean()) == pytest.approx(0.2 * 0.3 / 2, abs=0.004)


def test_the_rate_lies_between_least_and_most_and_is_drawn_for_each_batch() -> None:
    torch.manual_seed(2)
    tokens = torch.full((100, 200), 5)
    everywhere = torch.ones_like(tokens, dtype=torch.bool)
    noise = dataclasses.replace(NOISE, blanks=1.0, words=0.0, most=0.3, least=0.1)
    rates = [float((noise(tokens, everywhere) == BLANK).float().mean()) for _ in range(60)]
    assert 0.09 < min(rates) < 0.13
    assert 0.27 < max(rates) < 0.31


def test_without_a_rate_nothing_changes_and_nothing_is_drawn() -> None:
    tokens, mask = rows([5, 9])
    torch.manual_seed(3)
    state = torch.get_rng_state()
    assert torch.equal(dataclasses.replace(NOISE, most=0.0, least=0.0)(tokens, mask), tokens)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("wrong", [{"least": 0.5, "most": 0.2}, {"blanks": 0.8, "words": 0.4}])
def test_rates_and_shares_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=r"above the highest|more than 1"):
        NoiseOptions.model_validate(wrong)


targets = st.lists(st.lists(st.integers(3, 9), min_size=0, max_size=8), min_size=1, max_size=5)


@settings(max_examples=100, deadline=None)
@given(targets, st.booleans())
def test_labels_are_the_target_framed_without_its_blanks(texts: list[list[int]], frame: bool) -> None:
    lengths = torch.tensor([len(text) + 1 for text in texts])
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    output = torch.full(mask.shape, PAD)
    output[mask] = torch.tensor([token for text in texts for token in (*text, END)])
    labels, counts = ctc_labels(output, mask, CANVAS.model_copy(update={"frame": frame}))
    for text, row, count in zip(texts, labels.tolist(), counts.tolist(), strict=True):
        plain = [token for token in text if token != BLANK]
        assert row[:count] == ([BEGIN, *plain, END] if frame else plain)
        assert set(row[count:]) <= {END}

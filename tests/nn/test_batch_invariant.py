"""What `nn/batch_invariant.py` says of this machine's arithmetic, measured; and that without it results do move."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from anyglot.nn.batch_invariance import batch_dependence
from anyglot.nn.batch_invariant import (
    Attend,
    batch_invariant_attention,
    batch_invariant_elementwise,
    batch_invariant_length,
    batch_invariant_linear,
    decoding_attention,
    fused_attention,
)
from anyglot.nn.feedforward import gelu_tanh
from anyglot.nn.row_filling import FORMATS, filling

TYPES = [torch.float32, torch.bfloat16]


@pytest.fixture(params=[1, 2], autouse=True)
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(("width", "outputs"), [(16, 48), (64, 257), (128, 128), (512, 64), (768, 96), (3072, 32)])
def test_a_row_of_a_product_does_not_depend_on_the_others(kind: torch.dtype, width: int, outputs: int) -> None:
    if not filling(FORMATS[kind], torch.get_num_threads()):
        pytest.skip("measured: no number of rows makes such products steady here")
    torch.manual_seed(0)
    weight, bias, row = torch.randn(outputs, width), torch.randn(outputs), torch.randn(1, width)
    weight, bias, row = weight.to(kind), bias.to(kind), row.to(kind)
    alone = batch_invariant_linear(row, weight, bias)
    torch.testing.assert_close(alone.float(), functional.linear(row, weight, bias).float(), atol=1e-2, rtol=1e-2)
    for rows in (2, 5, 9, 17, 33, 80, 127, 300):
        for place in (0, rows // 2, rows - 1):
            crowd = torch.randn(rows, width).to(kind)
            crowd[place] = row[0]
            assert torch.equal(batch_invariant_linear(crowd, weight, bias)[place], alone[0]), (rows, place)


def ask_attention(kind: torch.dtype) -> None:
    if batch_dependence((), FORMATS[kind]) is not None:
        pytest.skip("measured: attention is not batch-invariant here")


def attended(attend: Attend, kind: torch.dtype, query: Tensor, keys: Tensor, batch: int, room: int) -> Tensor:
    """Attention of one sentence as the last of a batch, its keys followed by `room` masked ones."""
    heads, queries, part = query.shape
    length = keys.shape[1]
    crowd_query = torch.randn(batch, heads, queries, part).to(kind)
    crowd_keys = torch.randn(batch, heads, length + room, part).to(kind)
    crowd_query[-1], crowd_keys[-1, :, :length] = query, keys
    mask = torch.ones(batch, 1, 1, length + room, dtype=torch.bool)
    mask[-1, :, :, length:] = False
    return attend(crowd_query, crowd_keys, crowd_keys, mask, 0.0)[-1]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("part", [8, 64])
@pytest.mark.parametrize(
    ("attend", "queries"),
    [(decoding_attention, 1), (decoding_attention, 5), (fused_attention, 5), (fused_attention, 40)],
)
def test_attention_does_not_depend_on_batch_and_padding(
    attend: Attend, kind: torch.dtype, part: int, queries: int
) -> None:
    ask_attention(kind)
    torch.manual_seed(0)
    steady = partial(batch_invariant_attention, attend)
    for length in (3, 33, 130, 190, 260):
        query, keys = torch.randn(2, queries, part).to(kind), torch.randn(2, length, part).to(kind)
        alone = attended(steady, kind, query, keys, 1, 0)
        plain = fused_attention(query[None], keys[None], keys[None], None, 0.0)[0]
        torch.testing.assert_close(alone.float(), plain.float(), atol=3e-2, rtol=3e-2)
        for batch, room in ((1, 1), (3, 0), (5, 7), (16, 40), (3, 400)):
            assert torch.equal(attended(steady, kind, query, keys, batch, room), alone), (length, batch, room)


@pytest.mark.parametrize("kind", TYPES)
def test_an_encoder_sentence_does_not_depend_on_the_longest_one(kind: torch.dtype) -> None:
    """Its queries grow with the batch's longest sentence, beyond every size of block of the fused kernel."""
    ask_attention(kind)
    torch.manual_seed(0)
    states = torch.randn(1, 2, 9, 16).to(kind)
    mask = torch.ones(1, 1, 1, 9, dtype=torch.bool)
    alone = batch_invariant_attention(fused_attention, states, states, states, mask, 0.0)
    for longest in (10, 17, 40, 190, 200, 800):
        crowd = torch.randn(3, 2, longest, 16).to(kind)
        crowd[1, :, :9] = states[0]
        seen = torch.ones(3, 1, 1, longest, dtype=torch.bool)
        seen[1, :, :, 9:] = False
        found = batch_invariant_attention(fused_attention, crowd, crowd, crowd, seen, 0.0)
        assert torch.equal(found[1, :, :9], alone[0]), longest


def test_gelu_does_not_depend_on_the_place() -> None:
    torch.manual_seed(0)
    row = torch.randn(1, 48) * 3
    alone = batch_invariant_elementwise(gelu_tanh, row)
    for rows in (2, 3, 7, 33, 700):
        crowd = torch.randn(rows, 48)
        crowd[-1] = row[0]
        assert torch.equal(batch_invariant_elementwise(gelu_tanh, crowd)[-1], alone[0]), rows
    torch.testing.assert_close(alone, gelu_tanh(row))


def test_lengths_are_rounded_up_and_never_down() -> None:
    for length in range(1, 2000):
        assert length <= batch_invariant_length(length) < length + 512
    assert [batch_invariant_length(length) for length in (1, 32, 33, 192, 193, 513)] == [32, 32, 64, 192, 512, 1024]


def test_plain_arithmetic_does_depend_on_the_batch() -> None:
    """The inverse: if this fails the rules above have become needless here, and their tests prove nothing."""
    torch.manual_seed(0)
    weight, crowd = torch.randn(64, 768), torch.randn(33, 768)
    whole = functional.linear(crowd, weight)
    assert any(not torch.equal(functional.linear(crowd[:rows], weight), whole[:rows]) for rows in (1, 2, 3, 5))
    query, keys = torch.randn(2, 5, 8), torch.randn(2, 7, 8)
    alone = attended(decoding_attention, torch.float32, query, keys, 1, 0)
    moved = [attended(decoding_attention, torch.float32, query, keys, batch, room) for batch, room in ((3, 0), (5, 9))]
    assert any(not torch.equal(one, alone) for one in moved)

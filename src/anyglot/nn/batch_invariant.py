"""Arithmetic whose result for one sentence does not depend on what else is in the batch, bit for bit.

A matrix product sums in an order that its shapes decide, and a batch decides the shapes. Measured with torch 2.13 on
x86 with 1 and 2 threads:

- fp32 products give a row the same bits when every thread has a multiple of 4 rows on AMD's processors, of 16 on
  Intel's with AMX. Of bf16 and int8 it depends on the machine, and so `row_filling.py` measures it there.
- attention gives a query the same bits when there are 16, 32, 48 ... queries (on AMD's 8, 16 ...), a mask is always
  there, and the number of keys is a multiple of 32. Above 192 keys fp32 sums in blocks that depend on their number:
  there a multiple of 512, of which Intel's takes one at a time.
- elementwise functions do, but for GELU's tanh approximation where a thread's share is not whole vectors.

So shapes are rounded up and the rest is masked or cut off: weights of exactly 0 add nothing. Rounding costs little,
as the number of sentences and so the rows of the large products stay what they are. Whether it is enough on the machine
at hand is measured too (`batch_invariance.py`), and where it is not nothing is promised. Of GPUs nothing is claimed.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from anyglot.nn.row_filling import FORMATS, filled, filling

Attend = Callable[[Tensor, Tensor, Tensor, Tensor | None, float], Tensor]
"""query (B, H, T, d), key and value (B, H, S, d), mask for (B, H, T, S) or None, dropout -> (B, H, T, d)"""

_KEYS_AT_ONCE = 512
_VECTORS = 64  # values that torch's vector loops take at a time, at most
_GRAIN = 32_768  # values below which torch does not share elementwise work among threads


def batch_invariant_length(length: int) -> int:
    """The number of keys to attend to for `length` that exist: see the module."""
    step = 32 if length <= 192 else 512
    return -(-length // step) * step


def fused_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float) -> Tensor:
    """torch's own attention kernel; what training uses, but for bf16 on a processor.

    There the kernel's gradient takes ten times as long as that of two plain products (torch 2.13, 16 to 64 positions;
    three times at 128).
    """
    if query.requires_grad and query.dtype == torch.bfloat16 and query.device.type == "cpu":
        return plain_attention(query, key, value, mask, dropout)
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)


def decoding_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float) -> Tensor:
    """Attention of a decoding step: on a processor two plain products, as the fused kernel is slow at few queries.

    At many it is not (torch 2.13, 1 to 16 sentences of 24 to 104 queries: within its noise), and one kernel for any
    number is what makes a position's bits the same whether it is decoded alone or among others. Not for an encoder,
    where all scores of a long sentence would be held at once.
    """
    if query.device.type != "cpu":
        return fused_attention(query, key, value, mask, 0.0)
    return plain_attention(query, key, value, mask, 0.0)


def plain_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float) -> Tensor:
    """softmax(q k^T / sqrt(d)) v, written out."""
    scores = (query * (1.0 / math.sqrt(query.shape[3]))) @ key.transpose(2, 3)
    if mask is not None:
        scores.masked_fill_(~mask, -torch.inf)
    weights = functional.dropout(scores.softmax(dim=3), dropout)
    if weights.shape[3] <= _KEYS_AT_ONCE:
        return weights @ value
    # Intel's product of more keys sums in blocks that depend on their number; parts of a fixed size do not.
    parts = zip(torch.split(weights, _KEYS_AT_ONCE, 3), torch.split(value, _KEYS_AT_ONCE, 2), strict=True)
    return torch.stack([part @ values for part, values in parts]).sum(dim=0)


def batch_invariant_attention(
    attend: Attend, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float
) -> Tensor:
    """An attention over rounded shapes, with a mask always there."""
    queries, keys = query.shape[2], key.shape[2]
    room = batch_invariant_length(keys) - keys
    if mask is None:
        mask = torch.ones(1, 1, 1, keys, dtype=torch.bool, device=query.device)
    if room:
        key, value = functional.pad(key, (0, 0, 0, room)), functional.pad(value, (0, 0, 0, room))
        mask = functional.pad(mask, (0, room))
    spare = -queries % 16
    if spare:
        query = functional.pad(query, (0, 0, 0, spare))
        if mask.shape[2] > 1:
            mask = functional.pad(mask, (0, 0, 0, spare), value=True)
    return attend(query, key, value, mask, dropout)[:, :, :queries]


def batch_invariant_rows(x: Tensor) -> int:
    """The number whose multiples of rows give every thread its rows in a product of `x`'s format and device."""
    if x.device.type != "cpu" or x.dtype not in FORMATS:
        return 1
    return filling(FORMATS[x.dtype], torch.get_num_threads()) or 1


def batch_invariant_linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`functional.linear` with every thread given its rows.

    Shape:
        x: (..., D)    weight: (N, D)    bias: (N,) or None    returns: (..., N)
    """
    step = batch_invariant_rows(x)
    if step == 1:
        return functional.linear(x, weight, bias)
    flat = x.reshape(-1, x.shape[-1])
    return filled(lambda rows: functional.linear(rows, weight, bias), flat, step).view(*x.shape[:-1], -1)


def batch_invariant_elementwise(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Apply an elementwise function so that no value falls to the scalar code that ends a thread's share.

    For most functions the two codes agree; for the tanh approximation of GELU they do not. Widths that are multiples
    of 64 need no filling with one, two or four threads.
    """
    size = x.numel()
    room = size
    while room % (step := _VECTORS * min(torch.get_num_threads(), max(1, -(-room // _GRAIN)))):
        room += -room % step
    if room == size:
        return function(x)
    return function(functional.pad(x.reshape(-1), (0, room - size)))[:size].view(x.shape)


class BatchInvariantLinear(nn.Module):
    """A Linear with its weights, computed by `batch_invariant_linear`."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight = linear.weight
        self.bias = linear.bias

    def forward(self, x: Tensor) -> Tensor:
        return batch_invariant_linear(x, self.weight, self.bias)

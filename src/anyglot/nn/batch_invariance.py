"""Whether results here are independent of the batch, bit for bit: asked of the machine, not of a list of processors."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache, partial

import torch
from torch import Tensor
from torch.nn import functional

from anyglot.errors import spelled
from anyglot.nn.batch_invariant import Attend, batch_invariant_attention, decoding_attention, fused_attention
from anyglot.nn.row_filling import FORMATS, MEMORY, Format, filling, subject
from anyglot.runtime import measurements

_SENTENCES = ((5, 33, 3, 7), (40, 40, 5, 150), (1, 190, 2, 10))  # queries, keys, sentences, keys of a longer neighbour


def batch_dependence(products: Sequence[Format], attention: Format | None) -> str | None:
    """What keeps a sentence's result from being the same in every batch with the present number of threads.

    Args:
        products: Formats of the products of all rows.
        attention: That of attention over batches of several lengths; None where there is none.

    Returns:
        One sentence without its end, or None where nothing does. It is measured once: see `row_filling.py`.
    """
    threads, place = torch.get_num_threads(), os.environ.get("XDG_CACHE_HOME", "")
    broken = [f"{kind} products" for kind in products if not filling(kind, threads)]
    if attention is not None and not _attention(attention, threads, place):
        broken.append(f"{attention} attention")
    if not broken:
        return None
    return (
        f"on this machine ({measurements.processor()}, {threads} thread{'s' if threads > 1 else ''}) the last bits of "
        f"{' and '.join(broken)} depend on what else is in the batch, whatever the shapes are rounded to"
    )


def said(reason: str) -> str:
    """The sentence that withdraws the promise."""
    return spelled(
        f"{reason}, so results may change in their last bits with the batch: "
        "take another `precision` or another number of threads (OMP_NUM_THREADS=1) where that matters."
    )


@cache
def _attention(kind: Format, threads: int, place: str) -> bool:
    key = subject(kind, threads, "attention")
    known = measurements.recalled(MEMORY).get(key)
    if isinstance(known, bool):
        return known
    found = attention_is_batch_invariant(kind, (fused_attention, decoding_attention))
    measurements.remember(MEMORY, {key: found})
    return found


def attention_is_batch_invariant(kind: Format, kernels: tuple[Attend, ...]) -> bool:
    """Whether a sentence's attention has the same bits alone and beside others, shorter than the longest."""
    number_format = next(given for given, name in FORMATS.items() if name == kind)
    with torch.no_grad():
        return all(
            _same(partial(batch_invariant_attention, kernel), number_format, *sizes)
            for kernel in kernels
            for sizes in _SENTENCES
        )


def _same(
    attend: Callable[[Tensor, Tensor, Tensor, Tensor | None, float], Tensor],
    number_format: torch.dtype,
    queries: int,
    keys: int,
    sentences: int,
    longer: int,
) -> bool:
    generator = torch.Generator().manual_seed(0)
    query, states = (
        torch.randn(sentences, 2, length, 64, generator=generator).to(number_format) for length in (queries, keys)
    )
    room = functional.pad(states, (0, 0, 0, longer))
    mask = torch.zeros(sentences, 1, 1, keys + longer, dtype=torch.bool)
    mask[..., :keys] = True
    crowd = attend(query, room, room, mask, 0.0)
    alone = attend(query[-1:], states[-1:], states[-1:], mask[-1:, ..., :keys], 0.0)
    return torch.equal(crowd[-1:], alone)

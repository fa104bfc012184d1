"""To how many rows a product must be filled here, so that a row of it does not depend on the others: measured.

Which kernel a product runs through, and with it the order of its sums, is decided by its shape, the processor, torch
and the number of threads. No list of processors says it: products in bf16 keep a row's bits on those that have
instructions for them, and on an Intel Xeon without (Ice Lake, torch 2.13) with one thread, not with two. So a few
products are computed whole and in parts, filled to more and more rows until the parts have the bits of the whole.
It takes some 50 ms for a number format and a number of threads, once; the answer is kept in `steady.json` in the
user's cache (`runtime/measurements.py`). Delete the file to ask again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from anyglot.runtime import measurements

Format = Literal["fp32", "bf16", "int8"]
Product = Callable[[Tensor, Tensor], Tensor]
"""x (rows, D) and weight (N, D) -> (rows, N)."""

MEMORY = "steady"  # the name of a saved file
FORMATS: dict[torch.dtype, Format] = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.int8: "int8"}
SHAPES = (
    (48, 384, 1536, 2),
    (100, 768, 768, 3),
    (256, 768, 768, 31),
    (80, 64, 257, 5),
    (33, 3072, 96, 1),
    (300, 128, 128, 7),
)
"""Rows of a product, D, N, and how many of its rows are computed without the others."""
_STEPS = (16, 32, 64, 128)
_PROBE = 1  # another one asks again


def filling(kind: Format, threads: int) -> int:
    """The number whose multiples of rows make products batch-invariant with so many threads.

    Returns:
        1 where nothing needs filling, 0 where nothing helps.
    """
    return _filling(kind, threads, os.environ.get("XDG_CACHE_HOME", ""))


@cache
def _filling(kind: Format, threads: int, place: str) -> int:
    key = subject(kind, threads, "rows")
    known = measurements.recalled(MEMORY).get(key)
    if type(known) is int and known in {0, *candidates(kind, threads)}:
        return known
    found = measured(_product(kind), kind, threads)
    measurements.remember(MEMORY, {key: found})
    return found


def subject(kind: Format, threads: int, what: str) -> str:
    """What a measurement is of: all that may decide which kernels run, and the question."""
    flags = hashlib.sha256(" ".join(sorted(measurements.processor_flags())).encode()).hexdigest()[:8]
    ordered = [os.environ.get(name, "") for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "MKL_CBWR")]
    capability = torch.backends.cpu.get_cpu_capability()
    parts = [
        measurements.processor(),
        flags,
        capability,
        *ordered,
        torch.__version__,
        str(threads),
        kind,
        what,
        str(_PROBE),
    ]
    return "|".join(parts)


def candidates(kind: Format, threads: int) -> tuple[int, ...]:
    """What is tried, in this order.

    Where fp32 needs no filling in the few shapes tried it needs some in others, on every processor that was looked at
    (a multiple of 4 rows a thread on AMD's, of 16 on Intel's with AMX), so there 16 a thread is the least.
    """
    steps = tuple(step * threads for step in _STEPS)
    return steps if kind == "fp32" else (1, *steps)


def measured(product: Product, kind: Format, threads: int, shapes: Sequence[tuple[int, int, int, int]] = SHAPES) -> int:
    """The first candidate under which parts of a product have the bits of the whole, 0 if none has.

    Args:
        product: What multiplies.
        threads: Torch's number of threads while it is measured.
    """
    before = torch.get_num_threads()
    if threads != before:
        torch.set_num_threads(threads)
    try:
        with torch.no_grad():
            tried = ((step, _factors(kind, step, shapes)) for step in candidates(kind, threads))
            return next((step for step, drawn in tried if all(_is_invariant(product, step, *one) for one in drawn)), 0)
    finally:
        if threads != before:
            torch.set_num_threads(before)


def filled(product: Callable[[Tensor], Tensor], x: Tensor, step: int) -> Tensor:
    """A product of rows, filled with zeros to a multiple of `step`.

    Shape:
        x: (rows, D)    returns: (rows, N)
    """
    spare = -len(x) % step if step > 1 else 0
    return product(functional.pad(x, (0, 0, 0, spare)))[: len(x)] if spare else product(x)


def _factors(
    kind: Format, step: int, shapes: Sequence[tuple[int, int, int, int]]
) -> Iterator[tuple[Tensor, Tensor, int]]:
    # Where the whole has no more rows than a part is filled to, the two would be one product, and agree whatever it is.
    shapes = [(rows if rows > step else rows + step, width, outputs, part) for rows, width, outputs, part in shapes]
    generator = torch.Generator().manual_seed(0)  # the user's own draws stay as they are
    pool = torch.randn(max(max(rows, outputs) * width for rows, width, outputs, _ in shapes), generator=generator)
    pool = (pool * 40).clamp_(-127, 127).to(torch.int8) if kind == "int8" else pool
    pool = pool.to(torch.bfloat16) if kind == "bf16" else pool
    for rows, width, outputs, part in shapes:
        yield pool[: rows * width].view(rows, width), pool[-outputs * width :].view(outputs, width), part


def _is_invariant(product: Product, step: int, x: Tensor, weight: Tensor, part: int) -> bool:
    """Whether rows computed alone, and at other places of another crowd, are those of the whole."""

    def rows(some: Tensor) -> Tensor:
        return filled(lambda full: product(full, weight), some, step)

    whole = rows(x)
    return (
        torch.equal(rows(x[:part]), whole[:part])
        and torch.equal(rows(x[part:]), whole[part:])
        and torch.equal(rows(x[-1:]), whole[-1:])
    )


def _product(kind: Format) -> Product:
    if kind == "int8":
        return lambda x, weight: torch._int_mm(x, weight.t())
    return lambda x, weight: functional.linear(x, weight)

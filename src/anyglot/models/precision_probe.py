"""Which precision is fastest here: measured once, and remembered, so that a machine never changes its mind.

A clock gives another answer on another day, and on a busy machine another one in the next minute; and another precision
gives other weights and other translations. So a gain counts only when it is large, and the first answer for a
processor, a torch version and a shape is written down and kept, under a lock: of two processes that ask at once the
second takes the first one's answer. Delete the file to ask again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from typing import TypeVar

import torch
from torch.nn import functional

from anyglot.errors import UserError
from anyglot.models.precision import Precision
from anyglot.nn.quantized import integer_product, quantise_rows
from anyglot.runtime import measurements
from anyglot.runtime.locks import held

GAIN = 1.25
"""How many times as fast a coarser precision must be."""
NARROW = 256
"""Below this width products are too small for another format to pay."""
ROWS = 40
MEMORY = "precision"
_MOST_TOKENS = 16_384
Answer = TypeVar("Answer", bound=str)


def fastest(candidates: Sequence[Precision], width: int, feedforward_width: int, tokens: int) -> Precision:
    """The fastest precision for a decoder of this shape on this machine's processor.

    Args:
        candidates: Finest first; each coarser one must beat the choice so far by `GAIN`.
        width: D.
        feedforward_width: Inner width of the feed-forward.
        tokens: Rows of the output.
    """
    if len(candidates) == 1 or width < NARROW:
        return candidates[0]
    return _chosen(tuple(candidates), width, feedforward_width, min(tokens, _MOST_TOKENS))


@cache
def _chosen(candidates: tuple[Precision, ...], width: int, feedforward_width: int, tokens: int) -> Precision:
    def ask() -> Precision:
        choice, best = candidates[0], measured(candidates[0], width, feedforward_width, tokens)
        for candidate in candidates[1:]:
            seconds = measured(candidate, width, feedforward_width, tokens)
            if seconds * GAIN <= best:
                choice, best = candidate, seconds
        return choice

    return remembered([*candidates, *map(str, (width, feedforward_width, tokens))], candidates, ask)


def remembered(question: Sequence[str], answers: Sequence[Answer], ask: Callable[[], Answer]) -> Answer:
    """What was answered the first time this was asked on this processor, with this torch and as many threads.

    Where nothing can be remembered, the answer holds for the one who asks.

    Args:
        question: What is asked.
        answers: The possible ones; anything else that is remembered is asked anew.
        ask: Measures.
    """
    place = f"{measurements.processor()}, {torch.get_num_threads()} threads"
    key = "|".join([place, torch.__version__, *question])

    def recalled() -> Answer | None:
        known = measurements.recalled(MEMORY).get(key)
        return next((answer for answer in answers if known == answer), None)

    answer = recalled()
    if answer is not None:
        return answer
    with ExitStack() as stack:
        with suppress(OSError):  # a lock lies beside the file
            measurements.memory(MEMORY).parent.mkdir(parents=True, exist_ok=True)
        with suppress(UserError):  # then whoever asks beside this one may get another answer
            stack.enter_context(held(measurements.memory(MEMORY), file=True, wait=lambda told: None))
        answer = recalled()  # of whoever asked just now
        if answer is None:
            answer = ask()
            measurements.remember(MEMORY, {key: answer})
    return answer


def measured(precision: Precision, width: int, feedforward_width: int, tokens: int) -> float:
    """Seconds of a decoder layer's products and of an output's, the fastest of some tries."""
    shapes = [(width, 8 * width), (width, feedforward_width), (feedforward_width, width), (width, tokens)]
    tries = [_product(precision, inside, outside) for inside, outside in shapes]
    return sum(min(_seconds(product) for _ in range(5)) for product in tries)


def _product(precision: Precision, inside: int, outside: int) -> Callable[[], object]:
    x, weight = torch.ones(ROWS, inside), torch.ones(outside, inside)
    if precision == "int8":
        matrix = weight.to(torch.int8)
        return lambda: integer_product(quantise_rows(x)[0], matrix).float()
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    x, weight = x.to(kind), weight.to(kind)
    return lambda: functional.linear(x, weight)


def _seconds(product: Callable[[], object]) -> float:
    begin = time.perf_counter()
    product()
    return time.perf_counter() - begin

"""Which precision is fastest here: measured once, and remembered, so that a machine never changes its mind.

A clock gives another answer on another day, and on a busy machine another one in the next minute; and another precision
gives other weights and other translations. So a gain counts only when it is large, and the first answer for a
processor, a torch version and a shape is written down and kept, under a lock: of two processes that ask at once the
second takes the first one's answer. Delete the file to ask again.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from typing import TypeVar

import torch
from filelock import FileLock
from torch.nn import functional

from anyglot.errors import UserError
from anyglot.guarded import read_json
from anyglot.layers.quantised import integer_product, quantise_rows
from anyglot.models.precision import Precision
from anyglot.places import user_cache

GAIN = 1.25
"""How many times as fast a coarser precision must be."""
NARROW = 256
"""Below this width products are too small for another format to pay."""
ROWS = 40
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
    key = "|".join([_processor(), torch.__version__, *question])
    with ExitStack() as stack:
        for again in (False, True):  # the second time behind whoever asks just now
            known = _read().get(key)
            for answer in answers:
                if known == answer:
                    return answer
            if not again:
                with suppress(OSError):
                    memory_file().parent.mkdir(parents=True, exist_ok=True)
                    stack.enter_context(FileLock(f"{memory_file()}.lock"))
        found = ask()
        _write(_read() | {key: found})
        return found


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


def memory_file() -> Path:
    """Where choices are remembered."""
    return user_cache() / "precision.json"


def _read() -> dict[str, str]:
    try:
        known = read_json(memory_file())
    except (FileNotFoundError, UserError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(known: dict[str, str]) -> None:
    """Remember; where that is impossible the choice holds for this process."""
    path = memory_file()
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
    name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return f"{name or platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"

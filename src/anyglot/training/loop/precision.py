"""Whether bf16 pays on this machine: tried, not guessed; and tried once, since the clock would not say it twice."""

from __future__ import annotations

import logging
import time
from typing import Literal

import torch
from torch import nn

from anyglot.errors import UserError
from anyglot.models.precision_probe import remembered

Precision = Literal["fp32", "bf16", "fp16"]
GAIN = 1.2
"""How much faster bf16 must be before "auto" takes its coarser arithmetic into account."""
logger = logging.getLogger(__name__)


def choose_precision(wanted: Literal["auto", "fp32", "bf16", "fp16"], model: nn.Module) -> Precision:
    """The precision to train in; "auto" is bf16 where a short trial at the model's width is `GAIN` times faster.

    The first trial's answer is remembered (`models/precision_probe.py`): two runs of one recipe and seed must not
    differ because the machine was busy when one of them began.

    Raises:
        UserError: fp16 without a GPU, where its gradients would be both slow and lost.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wanted == "fp16" and device.type == "cpu":
        raise UserError("Precision fp16 needs a GPU and none was found; use auto, bf16 or fp32.")
    if wanted != "auto":
        return wanted
    width = model_width(model)
    place = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    answers: tuple[Precision, ...] = ("fp32", "bf16")
    return remembered(["training", place, str(width)], answers, lambda: _asked(device, width))


def _asked(device: torch.device, width: int) -> Precision:
    gain = bf16_gain(device, width)
    chosen: Precision = "bf16" if gain >= GAIN else "fp32"
    logger.info("precision %s: bf16 is %.2f times as fast as fp32 here", chosen, gain)
    return chosen


def model_width(model: nn.Module) -> int:
    """The commonest input width of the model's linear maps, D."""
    widths = [module.in_features for module in model.modules() if isinstance(module, nn.Linear)]
    return max(set(widths), key=lambda width: (widths.count(width), width)) if widths else 512


def bf16_gain(device: torch.device, width: int, rows: int = 1024, rounds: int = 5) -> float:
    """How many times faster a feed-forward product of (rows, width) x (width, 4 width) is in bf16 than in fp32."""
    seconds = {kind: _fastest(device, kind, width, rows, rounds) for kind in (torch.float32, torch.bfloat16)}
    return seconds[torch.float32] / max(seconds[torch.bfloat16], 1e-9)


def _fastest(device: torch.device, kind: torch.dtype, width: int, rows: int, rounds: int) -> float:
    left = torch.ones(rows, width, device=device, dtype=kind)
    right = torch.ones(width, 4 * width, device=device, dtype=kind)
    best = float("inf")
    for attempt in range(rounds + 1):
        begun = time.perf_counter()
        product = left @ right
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        del product
        if attempt:  # the first one pays for set-up
            best = min(best, time.perf_counter() - begun)
    return best

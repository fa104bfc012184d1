"""On what a model runs, and in which precision, by the names a user gives."""

from __future__ import annotations

import torch

from anyglot.errors import UserError
from anyglot.models.precision import PRECISIONS, Precision, check_precision, multiplies_bf16, multiplies_int8
from anyglot.models.precision_probe import fastest


def choose_device(name: str | None) -> torch.device:
    """The device of this name, or the GPU if there is one.

    Raises:
        UserError: No such device.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError, TypeError, ValueError):
        here = "cpu and cuda" if torch.cuda.is_available() else "cpu"
        raise UserError(f"there is no device '{name}' here: this machine has {here}.") from None
    return device


def choose_precision(name: str, device: torch.device, width: int, feedforward_width: int, rows: int) -> Precision:
    """The precision of this name for a model of these sizes.

    "auto" is fp32, or bf16 where that is faster; on a CPU also "fast", which may choose int8 too and so change more
    translations. On a CPU both measure, once a machine and shape: see `models/precision_probe.py`.

    Args:
        width: D of the stack.
        rows: Of the output; of an encoder, which has none, its width.

    Raises:
        UserError: No such precision, or one that this machine does not have.
    """
    if name == "auto" or name == "fast":
        if device.type != "cpu":
            return "bf16" if multiplies_bf16(device) else "fp32"
        able: list[Precision] = ["fp32"]
        if multiplies_bf16(device):
            able.append("bf16")
        if name == "fast" and multiplies_int8(device):
            able.append("int8")
        return fastest(able, width, feedforward_width, rows)
    for precision in PRECISIONS:
        if precision == name:
            check_precision(precision, device)
            return precision
    raise UserError(f"there is no precision '{name}': choose one of auto, fast, {', '.join(PRECISIONS)}.")

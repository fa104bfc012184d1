"""What a run must remember to go on bit for bit: counters, optimizer, random generators; no pickle anywhere."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from anyglot.models.pretrained import run_checkpoints
from anyglot.runtime.untrusted_files import number, understood, whole_number

if TYPE_CHECKING:
    from accelerate import Accelerator


@dataclass
class Progress:
    """Where a run stands. All of it is part of a checkpoint.

    Args:
        stage: Index of the stage under way.
        stage_update: Updates done in this stage.
        update: Updates done over all stages.
        place: Where the stage's data goes on, as its stream tells it; empty at the beginning.
        skipped: Updates passed over because loss or gradient was not finite.
        skipped_in_a_row: The same, since the last update that counted.
        tokens: Target tokens seen.
        seconds: Time spent training, over all resumes.
        window: Sums since the last line of the log, under "total", "tokens", "updates", "gradient_norm", "parts.*".
        metrics: The last validation.
        best: Update -> the metric that checkpoints are ranked by.
        precision: What the start-up probe chose; None before it ran.
        processes: How many processes the run began with, which says how much data an update takes; None before that.
        looks_at_source: What was last told of the decoder (`training/loop/source_use.py`); None: nothing yet.
        looks_at_source_from: The update after which it was first seen to look at its source; None: not yet.
        finishes: What each stage ended with, where that is not its last weights (`training/loop/finishing.py`).
    """

    stage: int = 0
    stage_update: int = 0
    update: int = 0
    place: tuple[int, ...] = ()
    skipped: int = 0
    skipped_in_a_row: int = 0
    tokens: int = 0
    seconds: float = 0.0
    window: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    best: dict[str, float] = field(default_factory=dict)
    precision: Literal["fp32", "bf16", "fp16"] | None = None
    processes: int | None = None
    looks_at_source: bool | None = None
    looks_at_source_from: int | None = None
    finishes: list[dict[str, Any]] = field(default_factory=list)

    @property
    def before_stage(self) -> int:
        """Updates done over all stages when the one under way began."""
        return self.update - self.stage_update

    def document(self) -> dict[str, Any]:
        """As JSON; floats keep every bit, because Python writes them in full."""
        return dataclasses.asdict(self)

    def means(self, tokens: float) -> dict[str, float]:
        """The method's parts since the last line of the log, per token they are sums over (or per count), by name."""
        parts = [name.removeprefix("parts.") for name in self.window if name.startswith("parts.")]
        counts = {name: max(self.window.get(f"counts.{name}", tokens), 1.0) for name in parts}
        return {name: self.window[f"parts.{name}"] / count for name, count in counts.items()}

    @classmethod
    def of(cls, document: dict[str, Any]) -> Progress:
        """The inverse of `document`."""
        known = dict(document)
        # Checkpoints of earlier versions tell an epoch and a position.
        place = known.pop("place", None) or (known.pop("epoch", None), known.pop("position", None))
        return cls(**known, place=tuple(number for number in place if number is not None))

    @classmethod
    def read(cls, path: Path) -> Progress:
        """That of a checkpoint.

        Raises:
            UserError: It is damaged, or of another version.
        """
        with understood(path, "go on from another checkpoint, or start anew in another folder"):
            document = run_checkpoints.read_document(path)
            if not isinstance(document, dict) or not {"stage", "stage_update", "update"} <= document.keys():
                raise ValueError("no progress of a run")
            found = cls.of(document)
            for name in _COUNTS:
                whole_number(getattr(found, name))
            for place in found.place:
                whole_number(place)
            number(found.seconds)
            for numbers in (found.window, found.metrics, found.best):
                for value in numbers.values():
                    number(value, finite=False)
            if found.precision not in (None, "fp32", "bf16", "fp16") or not isinstance(found.finishes, list):
                raise ValueError("of another version")
            if found.processes is not None:
                whole_number(found.processes, 1)
            return found


_COUNTS = ("stage", "stage_update", "update", "skipped", "skipped_in_a_row", "tokens")


def read_generators(path: Path) -> list[dict[str, Any]]:
    """`random_state` of each process that wrote a checkpoint.

    Raises:
        UserError: It is damaged.
    """
    with understood(path):
        document = run_checkpoints.read_document(path)
        if not isinstance(document, list):
            raise ValueError("no list of generators")
        found = [dict(each) for each in document]
        for each in found:
            each["python"], each["numpy"], each["torch"], each["cuda"]
        return found


def whole(tensor: Tensor) -> Tensor:
    """The tensor in one piece on the CPU; sharded ones (FSDP2) are gathered, so every rank must call this."""
    gather = getattr(tensor, "full_tensor", None)
    return (tensor if gather is None else gather()).detach().to("cpu", copy=True)


def model_tensors(model: nn.Module, left_out: Set[str] = frozenset()) -> dict[str, Tensor]:
    """Every parameter and persistent buffer once, under its first name; a tied matrix is not written twice.

    Args:
        left_out: Names of those that are not wanted.
    """
    persistent = set(model.state_dict(keep_vars=True)) - left_out
    named = [*model.named_parameters(), *model.named_buffers()]
    return {name: whole(tensor) for name, tensor in named if name in persistent}


@torch.no_grad()
def load_model_tensors(model: nn.Module, tensors: dict[str, Tensor], left_out: Set[str] = frozenset()) -> None:
    """Put back what `model_tensors` gave; what was left out stays as it is.

    Raises:
        ValueError: Names or shapes differ.
    """
    persistent = set(model.state_dict(keep_vars=True)) - left_out
    named = {n: t for n, t in [*model.named_parameters(), *model.named_buffers()] if n in persistent}
    if set(named) != set(tensors):
        raise ValueError(f"the model and the checkpoint differ in {sorted(set(named) ^ set(tensors))[:5]}")
    for name, tensor in named.items():
        if tensor.shape != tensors[name].shape:
            raise ValueError(f"{name} is {tuple(tensors[name].shape)} in the checkpoint, {tuple(tensor.shape)} here")
        tensor.copy_(_like(tensors[name], tensor))


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's state as "PARAMETER::KEY" -> tensor."""
    return {
        f"{name}::{key}": whole(value)
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def load_optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` gave into a fresh optimizer over the same parameters."""
    parameters = dict(model.named_parameters())
    for full_name, value in tensors.items():
        name, key = full_name.rsplit("::", 1)
        parameter = parameters[name]
        # A step count is a scalar of its own, never sharded; the fused kernel wants it on the parameter's device.
        placed = value.to(parameter.device) if value.ndim == 0 else _like(value, parameter)
        optimizer.state[parameter][key] = placed


def seed(number: int) -> None:
    """Start Python's, numpy's and torch's generators from a number."""
    random.seed(number)
    np.random.seed(number % 2**32)
    torch.manual_seed(number)


def random_state() -> dict[str, Any]:
    """The state of Python's, numpy's, torch's and this process's CUDA generator."""
    version, words, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    return {
        "python": [version, list(words), gauss],
        "numpy": [kind, [int(key) for key in keys], int(position), int(has_gauss), float(cached)],
        "torch": bytes(torch.get_rng_state().tolist()).hex(),
        "cuda": bytes(torch.cuda.get_rng_state().tolist()).hex() if torch.cuda.is_available() else None,
    }


def set_random_state(state: dict[str, Any]) -> None:
    """The inverse of `random_state`."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    kind, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), position, has_gauss, cached))
    torch.set_rng_state(torch.tensor(list(bytes.fromhex(state["torch"])), dtype=torch.uint8))
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(torch.tensor(list(bytes.fromhex(state["cuda"])), dtype=torch.uint8))


def gathered_random_states(accelerator: Accelerator) -> list[dict[str, Any]]:
    """`random_state` of every rank, sent as plain bytes."""
    if accelerator.num_processes == 1:
        return [random_state()]
    mine = torch.tensor(list(json.dumps(random_state()).encode()), dtype=torch.uint8, device=accelerator.device)
    width = int(accelerator.reduce(torch.tensor([mine.numel()], device=accelerator.device), "sum").item())
    padded = torch.full((1, width), ord(" "), dtype=torch.uint8, device=accelerator.device)
    padded[0, : mine.numel()] = mine
    return [json.loads(bytes(row.tolist())) for row in accelerator.gather(padded).cpu()]


def _like(value: Tensor, pattern: Tensor) -> Tensor:
    """`value` on the device, and cut into the shards, of `pattern`."""
    placed = value.to(pattern.device)
    if not hasattr(pattern, "full_tensor"):
        return placed
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(pattern, DTensor)
    return distribute_tensor(placed, pattern.device_mesh, pattern.placements)

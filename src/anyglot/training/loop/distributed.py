"""Accelerate, DDP and FSDP2 behind four small functions; under torchrun every rank runs the same loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from anyglot.errors import UserError
from anyglot.nn.block import Block
from anyglot.training.loop.precision import Precision

if TYPE_CHECKING:
    from accelerate import Accelerator


def start_accelerator(precision: Precision, trackers: tuple[str, ...], folder: Path) -> Accelerator:
    """Find the device and the other ranks; runs may follow one another in a process, each with its precision."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    from accelerate.utils import DistributedDataParallelKwargs

    # Accelerate keeps the first run's precision for the life of the process and refuses another one.
    AcceleratorState._reset_state()
    accelerator = Accelerator(
        mixed_precision="no" if precision == "fp32" else precision,
        cpu=_on_cpu(),
        log_with=list(trackers) or None,
        project_dir=str(folder),
        # A method may leave some of its weights out of a batch's loss (VECO's objectives do).
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True, broadcast_buffers=False)],
    )
    found = {str(getattr(tracker, "value", tracker)) for tracker in accelerator.log_with}
    missing = [name for name in trackers if name not in found]
    if missing:
        raise UserError(f"Trackers {', '.join(missing)} are not installed; install them or change tracking.trackers.")
    return accelerator


def wrap(accelerator: Accelerator, objective: nn.Module, *, shard: bool) -> nn.Module:
    """The objective on the device, as DDP or FSDP2 when there are other ranks.

    FSDP2 shards every `Block` and, as the root, all the rest: the tied embedding and output matrix are one parameter
    of the root and whole during its forward.
    """
    if accelerator.num_processes == 1:  # nothing to wrap, and no seconds spent on importing what wraps
        return objective.to(accelerator.device)
    if not shard:
        wrapped: nn.Module = accelerator.prepare_model(objective)
        return wrapped
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    objective.to(accelerator.device)
    mesh = init_device_mesh(accelerator.device.type, (accelerator.num_processes,))
    for module in list(objective.modules()):
        if isinstance(module, Block):
            fully_shard(module, mesh=mesh)
    fully_shard(objective, mesh=mesh)
    return objective


def agreed_precision(choose: Callable[[], Precision]) -> Precision:
    """What the first rank chooses, told to all: timings differ between ranks, and precisions must not."""
    from accelerate import PartialState
    from accelerate.utils import broadcast

    ranks = PartialState(cpu=_on_cpu())
    names: tuple[Precision, ...] = ("fp32", "bf16", "fp16")
    if ranks.num_processes == 1:
        return choose()
    chosen = torch.tensor([names.index(choose()) if ranks.is_main_process else 0], device=ranks.device)
    return names[int(broadcast(chosen).item())]


def is_sharded(module: nn.Module) -> bool:
    """Whether the module, or any inside it, is one of FSDP2's: its parameters are spread over the ranks."""
    return any(hasattr(inside, "set_requires_gradient_sync") for inside in module.modules())


def give_back_shards(objective: nn.Module) -> None:
    """After forwards without a backward: put FSDP2's parameters back in shards, and forget those forwards.

    Whole parameters are other objects, and the optimizer's state does not belong to them. And a backward fetches what
    ran before each block in any forward since the last backward: ranks that translated on their own, one more than the
    other, would fetch different blocks and wait for each other for ever.
    """
    forget = getattr(objective, "reset_iter_state", None)
    if forget is not None:
        forget()


@contextmanager
def gathered(module: nn.Module) -> Iterator[None]:
    """Inside, a sharded module is whole on every rank, so that ranks may run parts of it on their own.

    Takes the memory of all weights for that time. Every rank must enter together; nothing for other modules.
    """
    # FSDP2 gives the modules it shards these methods by changing their class, which types do not tell.
    sharded: list[Any] = [inside for inside in module.modules() if hasattr(inside, "set_reshard_after_forward")]
    for inside in sharded:
        inside.set_reshard_after_forward(False, recurse=False)  # or a block's first forward would take it apart again
        inside.unshard()
    try:
        yield
    finally:
        for inside in sharded:
            inside.set_reshard_after_forward(inside is not module, recurse=False)  # FSDP2's default: all but the root
            inside.reshard()


@contextmanager
def gradients_kept_local(objective: nn.Module, local: bool) -> Iterator[None]:
    """While `local`, backward passes add up on this rank and are not exchanged."""
    if local and isinstance(objective, DistributedDataParallel):
        with objective.no_sync():
            yield
    elif local and is_sharded(objective):
        set_synchronised = cast("Callable[[bool], None]", objective.set_requires_gradient_sync)
        set_synchronised(False)
        try:
            yield
        finally:
            set_synchronised(True)
    else:
        yield


def shared_accumulation(accumulation: int, began: int, now: int) -> int:
    """Micro-batches each of `now` ranks takes, so that an update's data stay what they were with `began` ranks.

    The order of data counts micro-batches of all ranks, so a run may go on with another number of processes and meet
    the very same updates, as long as the micro-batches of one can be shared out evenly.

    Raises:
        UserError: They cannot.
    """
    together = accumulation * began
    if together % now:
        raise UserError(
            f"This run began on {began} processes and an update takes {together} micro-batches, which {now} processes "
            f"cannot share evenly; start {', '.join(str(n) for n in range(1, together + 1) if together % n == 0)}."
        )
    return together // now


@contextmanager
def other_processes_watched(accelerator: Accelerator, checkpoints: Path) -> Iterator[None]:
    """Turn the loss of another rank into a sentence: every exchange with it fails, and no state of it can be saved.

    Raises:
        UserError: Another process died or can no longer be reached.
    """
    try:
        yield
    except RuntimeError as error:
        if accelerator.num_processes == 1 or not _is_lost_contact(error):
            raise
        raise UserError(
            f"Another process of this run died or cannot be reached any more (noticed by process "
            f"{accelerator.process_index}); nothing was written since the last checkpoint in {checkpoints}. "
            "Look at that process's last words, then start all processes again with `resume=True`."
        ) from error


def _is_lost_contact(error: RuntimeError) -> bool:
    told = str(error).lower()
    return isinstance(error, torch.distributed.DistError) or "gloo" in told or "connection closed by peer" in told


def summed(accelerator: Accelerator, values: Tensor) -> Tensor:
    """The sum over ranks."""
    if accelerator.num_processes == 1:
        return values
    result: Tensor = accelerator.reduce(values, reduction="sum")
    return result


def _on_cpu() -> bool:
    return not (torch.cuda.is_available() or torch.backends.mps.is_available())


@contextmanager
def first_process_first() -> Iterator[bool]:
    """The body runs on the first rank, and then, with caches filled, on the others; gives whether this is the first."""
    from accelerate import PartialState

    ranks = PartialState(cpu=_on_cpu())
    with ranks.main_process_first():
        yield ranks.is_main_process


def is_first_process() -> bool:
    """Whether this is the first rank; True where there are no others."""
    from accelerate import PartialState

    first: bool = PartialState(cpu=_on_cpu()).is_main_process
    return first

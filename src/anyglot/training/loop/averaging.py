"""The mean of several checkpoints' weights: fewer accidents of the last steps than any one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyglot.errors import UserError
from anyglot.models.pretrained.run_checkpoints import (
    DamagedCheckpoint,
    best_of,
    checkpoint_folders,
    read_manifest,
    verify,
)
from anyglot.runtime.untrusted_files import check_regular

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = "model.safetensors"


def choose_last(root: Path, count: int) -> list[Path]:
    """The newest `count` checkpoints of a run, oldest first, each verified.

    Raises:
        UserError: There are fewer, or one is damaged.
    """
    return _verified(checkpoint_folders(root)[-count:], count, root)


def choose_best(root: Path, count: int, *, highest: bool) -> list[Path]:
    """The `count` best checkpoints of a run by validation, best first, each verified.

    Args:
        highest: Whether a high metric is good (BLEU, chrF) or a low one (loss).

    Raises:
        UserError: There are fewer that were validated when they were saved, or one is damaged.
    """
    folders = checkpoint_folders(root)
    scores: dict[str, float] = {}
    if folders:
        _verified(folders[-1:], 1, root)  # before it is asked
        scores = best_of(folders[-1])
    ranked = sorted(
        (folder for folder in folders if folder.name[5:] in scores),
        key=lambda folder: -scores[folder.name[5:]] if highest else scores[folder.name[5:]],
    )
    return _verified(ranked[:count], count, root)


def choose_steps(root: Path, steps: Sequence[int]) -> list[Path]:
    """The checkpoints saved after these updates, in their order, each verified.

    Raises:
        UserError: One is not there, or damaged.
    """
    folders = {int(folder.name[5:]): folder for folder in checkpoint_folders(root)}
    missing = [step for step in steps if step not in folders]
    if missing:
        held = ", ".join(map(str, folders)) or "none"
        raise UserError(f"{root} has no checkpoint of update {missing[0]}; it holds {held}.")
    return _verified([folders[step] for step in steps], len(steps), root)


def average(folders: Sequence[Path], held: Mapping[str, Tensor] | None = None) -> Iterator[tuple[str, Tensor]]:
    """Name and mean of every tensor, one at a time, so that memory holds one tensor of each checkpoint at most.

    Sums are in float64: the mean of equal weights is those weights, and the order does not matter at float32.
    Integers must agree in all checkpoints.

    Args:
        held: The tensors of one more, which is in memory.

    Raises:
        UserError: The checkpoints do not hold the same tensors.
    """
    import torch

    with ExitStack() as stack:
        files = [_opened(folder / WEIGHTS, stack) for folder in folders]
        names = sorted(files[0].keys())
        for folder, file in zip(folders, files, strict=True):
            if sorted(file.keys()) != names:
                differing = sorted(set(names) ^ set(file.keys()))[:3]
                raise UserError(f"{folder} holds other weights than {folders[0]} ({', '.join(differing)}).")
        if held is not None and sorted(held) != names:
            raise UserError(f"{folders[0]} holds other weights than the model has now.")
        for name in names:
            first: Tensor = files[0].get_tensor(name)
            if not first.is_floating_point():
                yield name, first
                continue
            total = torch.zeros(first.shape, dtype=torch.float64)
            for folder, file in zip(folders, files, strict=True):
                tensor: Tensor = file.get_tensor(name)
                if tensor.shape != first.shape:
                    raise UserError(f"{folder}: {name} has another shape than in {folders[0]}.")
                total += tensor.double()
            if held is not None:
                total += held[name].double()
            yield name, (total / (len(files) + (held is not None))).to(first.dtype)


def _opened(path: Path, stack: ExitStack) -> Any:
    from safetensors import SafetensorError, safe_open

    try:
        check_regular(path)
        return stack.enter_context(safe_open(str(path), framework="pt"))
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} is damaged or not safetensors ({error}); average other checkpoints.") from None


def _verified(folders: list[Path], count: int, root: Path) -> list[Path]:
    if len(folders) < count:
        raise UserError(
            f"{root} has {len(folders)} to choose from, but {count} checkpoints are asked for; "
            "ask for fewer, or keep more with checkpoints.keep_last and checkpoints.keep_best."
        )
    for folder in folders:
        try:
            verify(folder)
        except DamagedCheckpoint as damage:
            raise UserError(f"{folder} is damaged and cannot be averaged: {damage}.") from None
    return folders


def metric_of(run: Path) -> str:
    """What a run ranks its checkpoints by, as its checkpoints say."""
    folders = checkpoint_folders(run)
    if not folders:
        raise UserError(f"{run} holds no checkpoints; name the folder of a run.")
    try:
        metric = read_manifest(folders[-1]).metric
    except DamagedCheckpoint as damage:
        raise UserError(f"{folders[-1]} is damaged and cannot be averaged: {damage}.") from None
    return metric

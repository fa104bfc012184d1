"""Which weights may move in a stage: patterns over parameter names, applied and checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from anyglot.errors import UserError

if TYPE_CHECKING:
    from torch import nn

    from anyglot.training.methods.base import Stage


def enter_stage(model: nn.Module, stage: Stage) -> None:
    """Apply the stage's edits, freeze what it does not train and set eval mode where it asks for that.

    A parameter used in two places (a tied output matrix) has one name here, the first `named_parameters` gives.

    Raises:
        UserError: A pattern of the stage matches nothing.
    """
    for edit in stage.edits:
        edit.apply(model)
    freeze(model, stage)
    set_modes(model, stage)


def freeze(model: nn.Module, stage: Stage) -> None:
    """Let exactly the parameters named by `stage.trains` move; drop the gradients of all others."""
    names = [name for name, _ in model.named_parameters()]
    _refuse_idle_patterns(stage.trains, names, f"stage {stage.name} trains", "parameter")
    for name, parameter in model.named_parameters():
        moves = _matches(name, stage.trains)
        parameter.requires_grad_(moves)
        if not moves:
            parameter.grad = None


def set_modes(model: nn.Module, stage: Stage) -> None:
    """Put the model in training mode, except the modules the stage only evaluates (no dropout there)."""
    modules = dict(model.named_modules())
    _refuse_idle_patterns(stage.evaluates, list(modules), f"stage {stage.name} evaluates", "module")
    model.train()
    for name, module in modules.items():
        if _matches(name, stage.evaluates):
            module.eval()


def trained_names(names: Iterable[str], stage: Stage) -> Iterator[str]:
    """Those of the parameter names that the stage trains."""
    return (name for name in names if _matches(name, stage.trains))


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _refuse_idle_patterns(patterns: Iterable[str], names: list[str], who: str, what: str) -> None:
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            examples = ", ".join(name for name in names[:3] if name)
            raise UserError(f"{who} '{pattern}', but no {what} has such a name; names look like {examples}.")

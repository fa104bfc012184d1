"""What a method is: how a model is built, which weights move when, and what is minimised.

The loop in `training` is the same for every method; they differ in `stages()` and `losses()` only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

from pydantic import BaseModel
from torch import Tensor, nn

from anyglot.errors import UserError
from anyglot.nn.residual import Residual

Kind = Literal["translation", "denoising", "masked", "text", "segments"]
"""What a method learns from: sentence pairs, text damaged and whole, with holes, as it is, or segments with holes."""


@dataclass(frozen=True)
class DropSkip:
    """Remove the skip connection around one sub-module (SixT+ section 2.2, positional disentangling)."""

    path: str

    def apply(self, model: nn.Module) -> None:
        """Switch the skip off; the sub-module, its norm and its dropout stay."""
        residual = model.get_submodule(self.path)
        if not isinstance(residual, Residual):
            raise UserError(f"{self.path} is a {type(residual).__name__}, not a residual connection to edit.")
        residual.skip = False

    def __str__(self) -> str:
        return f"drop the skip around {self.path}"


@dataclass(frozen=True)
class Stage:
    """One stage of the training: everything not named by `trains` is frozen.

    Args:
        name: The key under `stages:` in a recipe.
        trains: Patterns (as in fnmatch) over the model's parameter names.
        edits: Changes to the model before the stage; they stay.
        evaluates: Patterns over module names kept in eval mode (without dropout) during the stage.
        passes: How often the model reads as many tokens as the larger side of a batch has, with a gradient; only the
            estimate of memory asks.
    """

    name: str
    trains: tuple[str, ...]
    edits: tuple[DropSkip, ...] = ()
    evaluates: tuple[str, ...] = ()
    passes: int = 1


@dataclass(frozen=True)
class Losses:
    """A batch's loss as a sum over its target tokens, so that accumulation and ranks add up exactly.

    Args:
        total: What is minimised: a scalar, the sum over target tokens.
        tokens: How many target tokens that is.
        parts: Sums to be logged, e.g. the likelihood without label smoothing.
        counts: For parts that are not sums over all target tokens: over how many, scalar tensors.
        sentences: Of methods that read a source: the likelihood of each sentence by itself, without gradient, as the
            part "nll" sums them up; inf for a target that cannot be written. None: not told.

    Shape:
        sentences: (B,)
    """

    total: Tensor
    tokens: int
    parts: dict[str, Tensor] = field(default_factory=dict)
    counts: dict[str, Tensor] = field(default_factory=dict)
    sentences: Tensor | None = None


class Learner(Protocol):
    """What the loop trains: how a model is built, which weights move when, and what is minimised."""

    name: ClassVar[str]

    def build(self, tokenizer: Any, seed: int) -> nn.Module:
        """Make the model in its state before the first stage."""
        ...

    def stages(self) -> list[Stage]:
        """The stages in order."""
        ...

    def losses(self, model: nn.Module, batch: Any) -> Losses:
        """What is minimised on a batch."""
        ...


class Method(Learner, Protocol):
    """A way to train a model, made from its options in a recipe."""

    Options: ClassVar[type[BaseModel]]
    kind: ClassVar[Kind]

    def __init__(self, options: Any) -> None: ...

    def provenance(self) -> dict[str, str]:
        """Parameter-name pattern -> where its first values come from; the first match counts."""
        ...

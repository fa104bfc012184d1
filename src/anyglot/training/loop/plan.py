"""All that a run is made of, as the loop receives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from anyglot.errors import UserError
from anyglot.models.build import Model
from anyglot.models.encoder import Encoder
from anyglot.models.padding import pad_with
from anyglot.models.restrict import restrict_output
from anyglot.nn.embeddings import LearnedPositions
from anyglot.training.loop.freezing import trained_names
from anyglot.training.loop.optim import rate_factors
from anyglot.training.loop.options import (
    CheckpointOptions,
    RuntimeOptions,
    StageOptions,
    TrackingOptions,
    ValidationOptions,
)
from anyglot.training.loop.stream import Streams

if TYPE_CHECKING:
    from accelerate import Accelerator
    from torch import Tensor, nn

    from anyglot.training.methods.base import Learner, Stage


class Validator(Protocol):
    """Judges the model between updates."""

    def measure(self, accelerator: Accelerator, objective: nn.Module, model: nn.Module) -> dict[str, float]:
        """Numbers by name, among them the metric that checkpoints are ranked by; the same on every rank.

        Both modules are in eval mode and gradients are off; `objective` is wrapped, `model` is the one inside.
        """
        ...


@dataclass(frozen=True)
class OutputRows:
    """The tokens a model may write.

    Args:
        ids: Rows of the output table, ascending.
        unknown: The one that stands for all others as a target; None: no target lies outside.
        fingerprint: Hash of the choice.

    Shape:
        ids: (C,) int64
    """

    ids: Tensor
    unknown: int | None
    fingerprint: str


@dataclass(frozen=True)
class Longest:
    """The longest sequences the streams may hold.

    Args:
        key: Where the recipe says how long a side may be.
        side: Tokens of it, special ones included.
        joined: Two sides are read as one sequence too, `<s> x </s> y </s>`.
    """

    key: str
    side: int
    joined: bool = False

    @property
    def tokens(self) -> int:
        """Of the sequence; joined, one of the two `<s>` is left out."""
        return 2 * self.side - 1 if self.joined else self.side


@dataclass(frozen=True)
class Plan:
    """All that a run is made of.

    Args:
        folder: Where checkpoints and metrics go.
        stages: Options by the name of the method's stage.
        identity: What may not change when the run is resumed, by name.
        defaults: Names of the identity whose value is the default.
        validator: None: no validation.
        longest: The longest sequences of each kind that the streams may hold; empty: not known.
        output_rows: What the output is restricted to; None: the full table.
        quiet: Nothing on stderr.
    """

    method: Learner
    tokenizer: Any
    streams: Streams
    folder: Path
    stages: Mapping[str, StageOptions]
    seed: int = 1
    identity: Mapping[str, str] = field(default_factory=dict)
    defaults: frozenset[str] = frozenset()
    validator: Validator | None = None
    validation: ValidationOptions = field(default_factory=ValidationOptions)
    checkpoints: CheckpointOptions = field(default_factory=CheckpointOptions)
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)
    tracking: TrackingOptions = field(default_factory=TrackingOptions)
    longest: tuple[Longest, ...] = ()
    output_rows: OutputRows | None = None
    quiet: bool = False

    def build(self) -> nn.Module:
        """The method's model before the first stage, its output restricted if that is planned."""
        model = self.method.build(self.tokenizer, self.seed)
        if self.tokenizer is not None:
            pad_with(model, self.tokenizer.pad_id)
        if self.output_rows is not None:
            assert isinstance(model, Model) and not isinstance(model, Encoder)
            wanted = self.output_rows
            restrict_output(model, wanted.ids, "the recipe's vocabulary", unknown=wanted.unknown)
        return model

    def check_lengths(self, model: nn.Module) -> None:
        """The model has a position for every token of the longest sequence.

        Raises:
            UserError: Says how long sides may be.
        """
        limits = [part.limit for part in model.modules() if isinstance(part, LearnedPositions)]
        for longest in self.longest if limits else ():
            if longest.tokens <= min(limits):
                continue
            told, most = f"{longest.key} is {longest.side}", min(limits)
            if longest.joined:
                told += f" and translation language modelling joins both sides of a pair to {longest.tokens} tokens"
                most = (min(limits) + 1) // 2
            raise UserError(
                f"{told}, but the model has {min(limits)} positions. Set {longest.key}={most} or less, or build the "
                "model with more positions."
            )

    def check_stages(self) -> None:
        """Every stage of the method has options, and no options are for a stage it does not have.

        Raises:
            UserError: Names the stages that are missing or unknown.
        """
        known = [stage.name for stage in self.method.stages()]
        missing = [name for name in known if name not in self.stages]
        unknown = [name for name in self.stages if name not in known]
        if missing or unknown:
            told = [f"{', '.join(missing)} missing"] if missing else []
            told += [f"{', '.join(unknown)} unknown"] if unknown else []
            raise UserError(
                f"The recipe's stages do not fit method {self.method.name}: {'; '.join(told)}. "
                f"It has the stages {', '.join(known)}."
            )

    def check_rates(self, model: nn.Module, stages: Sequence[Stage]) -> None:
        """Every factor on a learning rate is that of a parameter its stage trains.

        Raises:
            UserError: Names the pattern that fits none.
        """
        names = [name for name, _ in model.named_parameters()]
        for stage in stages:
            rate_factors(trained_names(names, stage), self.stages[stage.name].rates)

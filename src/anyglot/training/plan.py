"""All that a run is made of, as the loop receives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from anyglot.errors import UserError
from anyglot.layers.embeddings import LearnedPositions
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.restrict import restrict_output
from anyglot.training.options import (
    CheckpointOptions,
    RuntimeOptions,
    StageOptions,
    TrackingOptions,
    ValidationOptions,
)
from anyglot.training.stream import Streams

if TYPE_CHECKING:
    from accelerate import Accelerator
    from torch import Tensor, nn

    from anyglot.methods.base import Method


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
class Plan:
    """All that a run is made of.

    Args:
        folder: Where checkpoints and metrics go.
        stages: Options by the name of the method's stage.
        identity: What may not change when the run is resumed, by name.
        validator: None: no validation.
        longest: Tokens of the longest sentence the streams may hold; None: not known.
        output_rows: What the output is restricted to; None: the full table.
        quiet: Nothing on stderr.
    """

    method: Method
    tokenizer: Any
    streams: Streams
    folder: Path
    stages: Mapping[str, StageOptions]
    seed: int = 1
    identity: Mapping[str, str] = field(default_factory=dict)
    validator: Validator | None = None
    validation: ValidationOptions = field(default_factory=ValidationOptions)
    checkpoints: CheckpointOptions = field(default_factory=CheckpointOptions)
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)
    tracking: TrackingOptions = field(default_factory=TrackingOptions)
    longest: int | None = None
    output_rows: OutputRows | None = None
    quiet: bool = False

    def build(self) -> nn.Module:
        """The method's model before the first stage, its output restricted if that is planned."""
        model = self.method.build(self.tokenizer, self.seed)
        if self.output_rows is not None:
            assert isinstance(model, EncoderDecoder)
            wanted = self.output_rows
            restrict_output(model, wanted.ids, "the recipe's vocabulary", unknown=wanted.unknown)
        return model

    def check_lengths(self, model: nn.Module) -> None:
        """The model has a position for every token of the longest sentence.

        Raises:
            UserError: Says how long sentences may be.
        """
        limits = [part.limit for part in model.modules() if isinstance(part, LearnedPositions)]
        if self.longest is not None and limits and self.longest > min(limits):
            raise UserError(
                f"data.max_length is {self.longest}, but the model has {min(limits)} positions. "
                f"Set data.max_length={min(limits)} or less, or build the model with more positions."
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

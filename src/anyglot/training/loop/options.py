"""What a recipe may say about training; read here and nowhere below.

Every model is frozen and refuses unknown keys, so a misspelt option is an error and not a default.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from anyglot.runtime.untrusted_files import written_number

BEST, LAST, AVERAGE = "best", "last", "average:"  # how a stage may finish


class Options(BaseModel):
    """The ground of all options: frozen, closed, no silent conversion of infinities."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class EncoderCacheOptions(Options):
    """Where the states of a frozen encoder are kept, and how."""

    folder: Path | None = Field(default=None, description="None: encoder-states in the user's cache folder.")
    storage: Literal["bf16", "fp32"] = Field(default="bf16", description="fp32 keeps every digit, in twice the room.")


def _cache(value: Any) -> Any:
    if isinstance(value, bool):
        return {} if value else None
    return {"folder": value} if isinstance(value, str) else value


class StageOptions(Options):
    """How one stage of a method is optimised."""

    updates: int = Field(ge=0, description="Optimizer steps; 0 passes the stage over.")
    learning_rate: float = Field(gt=0, description="The peak, reached when warm-up ends.")
    schedule: Literal["inverse_sqrt", "linear", "polynomial", "constant"] = "inverse_sqrt"
    warmup_updates: int = Field(default=0, ge=0, description="Steps of linear rise from initial_learning_rate.")
    initial_learning_rate: float = Field(default=0.0, ge=0, description="Where warm-up starts.")
    final_learning_rate: float = Field(default=0.0, ge=0, description="Where linear and polynomial decay end.")
    power: float = Field(default=1.0, gt=0, description="Exponent of the polynomial schedule.")
    batch_tokens: int | None = Field(default=None, gt=0, description="Replaces data.batch_tokens in this stage.")
    accumulation: int = Field(default=1, ge=1, description="Micro-batches per update and process.")
    clip_norm: float | None = Field(default=None, gt=0, description="Largest norm of the gradient; none: no clipping.")
    optimizer: Literal["adam", "adamw"] = "adam"
    weight_decay: float = Field(default=0.0, ge=0, description="L2 for adam, decoupled for adamw.")
    betas: tuple[float, float] = (0.9, 0.98)
    epsilon: float = Field(default=1e-8, gt=0)
    rates: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default={}, description="Factors on the learning rate by pattern of parameter names; the first that fits."
    )
    encoder_cache: Annotated[EncoderCacheOptions | None, BeforeValidator(_cache)] = Field(
        default=None, description="Keep a frozen encoder's states on disk: true, a folder, or {folder, storage}."
    )

    @model_validator(mode="after")
    def _sensible(self) -> StageOptions:
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas must lie in [0, 1), found {list(self.betas)}")
        if self.initial_learning_rate > 0 and self.warmup_updates == 0:
            raise ValueError("initial_learning_rate has no effect without warmup_updates")
        return self


class CheckpointOptions(Options):
    """When training is saved and what is kept."""

    every: int = Field(default=1000, ge=1, description="Updates between checkpoints.")
    keep_last: int = Field(default=2, ge=1, description="Newest checkpoints kept.")
    keep_best: int = Field(default=1, ge=0, description="Best checkpoints kept beside the newest.")
    finish: str = Field(
        default="last",
        description="What every stage ends with: last, best (by validation.metric), or average:N, the mean of the last "
        "N checkpoints of the stage.",
    )

    @property
    def averaged(self) -> int:
        """The N of `finish: average:N`; 0 for the other choices."""
        return int(self.finish.removeprefix(AVERAGE)) if self.finish.startswith(AVERAGE) else 0

    @model_validator(mode="after")
    def _finishes(self) -> CheckpointOptions:
        count = self.finish.removeprefix(AVERAGE)
        averages = self.finish.startswith(AVERAGE) and count.isascii() and (written_number(count) or 0) >= 2
        if self.finish not in (BEST, LAST) and not averages:
            raise ValueError(f"finish is best, last or average:N with an N of 2 or more, found {self.finish!r}")
        if self.finish == BEST and self.keep_best == 0:
            raise ValueError("finish best needs the best checkpoint on disk: set keep_best to 1 or more")
        return self


class ValidationOptions(Options):
    """How often and by what a run is judged while it trains."""

    every: int = Field(default=1000, ge=1, description="Updates between validations.")
    metric: Literal["loss", "bleu", "chrf", "score"] = Field(
        default="loss", description="What `best` means; score is that of an understanding task."
    )
    max_batches: int | None = Field(default=None, ge=1, description="Batches of each set used for the loss; none: all.")
    shuffled_sources: bool = Field(
        default=True, description="Tell also the loss with other sentences' sources, by one batch in four."
    )
    sentences: int = Field(default=0, ge=0, description="Sentences translated per set; 0: no BLEU or chrF.")
    beams: int = Field(default=1, ge=1, description="Beams of these translations.")

    @model_validator(mode="after")
    def _measurable(self) -> ValidationOptions:
        if self.metric in ("bleu", "chrf") and self.sentences == 0:
            raise ValueError(f"metric {self.metric} needs validation.sentences > 0")
        return self


class RuntimeOptions(Options):
    """What the machine does, as far as it can change the result."""

    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    shard: bool = Field(default=False, description="Under torchrun: FSDP2 in place of DDP.")
    max_skipped: int = Field(default=10, ge=1, description="Non-finite updates in a row after which training stops.")


class TrackingOptions(Options):
    """Where the numbers go; metrics.jsonl is always written."""

    log_every: int = Field(default=100, ge=1, description="Updates between lines of metrics.jsonl.")
    trackers: tuple[Literal["tensorboard", "wandb", "mlflow", "comet_ml", "aim", "clearml"], ...] = ()

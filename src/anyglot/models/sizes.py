"""Sizes of the parts that models are made of: frozen, closed key lists, checked ranges."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Probability = Annotated[float, Field(ge=0.0, lt=1.0)]
Size = Annotated[int, Field(ge=1, le=10_000_000)]
Activation = Literal["gelu", "gelu_tanh", "relu", "silu"]
Scale = Literal["none", "sqrt"] | Annotated[float, Field(gt=0.0, le=1000.0, allow_inf_nan=False)]


class Frozen(BaseModel):
    """Immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class EmbeddingsConfig(Frozen):
    """What stands in front of a stack.

    Args:
        positions: A trained table; fairseq's waves; or the waves of Vaswani et al., as Marian has them.
        position_rows: Rows of a learned table, the offset's included; ignored by the waves.
        position_offset: Row of the first position: 2 for RoBERTa, XLM-R, mBART and M2M-100, 0 for BERT and Marian.
        segments: Rows of BERT's token-type table; 0 for none.
        scale: Factor on token vectors; "sqrt" is the square root of the width, "none" is 1.
    """

    vocabulary_size: Size
    width: Size
    positions: Literal["learned", "sinusoidal", "vaswani"]
    position_rows: int = Field(default=514, ge=1, le=10_000_000)
    position_offset: int = Field(default=2, ge=0, le=16)
    segments: int = Field(default=0, ge=0, le=64)
    norm: bool
    scale: Scale = "none"
    epsilon: float = Field(default=1e-5, gt=0, lt=1)
    dropout: Probability = 0.1


class StackConfig(Frozen):
    """A stack of blocks."""

    layers: int = Field(ge=1, le=1000)
    width: Size
    heads: int = Field(ge=1, le=1024)
    feedforward_width: Size
    activation: Activation = "gelu"
    norm_first: bool
    cross_attention: bool = False
    epsilon: float = Field(default=1e-5, gt=0, lt=1)
    dropout: Probability = 0.1
    attention_dropout: Probability = 0.0
    activation_dropout: Probability = 0.0

    @model_validator(mode="after")
    def _heads_divide_width(self) -> StackConfig:
        if self.width % self.heads:
            raise ValueError(f"{self.heads} heads do not divide a width of {self.width}")
        return self

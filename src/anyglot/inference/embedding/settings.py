"""What decides a sentence's vector besides the model: layer, pooling, length; and the conventions of papers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from anyglot.errors import UserError
from anyglot.runtime.arguments import is_whole, text, truth, whole

Pooling = Literal["mean", "mean_words", "first"]
POOLINGS: tuple[Pooling, ...] = get_args(Pooling)
LONGEST = 10_000_000
"""The highest number of tokens or of a layer that is taken for one."""
Layer = int | Literal["middle", "embeddings"]


@dataclass(frozen=True)
class EmbeddingSettings:
    """How a sentence becomes a vector.

    Attributes:
        layer: k is the output of block k, counted from 0, or from the end with -1 as the last. "middle" is block L // 2
            of L; "embeddings" is what enters the stack.
        pooling: "mean" of all tokens, `<s>` and `</s>` included (XTREME's and VECO's code); "mean_words" without them
            and without language tokens; "first", the state of the first token (CLS).
        normalize: Whether vectors get length 1.
        max_length: Most tokens of a sentence, special ones included; the rest is cut off, and counted.
        language: Of the texts; only checkpoints whose encoder is told it need it (mBART, M2M-100, NLLB).
        batch_tokens: Tokens that go through the model at a time; None: as many as are fast on the device. Speed and
            memory depend on it, vectors do not.
    """

    layer: Layer = -1
    pooling: Pooling = "mean"
    normalize: bool = False
    max_length: int = 512
    language: str | None = None
    batch_tokens: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no encoder can do.

        Raises:
            UserError: An unknown pooling, a limit without room for a word, or a value of another type.
        """
        if self.pooling not in POOLINGS:
            raise UserError(f"there is no pooling '{self.pooling}': choose one of {', '.join(POOLINGS)}.")
        if whole("max-length", self.max_length, 0, LONGEST) < 4:
            raise UserError(f"`max_length={self.max_length}` leaves no room for words: take at least 4.")
        if self.batch_tokens is not None and whole("batch-tokens", self.batch_tokens, 0, LONGEST) < 1:
            raise UserError(f"`batch_tokens` must be positive, not {self.batch_tokens}.")
        truth("normalize", self.normalize)
        if self.language is not None:
            text("language", self.language)
        if not isinstance(self.layer, str):
            whole("layer", self.layer, -LONGEST, LONGEST)


def depth_of(layer: Layer, layers: int) -> int:
    """How many blocks are run for a layer's states, of an encoder with so many; 0 for the embeddings.

    Raises:
        UserError: There is no such layer.
    """
    if layer == "embeddings":
        return 0
    if layer == "middle":
        return layers // 2 + 1
    if not is_whole(layer) or not -layers <= layer < layers:
        raise UserError(
            f"there is no layer {layer}: this encoder has {layers} layers, 0 to {layers - 1} (or -{layers} to -1, "
            "middle, embeddings)."
        )
    return int(layer) % layers + 1


@dataclass(frozen=True)
class Preset:
    """A published convention.

    Attributes:
        layer: Counted from 0, of an encoder of `layers` layers.
        source: Where it comes from.
    """

    layer: int
    layers: int
    pooling: Pooling
    max_length: int
    source: str

    def layer_for(self, layers: int, name: str) -> int:
        """The preset's layer in an encoder of its own depth.

        Raises:
            UserError: The encoder has another depth, in which the convention names no layer.
        """
        if layers != self.layers:
            raise UserError(
                f"{name} means layer {self.layer} of {self.layers}, and this encoder has {layers} layers: name the "
                f"layer with `layer` ('scaled' takes the one at the same depth, here {self.scaled(layers)})."
            )
        return self.layer

    def scaled(self, layers: int) -> int:
        """The layer at the same share of another encoder's depth, rounded to the nearest, halves downward."""
        return max(0, -(-(2 * (self.layer + 1) * layers - self.layers) // (2 * self.layers)) - 1)


PRESETS: dict[str, Preset] = {
    "xtreme-tatoeba": Preset(13, 24, "mean", 512, "XTREME's code for Tatoeba: index 13 of the 24 states behind blocks"),
    # Its layer count was left at 12, so the 7 it names is one of the last 12 states; and it passes CLS, not the mean.
    "xtreme-bucc": Preset(19, 24, "first", 512, "XTREME's code for BUCC: index 7 of the last 12 states, CLS"),
    "veco": Preset(18, 24, "mean", 512, "VECO's code for Tatoeba: index 18 of the 24 states behind blocks"),
    "jiant": Preset(13, 24, "mean", 256, "jiant's code, used by SixT+: hidden_states[14], the embeddings being [0]"),
}


def preset_of(name: str) -> Preset:
    """The preset of this name.

    Raises:
        UserError: There is none.
    """
    if name not in PRESETS:
        raise UserError(f"there is no preset '{name}': choose one of {', '.join(PRESETS)}.")
    return PRESETS[name]

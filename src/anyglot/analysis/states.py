"""A model's states for a parallel sample: one vector a sentence, at the embeddings and behind every block.

Ji et al. (2024) section 3.2 names neither pooling nor layers (method card 4.4). Here a sentence's vector is the mean of
all its tokens' states, special ones included, unless another pooling is asked for; "embeddings" is what enters the
first block, and layer k the output of block k, counted from 0; the last one behind the stack's final norm if any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from anyglot.analysis.samples import ParallelSample
from anyglot.errors import UserError
from anyglot.inference.embedding import Embedder, EmbeddingSettings
from anyglot.inference.embedding.settings import Layer

EMBEDDINGS = "embeddings"
Say = Callable[[str], None]


@dataclass(frozen=True)
class LayerStates:
    """One model's states.

    Attributes:
        label: What tables call the model.
        layers: "embeddings", "0", "1", ...
        states: Canonical code -> (layers, N, D) float32.
        missing: Languages the model could not read, and why.
        cut: Sentences that were cut off.
        pooling: How a sentence's vector was made.
        precision: What the model computed in.
    """

    label: str
    layers: tuple[str, ...]
    states: Mapping[str, NDArray[np.float32]]
    missing: Mapping[str, str] = field(default_factory=dict)
    cut: int = 0
    pooling: str = "mean"
    precision: str = "fp32"

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes of the languages that were read."""
        return tuple(self.states)

    @property
    def sentences(self) -> int:
        """N."""
        return int(next(iter(self.states.values())).shape[1])

    @property
    def width(self) -> int:
        """D."""
        return int(next(iter(self.states.values())).shape[2])


def layer_names(blocks: int) -> tuple[str, ...]:
    """Names of the embeddings and of every block's output."""
    return (EMBEDDINGS, *(str(layer) for layer in range(blocks)))


def pooled_states(
    embedder: Embedder,
    sample: ParallelSample,
    label: str,
    settings: EmbeddingSettings | None = None,
    say: Say = lambda line: None,
) -> LayerStates:
    """Embed a sample at every layer, language by language.

    A language that the model has no token for is named and left out.

    Raises:
        UserError: The model can read none of the languages.
    """
    settings = settings or EmbeddingSettings()
    cut, states, missing = embedder.counts.cut, {}, dict[str, str]()
    for code, texts in sample.texts.items():
        try:
            embedder.framing.frame(code)
        except UserError as error:
            missing[code] = str(error)
            say(f"{label}: {code} is left out: {error}")
            continue
        states[code] = embedder.embed_layers(texts, _layers(embedder), replace(settings, language=code))
        say(f"{label}: {code}, {len(texts):,} sentences")
    if not states:
        raise UserError(f"{label} can read none of {', '.join(sample.languages)}; choose other languages")
    return LayerStates(
        label,
        layer_names(embedder.layers),
        states,
        missing,
        embedder.counts.cut - cut,
        settings.pooling,
        embedder.precision,
    )


def state_batches(
    embedder: Embedder, texts: tuple[str, ...], language: str, settings: EmbeddingSettings, batch: int
) -> Iterator[NDArray[np.float32]]:
    """The same for one language, (layers, n, D) at a time: memory does not grow with the texts.

    A last batch of fewer than `batch` sentences is left out: it would weigh as much as a full one.
    """
    for start in range(0, len(texts) - batch + 1, batch):
        yield embedder.embed_layers(
            texts[start : start + batch], _layers(embedder), replace(settings, language=language)
        )


def _layers(embedder: Embedder) -> list[Layer]:
    return ["embeddings", *range(embedder.layers)]


def same_depth(layers: int, other: int) -> tuple[int, ...]:
    """For each layer of a model the one at the same share of another's depth; the embeddings stay the embeddings.

    Args:
        layers: Blocks of the model.
        other: Blocks of the other.

    Returns:
        Indices into `layer_names(other)`, one for each of `layer_names(layers)`.
    """
    return (0, *(max(1, round((layer + 1) * other / layers)) for layer in range(layers)))

"""Systems whose vectors are known: every text is given its own."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from anyglot.evaluation.retrieval.system import System


def system(vectors: Mapping[str, Sequence[NDArray[np.float32]]], depth: int = 1, read: frozenset[str] | None = None,
           label: str = "toy", at_once: int = 3) -> System:  # fmt: skip
    """A system that looks its texts up: `vectors[text][layer]`; a few texts at a time, as a model would."""

    def stream(texts: Sequence[str], layers: Sequence[int], language: str) -> Iterator[NDArray[np.float32]]:
        for begin in range(0, len(texts), at_once):
            part = texts[begin : begin + at_once]
            yield np.array([[vectors[text][layer] for text in part] for layer in layers], dtype=np.float32)

    return System(label, depth, stream, read=read)

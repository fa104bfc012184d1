"""What is done to vectors once they are made."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def normalized(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors of length 1; zeros stay zeros. (..., D) float32."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=-1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def centered(vectors: NDArray[np.float32], mean: NDArray[np.float64]) -> NDArray[np.float32]:
    """Vectors less a mean; zeros, which stand for empty texts, stay zeros. (N, D) float32."""
    moved = (vectors - mean).astype(np.float32)
    moved[~vectors.any(axis=1)] = 0
    return moved

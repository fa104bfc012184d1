"""Vectors of sentences from any encoder: chosen layers, pooled in the pass, remembered on disk."""

from anyglot.embedding.door import Embedder
from anyglot.embedding.settings import EmbeddingSettings

__all__ = ["Embedder", "EmbeddingSettings"]

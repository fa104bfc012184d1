"""Vectors of sentences from any encoder: chosen layers, pooled in the pass, remembered on disk."""

from anyglot.inference.embedding.embedder import Embedder
from anyglot.inference.embedding.settings import EmbeddingSettings

__all__ = ["Embedder", "EmbeddingSettings"]

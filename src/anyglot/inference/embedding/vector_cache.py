"""Vectors on disk, by the content they were made from, so that no sentence is embedded twice."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from anyglot.errors import spelled
from anyglot.inference.embedding.settings import Pooling
from anyglot.runtime.directories import user_cache
from anyglot.runtime.tensor_store import StateStore, sentence_key
from anyglot.text.encoder_templates import Frame


def default_vectors() -> Path:
    """Where vectors are kept if nobody says otherwise: `embeddings` beside the corpora's cache."""
    return user_cache() / "embeddings"


def default_if_usable(say: Callable[[str], None]) -> Path | None:
    """The folder of `default_vectors`, or None, said in a sentence, where it cannot be written: nobody asked for it."""
    folder = default_vectors()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        told = f"vectors are not kept for another time: {folder} cannot be written ({reason})"
        say(spelled(f"{told}; name a folder with `cache`."))
        return None
    return folder


class VectorCache:
    """The vectors of one model and pooling, all layers in one store, as `runtime/tensor_store.py` keeps states.

    A vector is found by its layer and its sentence's tokens, frame and cut included. Length 1 and centering are not
    part of it, as they are made afterwards.

    Args:
        folder: Of all models' vectors.
        model: Name of all that states depend on besides the tokens (`models/fingerprint.py`).
        frame: Of the sentences; says which tokens "mean_words" passes over.
    """

    def __init__(self, folder: Path, model: str, width: int, pooling: Pooling, frame: Frame) -> None:
        facts = f"{model} {pooling} {len(frame.front)} {len(frame.behind)}"
        name = hashlib.sha256(facts.encode()).hexdigest()[:32]
        advice = "free space, name another folder with `cache`, or take `cache=None`"
        self.store = StateStore(folder / name, width, torch.float32, advice)

    def read(self, sentences: Sequence[Sequence[int]], depths: Sequence[int]) -> tuple[Tensor, list[bool]]:
        """The vectors of sentences, and which are known in every depth.

        Shape:
            returns: (depths, sentences, D) float32
        """
        found = [self.store.read(_keys(sentences, depth), 1) for depth in depths]
        known = [all(row) for row in zip(*(there for _, there in found), strict=True)]
        return torch.stack([states[:, 0] for states, _ in found]), known

    def add(self, sentences: Sequence[Sequence[int]], depths: Sequence[int], vectors: Tensor) -> None:
        """Keep the vectors of sentences.

        Shape:
            vectors: (depths, sentences, D) float32

        Raises:
            UserError: The disk is full, or the folder cannot be written.
        """
        for depth, rows in zip(depths, vectors, strict=True):
            self.store.add(_keys(sentences, depth), rows[:, None].unbind())

    def close(self) -> None:
        """Let another process write where this one did."""
        self.store.close()


def _keys(sentences: Sequence[Sequence[int]], depth: int) -> list[bytes]:
    return [sentence_key(np.array([depth, *sentence], dtype=np.int32)) for sentence in sentences]

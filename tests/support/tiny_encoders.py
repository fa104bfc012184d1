"""A tiny XLM-R made by transformers, its tokenizer, and the vectors that transformers' hidden states give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray

from anyglot.text.tokenizer import Tokenizer
from anyglot.text.tokenizer_training import train_tokenizer
from support.reference_models import randomise
from support.tiny_translators import TEXTS

LAYERS, WIDTH = 4, 64
LONG = " ".join(TEXTS[:6])
SENTENCES = [*TEXTS, "Hund", "der Hund", LONG, "das", "house", "Das Haus ist alt."]


def write_xlmr(folder: Path, *, seed: int = 0, width: int = WIDTH, layers: int = LAYERS) -> Path:
    """A transformers folder of random weights."""
    tokenizer = train_tokenizer(TEXTS * 5, 100, folder, seed=1)
    config = transformers.XLMRobertaConfig(
        vocab_size=tokenizer.vocabulary_size,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=2 * width,
        max_position_embeddings=130,
        type_vocab_size=1,
        pad_token_id=1,
    )
    torch.manual_seed(seed)
    model = randomise(transformers.XLMRobertaModel(config), seed)
    model.save_pretrained(folder)
    tokenizer.save(folder)
    return folder


def hidden_states(folder: Path, text: str, limit: int = 128) -> NDArray[np.float32]:
    """(L + 1, S, D): what transformers computes for one text alone, embeddings first."""
    model: Any = transformers.XLMRobertaModel.from_pretrained(folder).eval()
    ids = Tokenizer.load(folder).encode([text])[0][: limit - 2]
    with torch.no_grad():
        states = model(torch.tensor([[0, *ids, 2]]), output_hidden_states=True).hidden_states
    return torch.cat(states).numpy()


def pooled(states: NDArray[np.float32], pooling: str) -> NDArray[np.float32]:
    """(L + 1, S, D) -> (L + 1, D), naively."""
    if pooling == "first":
        return states[:, 0]
    words = states[:, 1:-1] if pooling == "mean_words" else states
    return sum(words[:, position] for position in range(words.shape[1])) / words.shape[1]


def cosine_distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """The largest of rows, in float64."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float(np.max(1 - (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)))

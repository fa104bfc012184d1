"""An encoder of XLM-R's shape with random weights, as a folder that every engine opens, and real text for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import transformers

from anyglot.text.readers import read_lines
from anyglot.text.tokenizer_training import train_tokenizer

SHAPES = {"tiny": (2, 64, 4, 128), "base": (12, 768, 12, 3072), "large": (24, 1024, 16, 4096)}


def read_text(files: Sequence[Path], sentences: int) -> list[str]:
    """So many lines, evenly from all files and evenly within each; empty ones are passed over."""
    texts: list[str] = []
    for place, path in enumerate(files):
        cells = [line.rpartition("\t")[2] for line in read_lines(path)]
        lines = [cell for cell in cells if cell.strip()]
        share = sentences * (place + 1) // len(files) - sentences * place // len(files)
        texts += [lines[len(lines) * number // share] for number in range(min(share, len(lines)))]
    return texts


def write_model(folder: Path, shape: str, texts: Sequence[str], vocabulary: int) -> None:
    """A transformers folder. Its tokenizer is trained on the text: as long as XLM-R's is not here, it stands for it."""
    layers, width, heads, feedforward_width = SHAPES[shape]
    tokenizer = train_tokenizer(list(texts), vocabulary, folder, seed=1)
    config = transformers.XLMRobertaConfig(
        vocab_size=tokenizer.vocabulary_size,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=feedforward_width,
        max_position_embeddings=514,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        pad_token_id=1,
    )
    torch.manual_seed(1)
    transformers.XLMRobertaModel(config).save_pretrained(folder)
    tokenizer.save(folder)

"""Texts and random models for the tests of trimming."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from anyglot.models.build import build
from anyglot.models.config import EmbeddingsConfig, EncoderConfig, EncoderDecoderConfig, StackConfig
from anyglot.models.store import save_model
from anyglot.phrasebook import Phrasebook
from anyglot.text.tokenizer_training import train_tokenizer

WIDTH = 16
LANGUAGES = ("de", "en", "ru", "zh")


def write_texts(folder: Path) -> dict[str, Path]:
    book = Phrasebook(list(LANGUAGES), seed=3)
    paths = {}
    for code in LANGUAGES:
        paths[code] = folder / f"{code}.txt"
        lines = [sentence.text for sentence in book.sentences("train", 400, language=code)]
        paths[code].write_text("\n".join(lines) + "\n", encoding="utf-8")
    return paths


def encoder_config(vocabulary_size: int) -> EncoderConfig:
    return EncoderConfig(
        family="xlm-roberta",
        embeddings=EmbeddingsConfig(
            vocabulary_size=vocabulary_size, width=WIDTH, positions="learned", position_rows=130, norm=True, segments=1
        ),
        stack=StackConfig(layers=1, width=WIDTH, heads=2, feedforward_width=32, norm_first=False),
        language_head=True,
    )


def write_model(folder: Path, texts: dict[str, Path], *, shared: bool = True) -> Path:
    """A translator whose random weights are large enough that its outputs depend on its inputs."""
    tokenizer = train_tokenizer(list(texts.values()), 900, folder, seed=1, character_coverage=1.0)
    encoder = encoder_config(tokenizer.vocabulary_size).model_copy(update={"language_head": False})
    config = EncoderDecoderConfig(
        encoder=encoder,
        decoder_embeddings=EmbeddingsConfig(
            vocabulary_size=tokenizer.vocabulary_size, width=WIDTH, positions="sinusoidal", norm=False, scale="sqrt"
        ),
        decoder=StackConfig(
            layers=1, width=WIDTH, heads=2, feedforward_width=32, norm_first=True, cross_attention=True
        ),
        share_embeddings=shared,
        tie_output=shared,
        output_bias=True,
    )
    torch.manual_seed(5)
    model = build(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "attention" in name or "feedforward" in name:
                parameter.mul_(3.0)
            elif name == "output.bias":
                parameter.normal_()
    save_model(model, folder)
    languages = {"source": ["de", "en", "ru"], "supervised": ["de"], "target": ["en"]}
    (folder / "languages.json").write_text(json.dumps(languages))
    return folder

"""A tiny translator with random weights, saved as a model folder: it writes nonsense, but it writes it reproducibly."""

import json
from pathlib import Path

import torch

from anyglot.models.build import build
from anyglot.models.config import EmbeddingsConfig, EncoderConfig, EncoderDecoderConfig, StackConfig
from anyglot.models.store import save_model
from anyglot.text.tokenizer_training import train_tokenizer

WIDTH = 16
POSITIONS = 34  # learned rows, two of them RoBERTa's offset: 32 source tokens, 30 of them text
TEXTS = [
    "Das Haus ist alt und der Hund schläft.",
    "Die Katze sieht den kleinen Vogel im Garten.",
    "Der Lehrer gibt dem Kind ein neues Buch.",
    "The old house is near the river.",
    "A small bird sings in the garden, and the cat sleeps.",
    "The teacher gives the child a new book.",
    "老房子在河边。小猫看见一只鸟。",
    "старый дом стоит у реки, кот спит.",
]


def stack(*, cross_attention: bool) -> StackConfig:
    return StackConfig(
        layers=1,
        width=WIDTH,
        heads=2,
        feedforward_width=32,
        norm_first=cross_attention,
        cross_attention=cross_attention,
    )


def encoder_config(vocabulary_size: int) -> EncoderConfig:
    embeddings = EmbeddingsConfig(
        vocabulary_size=vocabulary_size, width=WIDTH, positions="learned", position_rows=POSITIONS, norm=True
    )
    return EncoderConfig(embeddings=embeddings, stack=stack(cross_attention=False))


def write_model_folder(folder: Path, *, encoder_only: bool = False, seed: int = 7) -> Path:
    """A whole model folder: weights, tokenizer, languages."""
    tokenizer = train_tokenizer(TEXTS * 5, 100, folder, seed=1)
    torch.manual_seed(seed)
    encoder = encoder_config(tokenizer.vocabulary_size)
    if encoder_only:
        save_model(build(encoder), folder)
        return folder
    decoder_embeddings = EmbeddingsConfig(
        vocabulary_size=tokenizer.vocabulary_size, width=WIDTH, positions="sinusoidal", norm=False, scale="sqrt"
    )
    config = EncoderDecoderConfig(
        encoder=encoder,
        decoder_embeddings=decoder_embeddings,
        decoder=stack(cross_attention=True),
        tie_output=False,
    )
    model = build(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # Larger weights make the outputs depend on the inputs.
            parameter.mul_(3.0 if "attention" in name or "feedforward" in name else 1.0)
    save_model(model, folder)
    languages = {"source": ["de", "en", "ru", "zh"], "supervised": ["de", "ru"], "target": ["en", "zh"]}
    (folder / "languages.json").write_text(json.dumps(languages))
    return folder

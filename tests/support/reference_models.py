"""Random tiny models of each family, made with transformers: the references of the parity tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn

VOCABULARY = 37
LIMIT = 14  # longest sequence the learned positions allow

_ENCODER = {
    "vocab_size": VOCABULARY,
    "hidden_size": 12,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "layer_norm_eps": 1e-5,
}
_ENCODER_DECODER = {
    "vocab_size": VOCABULARY,
    "d_model": 12,
    "encoder_layers": 3,
    "decoder_layers": 2,
    "encoder_attention_heads": 3,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 20,
    "decoder_ffn_dim": 28,
    "max_position_embeddings": LIMIT,
    "decoder_start_token_id": 2,
    "scale_embedding": True,
}

# family -> (class stem, settings)
ENCODERS: dict[str, tuple[str, dict[str, Any]]] = {
    "xlm-roberta": ("XLMRoberta", {**_ENCODER, "max_position_embeddings": LIMIT + 2, "type_vocab_size": 1}),
    "roberta": ("Roberta", {**_ENCODER, "max_position_embeddings": LIMIT + 2, "type_vocab_size": 1}),
    "camembert": ("Camembert", {**_ENCODER, "max_position_embeddings": LIMIT + 2, "type_vocab_size": 1}),
    "xlm-roberta-xl": ("XLMRobertaXL", {**_ENCODER, "max_position_embeddings": LIMIT + 2}),
    "roberta-prelayernorm": (
        "RobertaPreLayerNorm",
        {**_ENCODER, "max_position_embeddings": LIMIT + 2, "type_vocab_size": 1},
    ),
    "bert": ("Bert", {**_ENCODER, "max_position_embeddings": LIMIT, "layer_norm_eps": 1e-12}),
}
ENCODER_DECODERS: dict[str, tuple[str, dict[str, Any]]] = {
    "mbart": ("MBart", _ENCODER_DECODER),
    "m2m_100": ("M2M100", _ENCODER_DECODER),
    "marian": (
        "Marian",
        {
            **_ENCODER_DECODER,
            "activation_function": "swish",
            "pad_token_id": 1,
            "eos_token_id": 2,
            "decoder_start_token_id": 1,
        },
    ),
}


def make(family: str, suffix: str, *, seed: int = 0, **changes: Any) -> Any:
    """A model of the class `stem + suffix` in eval mode, every parameter drawn at random."""
    stem, settings = (ENCODERS | ENCODER_DECODERS)[family]
    config = getattr(transformers, stem + "Config")(**{**settings, **changes})
    return randomise(getattr(transformers, stem + suffix)(config), seed).eval()


def randomise(model: nn.Module, seed: int = 0) -> nn.Module:
    """Values far from the initial ones in every parameter, so that a forgotten or swapped one shows."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad:
                continue  # Marian's waves
            noise = torch.randn(parameter.shape, generator=generator)
            center = 1.0 if parameter.dim() == 1 and "orm" in name and name.endswith("weight") else 0.0
            parameter.copy_(center + 0.3 * noise)
    return model


def saved(model: Any, folder: Path) -> Path:
    """The folder the model was saved to."""
    model.save_pretrained(folder)
    return folder


def sentences(lengths: list[int], seed: int = 1, padding: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Random tokens, padded on the right, and their mask; no real token is the padding id."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(3, VOCABULARY, (len(lengths), max(lengths)), generator=generator)
    mask = torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]
    return tokens.masked_fill(~mask, padding), mask

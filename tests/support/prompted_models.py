"""A tiny prompted encoder with random weights that writes every sentence otherwise, blanks and repeats among it."""

from __future__ import annotations

import copy

import torch

from anyglot.inference.decoding import pad_batch
from anyglot.inference.decoding.refine import Reading, Refined, refine
from anyglot.inference.generation.canvas_models import PromptedCanvasModel
from anyglot.models.build import build_prompted_encoder
from anyglot.models.config import CanvasConfig, EmbeddingsConfig, EncoderConfig, PromptedEncoderConfig, StackConfig
from anyglot.models.precision import Precision, prepare
from anyglot.models.prompted import PromptedEncoder

VOCABULARY, WIDTH = 300, 64
BEGIN, PAD, END, BLANK, MASK = 0, 1, 2, 6, VOCABULARY - 1
FRAME = (BEGIN, END)
CPU = torch.device("cpu")


def prompted_model(
    *, sets: int = 1, denoise: bool = True, frame: bool = True, length_classes: int = 0
) -> PromptedEncoder:
    """Weights large enough that what is written depends on the source and on the round."""
    torch.manual_seed(3)
    stack = {"layers": 2, "width": WIDTH, "heads": 4, "feedforward_width": 128, "activation": "gelu_tanh"}
    groups = ("de-en", "en-de", "*")[:sets] if sets > 1 else ("*",)
    model = build_prompted_encoder(
        PromptedEncoderConfig(
            encoder=EncoderConfig(
                embeddings=EmbeddingsConfig(
                    vocabulary_size=VOCABULARY, width=WIDTH, positions="learned", position_rows=130, norm=True
                ),
                stack=StackConfig(**stack, norm_first=False),
                language_head=True,
            ),
            canvas=CanvasConfig(mask_id=MASK, blank_id=BLANK, frame=frame),
            prompt_length=8,
            denoise=denoise,
            groups=groups,
            length_classes=length_classes,
        )
    )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith(("source_", "prompts")) and not name.endswith("scale"):
                parameter.normal_(0, 0.4)
        model.head.dense.weight.add_(0.6 * torch.eye(WIDTH))  # a denoiser that tends to what it reads comes to rest
        model.output.bias[MASK] = -40.0  # but nothing tends to the empty canvas
        model.output.bias[BLANK] = 14.0  # a tenth of the positions
    return model.eval()


def ready(model: PromptedEncoder, precision: Precision = "fp32", *, batch_independent: bool = True) -> PromptedEncoder:
    return prepare(copy.deepcopy(model), precision, CPU, batch_independent=batch_independent)


def sources(count: int, length: int | None = None, seed: int = 1) -> list[list[int]]:
    """Random sources, of this many tokens between `<s>` and `</s>` or of 1 to 20."""
    generator = torch.Generator().manual_seed(seed)
    lengths = [length] * count if length else torch.randint(1, 21, (count,), generator=generator).tolist()
    return [[BEGIN, *torch.randint(7, MASK, (n,), generator=generator).tolist(), END] for n in lengths]


def refined(
    model: PromptedEncoder, texts: list[list[int]], rounds: int, reading: Reading | None = None, size: int = 1000
) -> list[Refined]:
    """What is found in batches of so many sentences."""
    found: list[Refined] = []
    for start in range(0, len(texts), size):
        source, mask = pad_batch(texts[start : start + size], PAD, "cpu")
        found += refine(PromptedCanvasModel(model), source, mask, rounds=rounds, reading=reading or Reading(FRAME))
    return found

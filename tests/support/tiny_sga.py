"""What the tests of SGA share: a tiny random encoder with prompts, batches, and the equations in plain torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from anyglot.data.batch import TranslationBatch
from anyglot.models.build import build_encoder
from anyglot.models.config import EmbeddingsConfig, EncoderConfig, StackConfig
from anyglot.models.initialize import initialise_bert
from anyglot.models.prompted import PromptedEncoder
from anyglot.models.store import save_model
from anyglot.nn.block import Block
from anyglot.training.methods.sga import Sga, SgaOptions

LAYERS, WIDTH, WORDS, HEADS = 3, 16, 40, 4
MASK, BLANK = WORDS - 1, 6


@dataclass(frozen=True)
class Pieces:
    """As much of a tokenizer as building a model asks for."""

    vocabulary_size: int = WORDS
    begin_id: int = 0
    pad_id: int = 1
    end_id: int = 2
    mask_id: int | None = MASK

    def pieces(self, ids: Any) -> list[str]:
        return ["▁" if id == BLANK else f"▁w{id}" for id in ids]

    def id_of(self, piece: str) -> int | None:
        named = self.pieces(range(self.vocabulary_size))
        return named.index(piece) if piece in named else None


def write_encoder(folder: Path, *, norm_first: bool = False, head: bool = True) -> str:
    """The folder of a pretrained encoder: every weight random, norms and biases too."""
    config = EncoderConfig(
        family="xlm-roberta",
        embeddings=EmbeddingsConfig(
            vocabulary_size=WORDS, width=WIDTH, positions="learned", position_rows=34, norm=True, dropout=0.0
        ),
        stack=StackConfig(
            layers=LAYERS, width=WIDTH, heads=HEADS, feedforward_width=24, norm_first=norm_first, dropout=0.0
        ),
        language_head=head,
    )
    torch.manual_seed(3)
    encoder = build_encoder(config)
    initialise_bert(encoder, 0.2)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    save_model(encoder, folder)
    return str(folder)


def sga(start: str, **options: Any) -> tuple[Sga, PromptedEncoder]:
    method = Sga(SgaOptions.model_validate({"start": start, "prompt_length": 5, **options}))
    return method, method.build(Pieces(), seed=5)


def pairs(lengths: tuple[tuple[int, int], ...] = ((6, 4), (3, 2), (5, 5)), seed: int = 0) -> TranslationBatch:
    """Sentence pairs of these lengths without special tokens: source, target."""
    generator = torch.Generator().manual_seed(seed)
    rows, most_source, most_target = len(lengths), max(a for a, _ in lengths), max(b for _, b in lengths)
    source = torch.full((rows, most_source + 2), 1)
    target_input, target_output = torch.full((rows, most_target + 1), 1), torch.full((rows, most_target + 1), 1)
    for row, (first, second) in enumerate(lengths):
        words = torch.randint(7, MASK, (first + second,), generator=generator)
        source[row, : first + 2] = torch.cat([torch.tensor([0]), words[:first], torch.tensor([2])])
        target_input[row, : second + 1] = torch.cat([torch.tensor([2]), words[first:]])
        target_output[row, : second + 1] = torch.cat([words[first:], torch.tensor([2])])
    return TranslationBatch(
        source=source,
        source_mask=source != 1,
        target_input=target_input,
        target_output=target_output,
        target_mask=target_output != 1,
        pairs=torch.zeros(rows, dtype=torch.int64),
    )


def naive_pass(model: PromptedEncoder, tokens: Tensor, front: list[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """The states behind every block for one sentence, with keys and values (P, D) in front of each block's own.

    Shape:
        tokens: (T,)    returns: L tensors (T, D)
    """
    encoder = model.encoder
    states, found = encoder.embeddings(tokens[None])[0], []
    for block, (keys, values) in zip(encoder.stack.blocks, front, strict=True):
        assert isinstance(block, Block)
        attention, around = block.self_attention.inner, block.self_attention
        x = around.norm(states) if around.norm_first else states
        query, key, value = attention.query(x), attention.key(x), attention.value(x)
        key, value = torch.cat([keys, key]), torch.cat([values, value])
        parts = []
        for head in range(HEADS):
            own = slice(head * WIDTH // HEADS, (head + 1) * WIDTH // HEADS)
            scores = query[:, own] @ key[:, own].T / (WIDTH // HEADS) ** 0.5
            parts.append(functional.softmax(scores, dim=1) @ value[:, own])
        states = states + attention.output(torch.cat(parts, dim=1))
        states = states if around.norm_first else around.norm(states)
        around = block.feedforward
        states = states + block.feedforward.inner(around.norm(states) if around.norm_first else states)
        states = states if around.norm_first else around.norm(states)
        found.append(states)
    if encoder.stack.final_norm is not None:
        found = [encoder.stack.final_norm(each) for each in found]
    return found


def naive_prompt(model: PromptedEncoder, use: str) -> list[tuple[Tensor, Tensor]]:
    """Keys and values of a prompt's first set, (P, D), for every block."""
    prompt: Any = model.prompts[use]
    scale = torch.maximum(prompt.scale[0], torch.tensor(1.0))
    return [(prompt.keys[0, layer] * scale, prompt.values[0, layer] * scale) for layer in range(LAYERS)]


def naive_front(model: PromptedEncoder, source: Tensor, use: str) -> list[tuple[Tensor, Tensor]]:
    """Equations 1 to 3 (or 5) for one sentence: what stands in front of every block when `use` writes."""
    states = naive_pass(model, source, naive_prompt(model, "encode"))
    return [
        (torch.cat([model.source_key(state), keys]), torch.cat([model.source_value(state), values]))
        for state, (keys, values) in zip(states, naive_prompt(model, use), strict=True)
    ]


def naive_write(model: PromptedEncoder, source: Tensor, tokens: Tensor, use: str) -> Tensor:
    """Logits at every position of a canvas, (T, V)."""
    logits: Tensor = model.head(naive_pass(model, tokens, naive_front(model, source, use))[-1])
    return logits

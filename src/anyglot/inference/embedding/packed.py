"""One pass of an encoder over packed sentences, up to the highest layer asked for, pooled on the way."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from anyglot.inference.embedding.settings import Pooling
from anyglot.models.encoder import Encoder
from anyglot.nn.attention import Attention
from anyglot.nn.batch_invariant import batch_invariant_rows
from anyglot.nn.packing import Run, attention_within, runs_of, unpacked
from anyglot.text.encoder_templates import Frame


def pack(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Cut sentences into batches of at most so many tokens (or one sentence), longest first.

    Sorted by length a batch has few lengths, so attention few calls; and what needs the most memory comes first.

    Returns:
        Indices into `lengths`, each exactly once; lengths never rise within or across batches.
    """
    batches: list[list[int]] = []
    room = 0
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        if not batches or lengths[index] > room:
            batches.append([])
            room = batch_tokens
        batches[-1].append(index)
        room -= lengths[index]
    return batches


@torch.inference_mode()
def vectors_of(
    encoder: Encoder, sentences: Sequence[Sequence[int]], depths: Sequence[int], pooling: Pooling, frame: Frame
) -> Tensor:
    """The pooled states of sentences after so many blocks, for each of `depths`. Blocks above the deepest do not run.

    As in transformers the states behind the last block are taken after the stack's final norm, if it has one. On a CPU
    a sentence's vector is the same, bit for bit, whatever else is in the batch: see `nn/batch_invariant.py` for
    products and `nn/packing.py` for attention. Not for several threads of one encoder at once.

    Args:
        encoder: Made ready by `prepare_encoder`.
        sentences: Token ids in their frame; sentences of one length stand together.

    Shape:
        returns: (depths, sentences, D) float32, on the CPU
    """
    device = next(encoder.parameters()).device
    runs = runs_of([len(sentence) for sentence in sentences])
    rows = sum(run.positions for run in runs)
    filler = -rows % batch_invariant_rows(encoder.embeddings.tokens.weight)
    packed = [*runs, Run(filler, 1)] if filler else runs
    _attend_within(encoder, packed)
    tokens = torch.tensor([id for sentence in sentences for id in sentence] + [sentences[0][0]] * filler)
    x = torch.cat(
        [
            encoder.embeddings(part.view(run.count, run.length)).flatten(0, 1)
            for part, run in zip(torch.split(tokens.to(device), [run.positions for run in packed]), packed, strict=True)
        ]
    )[None]
    found: dict[int, Tensor] = {}
    wanted = set(depths)
    if 0 in wanted:
        found[0] = _pooled(x, packed, len(runs), pooling, frame)
    blocks = encoder.stack.blocks
    for depth, block in enumerate(blocks[: max(wanted)], start=1):
        x = block(x, mask=None)
        if depth == len(blocks) and encoder.stack.final_norm is not None:
            x = encoder.stack.final_norm(x)
        if depth in wanted:
            found[depth] = _pooled(x, packed, len(runs), pooling, frame)
    return torch.stack([found[depth] for depth in depths]).cpu()


def _attend_within(encoder: Encoder, runs: Sequence[Run]) -> None:
    attend = partial(attention_within, runs)
    for block in encoder.stack.blocks:
        attention: Attention = block.self_attention.inner  # type: ignore[assignment]
        attention.attend = attend


def _pooled(x: Tensor, packed: Sequence[Run], runs: int, pooling: Pooling, frame: Frame) -> Tensor:
    """(1, T, D) -> (sentences, D) float32; runs behind the first `runs` are filling."""
    parts = unpacked(x, packed)[:runs]
    if pooling == "first":
        return torch.cat([part[:, 0] for part in parts]).float()
    if pooling == "mean_words":
        first, last = len(frame.front), len(frame.behind)
        parts = [part[:, first : part.shape[1] - last] for part in parts]
    return torch.cat([part.float().mean(dim=1) for part in parts])

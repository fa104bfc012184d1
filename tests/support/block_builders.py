"""Small random bricks for the tests."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

from anyglot.nn.attention import Attention
from anyglot.nn.block import Block
from anyglot.nn.feedforward import FeedForward, gelu
from anyglot.nn.residual import Residual
from anyglot.nn.stack import Stack

Part = TypeVar("Part", bound=nn.Module)
WIDTH, HEADS = 8, 2


def randomised(part: Part, seed: int = 0) -> Part:
    """Every parameter random, biases and norms too."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in part.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    return part.eval()


def block(*, norm_first: bool = False, cross: bool = True) -> Block:
    def attention() -> Residual[Attention]:
        return Residual(Attention(WIDTH, HEADS), WIDTH, norm_first=norm_first)

    return Block(
        self_attention=attention(),
        cross_attention=attention() if cross else None,
        feedforward=Residual(FeedForward(WIDTH, 12, gelu), WIDTH, norm_first=norm_first),
    )


def stack(layers: int = 3, *, norm_first: bool = False, cross: bool = True, seed: int = 0) -> Stack:
    blocks = [block(norm_first=norm_first, cross=cross) for _ in range(layers)]
    return randomised(Stack(blocks, final_norm=nn.LayerNorm(WIDTH) if norm_first else None), seed)


def states(*shape: int, seed: int = 7) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))

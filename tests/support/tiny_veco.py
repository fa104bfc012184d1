"""What the tests of VECO's pretraining share: a tiny random model, and batches of both kinds."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from anyglot.data.batch import SegmentBatch
from anyglot.data.collate import collate_segments
from anyglot.data.noise import Masking
from anyglot.models.encoder import Encoder
from anyglot.training.methods.veco import Veco, VecoOptions

WORDS, LAYERS, WIDTH, PAD, MASK = 40, 3, 16, 1, 39
SIZES = {"layers": LAYERS, "width": WIDTH, "heads": 2, "feedforward_width": 24, "positions": 40}


class Vocabulary:
    vocabulary_size = WORDS
    pad_id = PAD


def made(**options: Any) -> tuple[Veco, Encoder]:
    """A VECO without dropout, every weight random, norms and biases too."""
    method = Veco(VecoOptions.model_validate({**SIZES, "dropout": 0.0, "attention_dropout": 0.0, **options}))
    model = method.build(Vocabulary(), seed=5)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return method, model


def segments(*, pairs: bool, seed: int = 0, rows: int = 5) -> SegmentBatch:
    """Rows of 3 to 11 words a side, a quarter of them hidden."""
    generator = np.random.default_rng(seed)
    sides = [[[generator.integers(4, MASK, generator.integers(3, 12))] for _ in range(rows)] for _ in range(2)]
    masking = Masking(0.25, MASK, (0, 1, 2, 3, MASK), WORDS)
    return collate_segments(*sides, begin=0, pad=PAD, end=2, masking=masking, seed=(seed, 0, 0), join=pairs)

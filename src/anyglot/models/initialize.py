"""First values of fresh weights."""

from __future__ import annotations

import math

from torch import nn

from anyglot.nn.attention import Attention
from anyglot.nn.feedforward import FeedForward
from anyglot.nn.projection import TargetProjection


def initialise_bert(module: nn.Module, deviation: float = 0.02) -> None:
    """BERT's and XLM-R's rule: weights N(0, deviation), biases 0, layer norms 1 and 0.

    A masked-LM model from scratch starts so.
    """
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, std=deviation)
            nn.init.zeros_(part.bias)
        elif isinstance(part, nn.Embedding):
            nn.init.normal_(part.weight, std=deviation)
        elif isinstance(part, nn.LayerNorm):
            nn.init.ones_(part.weight)
            nn.init.zeros_(part.bias)


def initialise_gpt2(module: nn.Module, layers: int, deviation: float = 0.02) -> None:
    """GPT-2's rule: as BERT's, and what `layers` blocks add to the residual stream 1 / sqrt(2 * layers) as large."""
    initialise_bert(module, deviation)
    for part in module.modules():
        last = part.output if isinstance(part, Attention) else part.down if isinstance(part, FeedForward) else None
        if last is not None:
            nn.init.normal_(last.weight, std=deviation / math.sqrt(2 * layers))


def initialise_fairseq(module: nn.Module) -> None:
    """fairseq's rule, that of the SixT+ decoder (method card 1.1).

    Queries, keys and values: Xavier uniform with gain 1 / sqrt(2); attention output: Xavier uniform, bias 0;
    feed-forward: torch's default for a linear layer; layer norms 1 and 0. Embeddings: N(0, D^-1/2). Target
    projections: Xavier uniform, bias 0 (method card 1.5).
    """
    for part in module.modules():
        if isinstance(part, Attention):
            for linear in (part.query, part.key, part.value):
                nn.init.xavier_uniform_(linear.weight, gain=1 / math.sqrt(2))
                _default_bias(linear)
            nn.init.xavier_uniform_(part.output.weight)
            nn.init.zeros_(part.output.bias)
        elif isinstance(part, FeedForward):
            for linear in (part.up, part.down):
                linear.reset_parameters()
        elif isinstance(part, TargetProjection):
            for weight in part.weight.detach():  # each map by itself: of all together the fan-in would be another
                nn.init.xavier_uniform_(weight)
            nn.init.zeros_(part.bias)
        elif isinstance(part, nn.LayerNorm):
            nn.init.ones_(part.weight)
            nn.init.zeros_(part.bias)
        elif isinstance(part, nn.Embedding):
            nn.init.normal_(part.weight, std=part.embedding_dim**-0.5)


def _default_bias(linear: nn.Linear) -> None:
    bound = 1 / math.sqrt(linear.in_features)
    nn.init.uniform_(linear.bias, -bound, bound)

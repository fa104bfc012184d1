"""A multilingual encoder: embeddings and a stack, perhaps with a masked-language head or a pooler."""

from __future__ import annotations

from torch import Tensor, nn

from anyglot.layers.embeddings import Embeddings
from anyglot.layers.heads import MaskedLanguageHead, Pooler
from anyglot.layers.masks import padding_mask
from anyglot.layers.stack import Stack, StackOutput
from anyglot.models.config import EncoderConfig


class Encoder(nn.Module):
    """XLM-R, mBERT and their kin."""

    def __init__(
        self,
        config: EncoderConfig,
        *,
        embeddings: Embeddings,
        stack: Stack,
        head: MaskedLanguageHead | None,
        pooler: Pooler | None,
    ) -> None:
        super().__init__()
        self.config = config
        self.embeddings = embeddings
        self.stack = stack
        self.head = head
        self.pooler = pooler

    def forward(self, tokens: Tensor, mask: Tensor, *, keep_states: bool = False) -> StackOutput:
        """Encode; padding on the right.

        Shape:
            tokens: (B, S) int64    mask: (B, S) bool, True for real tokens    returns: StackOutput of (B, S, D)
        """
        return self.stack(self.embeddings(tokens), mask=padding_mask(mask), keep_states=keep_states)  # type: ignore[no-any-return]

"""A multilingual encoder: embeddings and a stack, perhaps with a masked-language head or a pooler.

Its blocks may have a cross-attention (VECO): the one stack is then an encoder when called by itself (`forward`) and a
decoder when it is given the states of another sequence (`cross`).
"""

from __future__ import annotations

from torch import Tensor, nn

from anyglot.models.config import EncoderConfig
from anyglot.nn.adapter import Grouping
from anyglot.nn.attention import Memory
from anyglot.nn.embeddings import Embeddings
from anyglot.nn.heads import MaskedLanguageHead, Pooler
from anyglot.nn.masks import causal_mask, padding_mask
from anyglot.nn.stack import Stack, StackOutput


class Encoder(nn.Module):
    """XLM-R, mBERT and their family; with cross-attention in its blocks, VECO."""

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

    def forward(
        self,
        tokens: Tensor,
        mask: Tensor,
        *,
        segment_ids: Tensor | None = None,
        grouping: Grouping | None = None,
        keep_states: bool = False,
    ) -> StackOutput:
        """Encode; padding on the right. A cross-attention in the blocks is passed over (VECO eq. 4).

        Args:
            segment_ids: BERT's token types, (B, S) int64; None: all of the first.
            grouping: Which adapter each sentence goes through, where the blocks have adapters.

        Shape:
            tokens: (B, S) int64    mask: (B, S) bool, True for real tokens    returns: StackOutput of (B, S, D)
        """
        embedded = self.embeddings(tokens, segment_ids=segment_ids)
        return self.stack(embedded, mask=padding_mask(mask), grouping=grouping, keep_states=keep_states)  # type: ignore[no-any-return]

    def cross(self, tokens: Tensor, memory: Memory, *, keep_states: bool = False) -> StackOutput:
        """Run the same weights as a decoder that attends to another sequence (VECO eq. 6); padding on the right.

        A position sees itself and what stands before it, so padding behind the last token is hidden from real ones.

        Raises:
            ValueError: The blocks have no cross-attention.

        Shape:
            tokens: (B, T) int64    memory.states: (B, S, D)    returns: StackOutput of (B, T, D)
        """
        mask = causal_mask(tokens.shape[1], device=tokens.device)
        return self.stack(self.embeddings(tokens), mask=mask, memory=memory, keep_states=keep_states)  # type: ignore[no-any-return]

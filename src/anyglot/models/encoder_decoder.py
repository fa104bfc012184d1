"""An encoder and a decoder joined by cross-attention."""

from __future__ import annotations

from torch import Tensor, nn

from anyglot.models.config import EncoderDecoderConfig
from anyglot.models.encoder import Encoder
from anyglot.nn.adapter import Grouping
from anyglot.nn.attention import Memory
from anyglot.nn.cache import Cache
from anyglot.nn.embeddings import Embeddings
from anyglot.nn.heads import OutputProjection
from anyglot.nn.masks import causal_mask
from anyglot.nn.projection import TargetProjection
from anyglot.nn.stack import Stack, StackOutput


class Decoder(nn.Module):
    """Embeddings and a causal stack that attends to a memory."""

    def __init__(self, *, embeddings: Embeddings, stack: Stack) -> None:
        super().__init__()
        self.embeddings = embeddings
        self.stack = stack

    def forward(
        self,
        tokens: Tensor,
        memory: Memory,
        *,
        cache: Cache | None = None,
        grouping: Grouping | None = None,
        keep_states: bool = False,
    ) -> StackOutput:
        """Decode tokens that continue what the cache holds; padding on the right, so causality hides it.

        Args:
            grouping: Which adapter each sentence goes through, where the blocks have adapters.

        Shape:
            tokens: (B * K, T) int64    memory.states: (B, S, D)    returns: StackOutput of (B * K, T, D)
        """
        rows, length = tokens.shape
        start = 0
        if cache is not None:
            start = cache.length
            mask: Tensor | None = cache.advance(rows, length, tokens.device)
        else:
            # A single position sees itself: no mask to build.
            mask = None if length == 1 else causal_mask(length, device=tokens.device)
        return self.stack(  # type: ignore[no-any-return]
            self.embeddings(tokens, start),
            mask=mask,
            memory=memory,
            cache=cache,
            grouping=grouping,
            keep_states=keep_states,
        )


class EncoderDecoder(nn.Module):
    """A translation model: SixT+, mBART, M2M-100, or a Transformer from scratch.

    Args:
        target_projection: Of a many-to-many SixT+: turns the encoder's states to the target language.

    Attributes:
        batch_invariant: Whether a sentence's result does not depend on its batch; set by `models/precision.py`.
    """

    def __init__(
        self,
        config: EncoderDecoderConfig,
        *,
        encoder: Encoder,
        decoder: Decoder,
        output: OutputProjection,
        target_projection: TargetProjection | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder
        self.decoder = decoder
        self.output = output
        self.target_projection = target_projection
        self.batch_invariant = False

    def encode(
        self,
        source: Tensor,
        source_mask: Tensor,
        target_language: Tensor | None = None,
        *,
        states: Tensor | None = None,
        group: Tensor | None = None,
    ) -> Memory:
        """Run the encoder, and the target projection where there is one.

        Args:
            target_language: Of each row, as `config.target_languages` numbers them from 1 on.
            states: The encoder's final states where they are known already; the encoder is then not run.
            group: Of each row, as `config.adapters.groups` numbers them from 0 on.

        Raises:
            ValueError: The model has a target projection and no language was given, or the other way round; likewise
                adapters and groups.

        Shape:
            source: (B, S) int64    source_mask: (B, S) bool    target_language, group: (B,) int64
            states: (B, S, D)    returns: states (B, S, D) with their mask
        """
        if states is None:
            states = self.encoder(source, source_mask, grouping=self._grouping(group)).last
        if (self.target_projection is None) != (target_language is None):
            has = "a target projection but no target language" if target_language is None else "no target projection"
            raise ValueError(f"the model has {has}; give target languages to many-to-many models, and to them only.")
        if self.target_projection is not None:
            states = self.target_projection(states, target_language)
        return Memory(states, source_mask)

    def decode(
        self, memory: Memory, target_input: Tensor, *, cache: Cache | None = None, group: Tensor | None = None
    ) -> Tensor:
        """Run the decoder: states before the output projection, (B * K, T, D); `group` (B,) as in `encode`.

        With a cache, `target_input` holds the new positions only.
        """
        hidden: Tensor = self.decoder(target_input, memory, cache=cache, grouping=self._grouping(group)).last
        return hidden

    def forward(
        self,
        source: Tensor,
        source_mask: Tensor,
        target_input: Tensor,
        target_language: Tensor | None = None,
        *,
        states: Tensor | None = None,
        group: Tensor | None = None,
    ) -> Tensor:
        """Teacher-forced states before the output projection; `target_language`, `states` and `group` as in `encode`.

        Shape:
            source: (B, S)    source_mask: (B, S) bool    target_input: (B, T)    returns: (B, T, D)
        """
        memory = self.encode(source, source_mask, target_language, states=states, group=group)
        return self.decode(memory, target_input, group=group)

    def new_cache(self, beams: int = 1) -> Cache:
        """An empty cache for step-by-step decoding of `beams` rows a sentence."""
        return Cache(len(self.decoder.stack.blocks), beams)

    def _grouping(self, group: Tensor | None) -> Grouping | None:
        if (self.config.adapters is None) != (group is None):
            has = "adapters but no groups" if group is None else "no adapters"
            raise ValueError(f"the model has {has}; give groups to models with adapters, and to them only.")
        return None if group is None else Grouping.of(group)

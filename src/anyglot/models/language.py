"""A causal language model, and the same model frozen and made a translator by prompts in several stages.

| paper (MSP; Tan et al., 2022), method card 5.6     | here                                       |
|----------------------------------------------------|--------------------------------------------|
| the language model, mGPT                           | `LanguageModel`                            |
| encoding and re-encoding                           | `PromptedLanguageModel.read`               |
| decoding                                           | `PromptedLanguageModel.decode`             |
| a stage's prompt, in front of what came before it  | `PromptedLanguageModel._in_front`          |
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from anyglot.models.config import LanguageModelConfig, PromptedLanguageModelConfig
from anyglot.nn.cache import Cache
from anyglot.nn.embeddings import Embeddings
from anyglot.nn.heads import OutputProjection
from anyglot.nn.key_value_recorder import KeyValueRecorder, prefilled_cache
from anyglot.nn.masks import causal_mask
from anyglot.nn.prefix import Prefix
from anyglot.nn.prompt import Prompt, joined_prefixes
from anyglot.nn.stack import Stack, StackOutput


class LanguageModel(nn.Module):
    """GPT-2 and its family, as mGPT: embeddings, a stack whose positions see what stands before them, output."""

    def __init__(
        self, config: LanguageModelConfig, *, embeddings: Embeddings, stack: Stack, output: OutputProjection
    ) -> None:
        super().__init__()
        self.config = config
        self.embeddings = embeddings
        self.stack = stack
        self.output = output

    def forward(
        self,
        tokens: Tensor,
        *,
        prefixes: Sequence[Prefix] | None = None,
        cache: Cache | KeyValueRecorder | None = None,
        keep_states: bool = False,
    ) -> StackOutput:
        """States before the output projection; padding on the right, so causality hides it from real positions.

        Args:
            prefixes: Keys and values in front of every block's own, seen by all positions; they take no position.
            cache: What the tokens continue, or what records the keys and values of this pass.

        Shape:
            tokens: (B, T) int64    returns: StackOutput of (B, T, D)
        """
        rows, length = tokens.shape
        if isinstance(cache, Cache):
            start, mask = cache.length, cache.advance(rows, length, tokens.device)
        else:
            start, mask = 0, causal_mask(length, device=tokens.device)
        x = self.embeddings(tokens, start)
        return self.stack(x, mask=mask, prefixes=prefixes, cache=cache, keep_states=keep_states)  # type: ignore[no-any-return]


class PromptedLanguageModel(nn.Module):
    """A language model that translates by prompts: it reads the source stage by stage, then writes (MSP).

    The language model is not changed; the prompts are all that trains (18,874,371 values over mGPT with three stages
    of 128 positions). What a stage hands to the next are the keys and values of the source in every block. In front of
    a stage's own stand first its prompt, then what the stage before it left; positions count from 0 in every stage.

    Args:
        prompts: One a stage, the last for writing.

    Attributes:
        batch_invariant: Whether a sentence's result does not depend on its batch; set by `models/precision.py`.
    """

    def __init__(
        self, config: PromptedLanguageModelConfig, *, language_model: LanguageModel, prompts: Sequence[Prompt]
    ) -> None:
        super().__init__()
        self.config = config
        self.language_model = language_model
        self.prompts = nn.ModuleList(prompts)
        self.batch_invariant = False

    @property
    def output(self) -> OutputProjection:
        """The rows a position is read off by: the language model's own."""
        return self.language_model.output

    def read(self, source: Tensor, source_mask: Tensor, chosen: Tensor | None = None) -> tuple[Prefix, ...]:
        """Encode the source, and encode it again in the light of that: what writing puts in front of every block's own.

        Padded positions are hidden from all later stages. In the stage itself causality hides them, so that the
        released code's first stage, which has no mask for them, comes to the same.

        Args:
            chosen: The prompt set of each row; None: the first.

        Shape:
            source: (B, S) int64    source_mask: (B, S) bool    chosen: (B,) int64
            returns: L prefixes, the last prompt and the source's keys and values, (B, H, P + S, D / H)
        """
        front = self._prompt(0, chosen)
        for stage in range(1, len(self.prompts)):
            recording = KeyValueRecorder(len(front))
            self.language_model(source, prefixes=front, cache=recording)
            front = self._in_front(self._prompt(stage, chosen), recording.prefixes(source_mask), len(source))
        return front

    def decode(self, front: Sequence[Prefix], target_input: Tensor) -> Tensor:
        """Teacher-forced states before the output projection, (B, T, D).

        Shape:
            front: as from `read`    target_input: (B, T) int64
        """
        hidden: Tensor = self.language_model(target_input, prefixes=front).last
        return hidden

    def step(self, tokens: Tensor, cache: Cache) -> Tensor:
        """The same for new positions of K rows a sentence, (B * K, T, D); `cache` from `new_cache`."""
        hidden: Tensor = self.language_model(tokens, cache=cache).last
        return hidden

    def new_cache(self, front: Sequence[Prefix], beams: int = 1) -> Cache:
        """A cache that begins behind `front`, as from `read`, for `beams` rows a sentence."""
        return prefilled_cache(front, beams)

    def precompute(self, number_format: torch.dtype | None) -> None:
        """Make ready what does not change any more once training is over: the prompts' keys and values.

        Args:
            number_format: What keys and values are rounded to, as those of `Attention`; None: they stay as they are.
        """
        for prompt in self.prompts:
            assert isinstance(prompt, Prompt)
            prompt.precompute(number_format)

    def forward(
        self, source: Tensor, source_mask: Tensor, target_input: Tensor, chosen: Tensor | None = None
    ) -> Tensor:
        """Read and write: (B, T, D) as in `decode`."""
        return self.decode(self.read(source, source_mask, chosen), target_input)

    def _prompt(self, stage: int, chosen: Tensor | None) -> tuple[Prefix, ...]:
        prefixes: tuple[Prefix, ...] = self.prompts[stage](chosen)
        return prefixes

    def _in_front(self, prompt: Sequence[Prefix], read: Sequence[Prefix], rows: int) -> tuple[Prefix, ...]:
        return tuple(joined_prefixes(own, before, rows) for own, before in zip(prompt, read, strict=True))

"""An EncoderDecoder as something to search over."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from anyglot.decoding.logits import Logits
from anyglot.decoding.protocols import Hypothesis, Prompt
from anyglot.decoding.restricted import compact_prompt, full_hypotheses
from anyglot.layers.attention import Memory
from anyglot.layers.cache import Cache
from anyglot.layers.steady import steady_length
from anyglot.models.encoder_decoder import EncoderDecoder


@dataclass
class DecodingState:
    """What is kept between steps.

    The memory has one row a sentence and the cache's past one row a beam: the cross-attention folds the beams of
    a sentence into query positions, so keys and values of the source exist once.
    """

    memory: Memory
    cache: Cache
    beams: int


class EncoderDecoderStepModel:
    """Adapts an `EncoderDecoder` to the `StepModel` protocol.

    The model is used as it is: put it into eval mode, on its device and in its precision, before.

    Args:
        target_language: For a model with a target projection: its row for each sentence that `start` is given, or one
            row for all; see `EncoderDecoder.encode`.

    Shape:
        target_language: (B,) or (1,) int64
    """

    def __init__(self, model: EncoderDecoder, target_language: Tensor | None = None) -> None:
        self.model = model
        self.target_language = target_language
        self.rows = model.output.rows
        self.vocabulary_size: int = model.output.size

    def prompt(self, prompt: Prompt) -> Prompt:
        """The prompt in the numbering of this model's logits: as it is, or by places when the output is restricted."""
        return prompt if self.rows is None else compact_prompt(prompt, self.rows)

    def hypotheses(self, found: Sequence[Hypothesis]) -> list[Hypothesis]:
        """What a search with `prompt`'s numbering found, in the tokenizer's numbering."""
        return list(found) if self.rows is None else full_hypotheses(found, self.rows)

    def start(self, source: Tensor, source_mask: Tensor, beams: int) -> DecodingState:
        """Encode the sources: (B, S) tokens and mask -> a state of B * beams rows."""
        language = None if self.target_language is None else self.target_language.expand(len(source))
        memory = self.model.encode(source, source_mask, language)
        if self.model.steady:
            # Once here, not in every step: the cross-attention wants a round number of keys.
            room = steady_length(source.shape[1]) - source.shape[1]
            memory = Memory(functional.pad(memory.states, (0, 0, 0, room)), functional.pad(memory.mask, (0, room)))
        return DecodingState(memory, self.model.new_cache(beams), beams)

    def step(self, tokens: Tensor, state: DecodingState) -> Logits:
        """Feed one token per row: (rows,) -> logits (rows, V), not computed before a search looks at them."""
        read = tokens if self.rows is None else self.rows.full(tokens)  # the decoder reads by the full table
        hidden = self.model.decode(state.memory, read[:, None], cache=state.cache)
        return Logits(self.model.output.parts(hidden[:, -1]), len(tokens), self.vocabulary_size)

    def reorder(self, state: DecodingState, rows: Tensor) -> None:
        """Take rows of the self-attention's past; sentences without rows leave the memory too."""
        sentences = torch.div(rows.view(-1, state.beams)[:, 0], state.beams, rounding_mode="floor")
        if len(sentences) < len(state.memory.mask):
            state.cache.keep_sentences(sentences)
            state.memory = Memory(state.memory.states[sentences], state.memory.mask[sentences])
        state.cache.reorder(rows)

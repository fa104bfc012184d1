"""An EncoderDecoder as something to search over."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from anyglot.inference.decoding.logits import Logits
from anyglot.inference.decoding.protocols import Hypothesis, SearchConstraints
from anyglot.inference.decoding.restricted import compact_constraints, full_hypotheses
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.nn.attention import Memory
from anyglot.nn.batch_invariant import batch_invariant_length
from anyglot.nn.cache import Cache
from anyglot.nn.heads import OutputProjection


@dataclass
class DecodingState:
    """What is kept between steps.

    The memory has one row a sentence and the cache's past one row a beam: the cross-attention folds the beams of
    a sentence into query positions, so keys and values of the source exist once.

    Attributes:
        group: The group of each sentence, (B,) int64, where the model has adapters.
    """

    memory: Memory
    cache: Cache
    beams: int
    group: Tensor | None = None

    def keep(self, sentences: Tensor) -> None:
        """Keep what belongs to these sentences alone; the cache aside."""
        self.memory = Memory(self.memory.states[sentences], self.memory.mask[sentences])
        self.group = None if self.group is None else self.group[sentences]


class OutputNumbering:
    """The numbering of a model's logits, which counts the kept tokens alone where the output is restricted.

    Attributes:
        rows: The kept rows of the output; None: all.
        vocabulary_size: Logits a step.
    """

    def __init__(self, output: OutputProjection) -> None:
        self.rows = output.rows
        self.vocabulary_size: int = output.size

    def prompt(self, prompt: SearchConstraints) -> SearchConstraints:
        """The prompt in the numbering of this model's logits: as it is, or by places when the output is restricted."""
        return prompt if self.rows is None else compact_constraints(prompt, self.rows)

    def hypotheses(self, found: Sequence[Hypothesis]) -> list[Hypothesis]:
        """What a search with `prompt`'s numbering found, in the tokenizer's numbering."""
        return list(found) if self.rows is None else full_hypotheses(found, self.rows)


class EncoderDecoderStepModel(OutputNumbering):
    """Adapts an `EncoderDecoder` to the `StepModel` and `VerifyModel` protocols.

    The model is used as it is: put it into eval mode, on its device and in its precision, before.

    Args:
        target_language: For a model with a target projection: its row for each sentence that `start` is given, or one
            row for all; see `EncoderDecoder.encode`.
        group: For a model with adapters: the group of each sentence, or one for all.

    Shape:
        target_language, group: (B,) or (1,) int64
    """

    def __init__(
        self, model: EncoderDecoder, target_language: Tensor | None = None, group: Tensor | None = None
    ) -> None:
        self.model = model
        self.target_language = target_language
        self.group = group
        super().__init__(model.output)

    def drafts(self, drafts: Sequence[Sequence[int]]) -> list[list[int]]:
        """Drafts in the tokenizer's numbering -> in this model's; tokens without a row of the output are left out."""
        if self.rows is None:
            return [[token for token in draft if token < self.vocabulary_size] for draft in drafts]
        places = self.rows.places.tolist()
        return [[places[token] for token in draft if token < len(places) and places[token] >= 0] for draft in drafts]

    def start(self, source: Tensor, source_mask: Tensor, beams: int) -> DecodingState:
        """Encode the sources: (B, S) tokens and mask -> a state of B * beams rows."""
        language = None if self.target_language is None else self.target_language.expand(len(source))
        group = None if self.group is None else self.group.expand(len(source))
        memory = self.model.encode(source, source_mask, language, group=group)
        if self.model.batch_invariant:
            # Once here, not in every step: the cross-attention wants a round number of keys.
            room = batch_invariant_length(source.shape[1]) - source.shape[1]
            memory = Memory(functional.pad(memory.states, (0, 0, 0, room)), functional.pad(memory.mask, (0, room)))
        return DecodingState(memory, self.model.new_cache(beams), beams, group)

    def step(self, tokens: Tensor, state: DecodingState) -> Logits:
        """Feed one token per row: (rows,) -> logits (rows, V), not computed before a search looks at them."""
        return self.verify(tokens[:, None], state, 1)

    def verify(self, tokens: Tensor, state: DecodingState, last: int) -> Logits:
        """Feed several tokens a row: (rows, T) -> logits (rows * last, V) of what follows the `last` ones."""
        read = tokens if self.rows is None else self.rows.full(tokens)  # the decoder reads by the full table
        hidden = self.model.decode(state.memory, read, cache=state.cache, group=state.group)[:, -last:]
        states = hidden.reshape(-1, hidden.shape[2])
        return Logits(self.model.output.parts(states), len(states), self.vocabulary_size)

    def forget(self, state: DecodingState, positions: int) -> None:
        """Take back the last tokens fed; of one beam a sentence."""
        state.cache.forget(positions)

    def alone(self, state: DecodingState, sentence: int) -> DecodingState:
        """One sentence of a state that has decoded nothing yet."""
        alone = slice(sentence, sentence + 1)
        memory = Memory(state.memory.states[alone], state.memory.mask[alone])
        return DecodingState(memory, self.model.new_cache(), 1, None if state.group is None else state.group[alone])

    def reorder(self, state: DecodingState, rows: Tensor) -> None:
        """Take rows of the self-attention's past; sentences without rows leave the memory too."""
        sentences = torch.div(rows.view(-1, state.beams)[:, 0], state.beams, rounding_mode="floor")
        if len(sentences) < len(state.memory.mask):
            state.cache.keep_sentences(sentences)
            state.keep(sentences)
        state.cache.reorder(rows)

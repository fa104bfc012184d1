"""A language model with multi-stage prompts as something to search over (MSP)."""

from collections.abc import Sequence

from torch import Tensor

from anyglot.inference.decoding.logits import Logits
from anyglot.inference.decoding.protocols import Hypothesis, SearchConstraints
from anyglot.inference.decoding.restricted import compact_constraints, full_hypotheses
from anyglot.models.language import PromptedLanguageModel
from anyglot.nn.cache import Cache


class PromptedLanguageStepModel:
    """Adapts a `PromptedLanguageModel` to the `StepModel` protocol; its state is a cache that begins behind the source.

    The model is used as it is: put it into eval mode, on its device and in its precision, before. The beams of a
    sentence share what was read of it.

    Args:
        chosen: The prompt set of each sentence that `start` is given; None: the first.

    Shape:
        chosen: (B,) int64
    """

    def __init__(self, model: PromptedLanguageModel, chosen: Tensor | None = None) -> None:
        self.model = model
        self.chosen = chosen
        self.rows = model.output.rows
        self.vocabulary_size: int = model.output.size

    def prompt(self, prompt: SearchConstraints) -> SearchConstraints:
        """The prompt in the numbering of this model's logits: as it is, or by places when the output is restricted."""
        return prompt if self.rows is None else compact_constraints(prompt, self.rows)

    def hypotheses(self, found: Sequence[Hypothesis]) -> list[Hypothesis]:
        """What a search with `prompt`'s numbering found, in the tokenizer's numbering."""
        return list(found) if self.rows is None else full_hypotheses(found, self.rows)

    def start(self, source: Tensor, source_mask: Tensor, beams: int) -> Cache:
        """Read the sources, stage by stage: (B, S) tokens and mask -> a state of B * beams rows."""
        return self.model.new_cache(self.model.read(source, source_mask, self.chosen), beams)

    def step(self, tokens: Tensor, state: Cache) -> Logits:
        """Feed one token per row: (rows,) -> logits (rows, V), not computed before a search looks at them."""
        read = tokens if self.rows is None else self.rows.full(tokens)
        hidden = self.model.step(read[:, None], state)[:, 0]
        return Logits(self.model.output.parts(hidden), len(hidden), self.vocabulary_size)

    def reorder(self, state: Cache, rows: Tensor) -> None:
        """Take rows of the past; sentences without rows leave."""
        state.reorder(rows)

"""A language model with multi-stage prompts as something to search over (MSP)."""

from torch import Tensor

from anyglot.inference.decoding.logits import Logits
from anyglot.inference.generation.step_models import OutputNumbering
from anyglot.models.language import PromptedLanguageModel
from anyglot.nn.cache import Cache


class PromptedLanguageStepModel(OutputNumbering):
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
        super().__init__(model.output)

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

"""Step models small enough to search by hand, and the search by hand."""

from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from anyglot.inference.decoding import Hypothesis, LengthRule, SearchConstraints

BEGIN, PAD, END = 0, 1, 2
PROMPT = SearchConstraints(start=(END,), end=END, never=(BEGIN, PAD))


@dataclass
class TableState:
    sentences: Tensor
    history: Tensor


class TableModel:
    """Logits drawn at random for every (sentence, history); rows carry their history, so a wrong reorder shows.

    The sentence is its first source token. Counts rows, so that tests see finished sentences leave.
    """

    def __init__(self, seed: int, vocabulary_size: int = 5, ties: bool = False, sharpness: float = 1.0) -> None:
        self.seed = seed
        self.vocabulary_size = vocabulary_size
        self.ties = ties
        self.sharpness = sharpness
        self.rows_seen: list[int] = []

    def start(self, source: Tensor, source_mask: Tensor, beams: int) -> TableState:
        sentences = source[:, 0].repeat_interleave(beams)
        return TableState(sentences, sentences.new_zeros((len(sentences), 0)))

    def step(self, tokens: Tensor, state: TableState) -> Tensor:
        self.rows_seen.append(len(tokens))
        state.history = torch.cat([state.history, tokens[:, None]], dim=1)
        rows = zip(state.sentences.tolist(), state.history.tolist(), strict=True)
        return torch.stack([self.logits(sentence, history) for sentence, history in rows])

    def reorder(self, state: TableState, rows: Tensor) -> None:
        state.sentences, state.history = state.sentences[rows], state.history[rows]

    def logits(self, sentence: int, history: list[int]) -> Tensor:
        """Logits after a history, the prompt included: (V,)."""
        number = self.seed
        for token in (sentence, *history):
            number = (number * 1_000_003 + token + 1) % (2**61 - 1)
        generator = torch.Generator().manual_seed(number)
        drawn = torch.randn(self.vocabulary_size, generator=generator) * self.sharpness
        return drawn.round() if self.ties else drawn


def exhaustive(
    model: TableModel, sentence: int, prompt: SearchConstraints, length: LengthRule, length_penalty: float
) -> list[Hypothesis]:
    """Every hypothesis there is, best first; equal ones shorter first, then by token."""
    words = [token for token in range(model.vocabulary_size) if token not in (*prompt.never, prompt.end)]
    cache: dict[tuple[int, ...], Tensor] = {}

    def logs(history: tuple[int, ...]) -> Tensor:
        if history not in cache:
            cache[history] = model.logits(sentence, [*prompt.start, *history]).log_softmax(0)
        return cache[history]

    found = []
    for size in range(length.minimum, length.maximum + 1):
        for tokens in product(words, repeat=size):
            total = sum(float(logs(tokens[:place])[token]) for place, token in enumerate((*tokens, prompt.end)))
            found.append(Hypothesis(tokens, total / (size + 1) ** length_penalty, total))
    return sorted(found, key=lambda hypothesis: -hypothesis.score)


def sources(*sentences: int) -> tuple[Tensor, Tensor]:
    """A batch of one-token sources: (B, 1) and its mask."""
    source = torch.tensor(sentences)[:, None]
    return source, torch.ones_like(source, dtype=torch.bool)

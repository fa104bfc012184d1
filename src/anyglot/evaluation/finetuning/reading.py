"""How one encoder reads the examples of a task: its tokenizer, what it wants around a text, how long a row may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from anyglot.evaluation.tasks.examples import ChoiceExample, QuestionExample, TaggedExample, TextExample
from anyglot.evaluation.tasks.rows import ChoiceRow, SpanRow, TagRow, TextRow
from anyglot.evaluation.tasks.span_rows import LONGEST_QUESTION, span_rows
from anyglot.evaluation.tasks.tag_rows import tag_rows
from anyglot.evaluation.tasks.task import Protocol
from anyglot.evaluation.tasks.text_rows import choice_rows, text_rows
from anyglot.models.encoder import Encoder
from anyglot.nn.embeddings import LearnedPositions
from anyglot.text.encoder_templates import EncoderTemplate
from anyglot.text.protocols import TextTokenizer
from anyglot.text.tokenizer import load_tokenizer


@dataclass(frozen=True)
class Reader:
    """Examples to rows.

    Attributes:
        limit: Most tokens of a row: the protocol's, or the encoder's positions where it has fewer.
    """

    tokenizer: TextTokenizer
    framing: EncoderTemplate
    protocol: Protocol
    limit: int

    @property
    def pad_id(self) -> int:
        """What rows are filled up with."""
        return self.tokenizer.pad_id

    def texts(self, examples: Sequence[TextExample], language: str) -> list[TextRow]:
        """A row for each text or pair; of what is too long the longer text is cut first."""
        return text_rows(examples, self.framing, language, self.limit)

    def choices(self, examples: Sequence[ChoiceExample], language: str) -> list[ChoiceRow]:
        """A row for each choice of each example."""
        return choice_rows(examples, self.framing, language, self.limit)

    def tags(self, examples: Sequence[TaggedExample], language: str) -> list[TagRow]:
        """Windows of sentences; every word in one of them, unless the protocol cuts."""
        return tag_rows(examples, self.framing, language, self.limit, long=self.protocol.long)

    def spans(self, examples: Sequence[QuestionExample], language: str) -> list[SpanRow]:
        """Questions with windows of their contexts; a stride of no more than half a row, so that windows overlap."""
        stride = min(self.protocol.stride, self.limit // 2)
        question = min(LONGEST_QUESTION, self.limit // 3)
        return span_rows(examples, self.framing, language, self.limit, stride, longest_question=question)


def open_reader(folder: Path, encoder: Encoder, protocol: Protocol) -> Reader:
    """The reader of a model folder whose encoder is at hand."""
    tokenizer = load_tokenizer(folder)
    framing = EncoderTemplate.of(tokenizer, folder, encoder.config.embeddings.vocabulary_size)
    positions = encoder.embeddings.positions
    most = positions.limit if isinstance(positions, LearnedPositions) else protocol.max_length
    return Reader(tokenizer, framing, protocol, min(protocol.max_length, most))

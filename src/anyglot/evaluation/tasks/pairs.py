"""One text or two in the frame an encoder expects, and what is cut off where they are too long.

| Family | one | two |
|---|---|---|
| XLM-R, and models trained here | `<s> A </s>` | `<s> A </s> </s> B </s>` |
| BERT | `[CLS] A [SEP]` | `[CLS] A [SEP] B [SEP]`, segments 0 up to the first [SEP], 1 behind it |
| mBART-50, M2M-100, NLLB | `lang A </s>` | `lang A </s> B </s>` |
| mBART | `A </s> lang` | `A </s> B </s> lang` |
| Marian | `A </s>` | `A </s> B </s>` |

The first two are what fairseq and transformers do. Translation models have never read a pair; this is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anyglot.errors import UserError
from anyglot.evaluation.tasks.rows import TextRow
from anyglot.text.encoder_templates import EncoderTemplate, Frame
from anyglot.text.protocols import PairStyle

Ids = Sequence[int]


@dataclass(frozen=True, slots=True)
class PairFrame:
    """What stands around one text or two of a language.

    Args:
        outside: In front of the first and behind the last.
        style: What is between the two, and whether they have segments.
    """

    outside: Frame
    style: PairStyle

    @classmethod
    def of(cls, framing: EncoderTemplate, language: str | None) -> PairFrame:
        """The frame of one checkpoint's encoder.

        Raises:
            UserError: The checkpoint must be told a language and none was given, or it has no token for it.
        """
        return cls(framing.frame(language), framing.tokenizer.pair_style)

    @property
    def around_one(self) -> int:
        """How many tokens the frame of one text has."""
        return len(self.outside.front) + len(self.outside.behind)

    @property
    def around_two(self) -> int:
        """How many tokens the frame of two texts has."""
        return self.around_one + len(self.style.between)

    def one(self, ids: Ids) -> NDArray[np.int32]:
        """A text in its frame, nothing cut off; (T,)."""
        return np.asarray([*self.outside.front, *ids, *self.outside.behind], dtype=np.int32)

    def two(self, first: Ids, second: Ids) -> TextRow:
        """Two texts in their frame, nothing cut off."""
        head = [*self.outside.front, *first, *self.style.between]
        tokens = np.asarray([*head, *second, *self.outside.behind], dtype=np.int32)
        if not self.style.segments:
            return TextRow(tokens, None)
        return TextRow(tokens, (np.arange(len(tokens)) >= len(head)).astype(np.int32))

    def row(self, texts: Sequence[Ids], limit: int) -> TextRow:
        """One text or two in a row of at most `limit` tokens; of a pair the longer text is cut first (`longest_first`).

        Raises:
            UserError: The limit leaves no room for a token of each text.
        """
        if len(texts) == 1:
            return TextRow(self.one(texts[0][: room_in(limit, self.around_one, 1)]), None)
        room = room_in(limit, self.around_two, 2)
        first, second = longest_first(len(texts[0]), len(texts[1]), room)
        return self.two(texts[0][:first], texts[1][:second])


def room_in(limit: int, frame: int, least: int) -> int:
    """Tokens of text that a row of `limit` tokens has room for.

    Raises:
        UserError: There are fewer than `least`.
    """
    if limit - frame < least:
        raise UserError(
            f"rows of at most {limit} tokens have no room for text, {frame} go to what frames it; set the maximum "
            f"length to {frame + least} or more."
        )
    return limit - frame


def longest_first(first: int, second: int, room: int) -> tuple[int, int]:
    """Lengths of two texts that together fit, tokens taken from the longer one until they are as long.

    An odd token stays with the longer text, with the second where both are equally long: as transformers' fast
    tokenizers do (its slow ones keep that of the first).
    """
    if first + second <= room:
        return first, second
    short = min(first, second, room // 2)
    return (room - short, short) if first > second else (short, room - short)

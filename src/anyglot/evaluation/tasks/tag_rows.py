"""Rows of tagging: a label sits on one piece of each word. And the way back, from what rows say to tags of words.

XTREME tokenises a sentence word by word, as we do, puts the label on a word's first piece, and makes `<unk>` of a word
without any. In text without spaces, SentencePiece often gives a word a bare "▁" as its first piece, which then carries
the label (XTREME) and knows nothing of the word but what attention brings. Unicoder leaves such a "▁" out, and the
label is on the first piece with content; that is the rule here unless it is switched off (method card 4.3, 6.2).

A sentence longer than a row is read in windows that do not overlap, as many whole words to a row as fit (XTREME), so
that each word is labelled once and none is dropped; or it is cut off (jiant).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from anyglot.errors import UserError
from anyglot.evaluation.tasks.examples import TaggedExample
from anyglot.evaluation.tasks.pairs import room_in
from anyglot.evaluation.tasks.rows import TagRow
from anyglot.text.encoder_templates import EncoderTemplate
from anyglot.text.offsets import BOUNDARY
from anyglot.text.protocols import TextTokenizer

# A target that the loss leaves out.
UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class MergedTags:
    """Tags of sentences.

    Attributes:
        tags: For each sentence, one for each word.
        cut: How many words were in no row and so have the filler for a tag.
    """

    tags: list[tuple[str, ...]]
    cut: int


def tag_rows(
    examples: Sequence[TaggedExample],
    framing: EncoderTemplate,
    language: str | None,
    limit: int,
    *,
    long: Literal["cut", "windows"] = "windows",
    skip_boundary: bool = True,
) -> list[TagRow]:
    """The rows of sentences, in order; a sentence without words has none.

    Args:
        language: Of the sentences; needed where the checkpoint has language tokens.
        limit: Most tokens of a row. A word with more pieces than a row has room for loses the last ones.
        long: Sentences that are longer are read in windows, or cut off.
        skip_boundary: A "▁" alone in front of a word's other pieces is left out.

    Raises:
        UserError: The limit has no room for text, or the checkpoint has no token for the language.
    """
    frame = framing.frame(language)
    front, behind = list(frame.front), list(frame.behind)
    room = room_in(limit, len(front) + len(behind), 1)
    pieces = _pieces_of_words(examples, framing.tokenizer, room, skip_boundary)
    rows = []
    for number, example in enumerate(examples):
        words = [pieces[word] for word in example.words]
        lengths = np.asarray([len(word) for word in words], dtype=np.int64)
        for first, last in _windows(lengths, room)[: 1 if long == "cut" else None]:
            inside = [id for word in words[first:last] for id in word]
            positions = len(front) + np.concatenate([[0], np.cumsum(lengths[first:last])[:-1]])
            rows.append(
                TagRow(
                    tokens=np.asarray([*front, *inside, *behind], dtype=np.int32),
                    example=number,
                    positions=positions.astype(np.int32),
                    words=np.arange(first, last, dtype=np.int32),
                )
            )
    return rows


def tag_targets(
    rows: Sequence[TagRow], examples: Sequence[TaggedExample], labels: Sequence[str]
) -> list[NDArray[np.int64]]:
    """The class index of each labelled word of each row, (W,); -1 where the tags are not known.

    Raises:
        UserError: A tag is not one of the task's, or a sentence has not a tag for each word.
    """
    index = {label: number for number, label in enumerate(labels)}
    numbers: list[NDArray[np.int64]] = []
    for example in examples:
        if example.tags and len(example.tags) != len(example.words):
            raise UserError(f"sentence {example.id!r} has {len(example.words)} words but {len(example.tags)} tags.")
        for tag in example.tags:
            if tag not in index:
                raise UserError(f"sentence {example.id!r} has the tag {tag!r}; known are {', '.join(labels)}.")
        known = [index[tag] for tag in example.tags] or [UNKNOWN] * len(example.words)
        numbers.append(np.asarray(known, dtype=np.int64))
    return [numbers[row.example][row.words] for row in rows]


def filler(labels: Sequence[str], examples: Sequence[TaggedExample] = ()) -> str:
    """The tag of words that no row holds: "O" where the task has it, else the most frequent one in the examples."""
    if "O" in labels:
        return "O"
    known, counts = np.unique([tag for example in examples for tag in example.tags] or [labels[0]], return_counts=True)
    return str(known[counts.argmax()])


def merged_tags(
    examples: Sequence[TaggedExample],
    rows: Sequence[TagRow],
    predicted: Sequence[NDArray[np.integer]],
    labels: Sequence[str],
    fill: str,
) -> MergedTags:
    """The tags of each sentence's words from the windows it was read in.

    Args:
        rows: All rows of these examples.
        predicted: For each row the class index of each labelled word, (W,).
        fill: Tag of words in no row, see `filler`.
    """
    tags = [np.full(len(example.words), -1, dtype=np.int64) for example in examples]
    for row, classes in zip(rows, predicted, strict=True):
        tags[row.example][row.words] = classes[: len(row.words)]
    names = [*labels, fill]  # the filler is at -1
    cut = sum(int((each < 0).sum()) for each in tags)
    return MergedTags([tuple(names[number] for number in each.tolist()) for each in tags], cut)


def _pieces_of_words(
    examples: Sequence[TaggedExample], tokenizer: TextTokenizer, room: int, skip_boundary: bool
) -> dict[str, list[int]]:
    """The pieces of every word there is, at least one and at most `room`."""
    words = list(dict.fromkeys(word for example in examples for word in example.words))
    boundary = tokenizer.id_of(BOUNDARY) if skip_boundary else None
    pieces = {}
    for word, ids in zip(words, tokenizer.encode(words), strict=True):
        if boundary is not None and len(ids) > 1 and ids[0] == boundary:
            ids = ids[1:]
        pieces[word] = ids[:room] or [tokenizer.unknown_id]
    return pieces


def _windows(lengths: NDArray[np.int64], room: int) -> list[tuple[int, int]]:
    """Runs of words, [first, last), as long as fit into `room` tokens; no word is longer than that."""
    ends = np.cumsum(lengths)
    windows: list[tuple[int, int]] = []
    first = 0
    while first < len(lengths):
        before = int(ends[first - 1]) if first else 0
        last = int(np.searchsorted(ends, before + room, side="right"))
        windows.append((first, last))
        first = last
    return windows

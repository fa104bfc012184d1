"""Token arrays of different lengths into padded tensors."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from anyglot.data.batch import MaskedBatch, SegmentBatch, TextBatch, TranslationBatch
from anyglot.data.noise import Masking
from anyglot.text.templates import Frame

Tokens = NDArray[np.integer]


def collate_translation(
    sources: Sequence[Tokens],
    targets: Sequence[Tokens],
    pairs: NDArray[np.int64],
    frames: Sequence[Frame],
    pad: int,
    end: int,
    target_language: NDArray[np.int64] | None = None,
    group: NDArray[np.int64] | None = None,
) -> TranslationBatch:
    """Frame and pad sentence pairs: source `<s> x </s>`, input `</s> y`, output `y </s>` (method card 1.2), or as told.

    Of several start tokens only the last has an output: the others are given, and what is given is not predicted.

    Args:
        sources, targets: Token ids without specials, one array for each row.
        pairs: Corpus number of each row.
        frames: What stands around each row.
        pad, end: Special ids.
        target_language: Row of the target projection for each row; None for models without one.
        group: Group of each row; None for models without groups.

    Shape:
        pairs, target_language, group: (B,)
    """
    source, source_mask = _padded(sources, pad, [frame.front for frame in frames], [frame.behind for frame in frames])
    target_input, real = _padded(targets, pad, [frame.start for frame in frames], [()] * len(targets))
    given = np.array([len(frame.start) - 1 for frame in frames])
    target_output, _ = _padded(targets, pad, [(pad,) * count for count in given.tolist()], [(end,)] * len(targets))
    target_mask = real & (np.arange(real.shape[1]) >= given[:, None])
    return TranslationBatch(
        torch.from_numpy(source),
        torch.from_numpy(source_mask),
        torch.from_numpy(target_input),
        torch.from_numpy(target_output),
        torch.from_numpy(target_mask),
        torch.from_numpy(pairs),
        None if target_language is None else torch.from_numpy(target_language),
        group=None if group is None else torch.from_numpy(group),
    )


def collate_masked(
    texts: Sequence[Sequence[Tokens]], begin: int, pad: int, end: int, masking: Masking, seed: Sequence[int]
) -> MaskedBatch:
    """Frame, pad and noise rows of one or more sentences: `<s> a </s> b </s>`.

    Args:
        texts: Sentences of each row, token ids without specials.
        masking: Hides tokens.
        seed: Run seed, epoch and batch index, on which alone the noise depends.
    """
    tokens, mask = _framed(texts, begin, pad, end)
    noised, labels = masking(tokens, mask, seed)
    return MaskedBatch(torch.from_numpy(noised), torch.from_numpy(mask), torch.from_numpy(labels))


def collate_text(texts: Sequence[Sequence[Tokens]], begin: int, pad: int, end: int) -> TextBatch:
    """Frame and pad rows of one or more sentences: `<s> a </s> b </s>`."""
    tokens, mask = _framed(texts, begin, pad, end)
    return TextBatch(torch.from_numpy(tokens), torch.from_numpy(mask))


def collate_segments(
    firsts: Sequence[Sequence[Tokens]],
    seconds: Sequence[Sequence[Tokens]],
    begin: int,
    pad: int,
    end: int,
    masking: Masking,
    seed: Sequence[int],
    join: bool,
) -> SegmentBatch:
    """Frame, pad and noise both segments of each row, and join them if wanted.

    What is hidden in a joined row is what is hidden in its segments: one masked instance serves all objectives
    (VECO section 2.2).

    Args:
        firsts, seconds: Sentences of each row's segments, token ids without specials.
        seed: Run seed, epoch and batch index, on which alone the noise depends.
        join: Whether the rows are sentence pairs, which TLM wants in one sequence.
    """
    first, first_mask = _framed(firsts, begin, pad, end)
    second, second_mask = _framed(seconds, begin, pad, end)
    first, first_labels = masking(first, first_mask, (*seed, 0))
    second, second_labels = masking(second, second_mask, (*seed, 1))
    parts = [first, first_mask, first_labels, second, second_mask, second_labels]
    if join:
        order = _joined_order(first_mask, second_mask)
        # Of the second segment all but its `<s>`.
        pairs = ((first, second), (first_mask, second_mask), (first_labels, second_labels))
        parts += [np.take_along_axis(np.concatenate([x, y[:, 1:]], axis=1), order, axis=1) for x, y in pairs]
    return SegmentBatch(*(torch.from_numpy(part) for part in parts))


def _joined_order(first_mask: NDArray[np.bool_], second_mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Columns of both segments beside each other, real tokens in front: (B, S + T - 1), cut to the longest row."""
    real = np.concatenate([first_mask, second_mask[:, 1:]], axis=1)
    return np.argsort(~real, axis=1, kind="stable")[:, : int(real.sum(axis=1).max())]


def _framed(
    texts: Sequence[Sequence[Tokens]], begin: int, pad: int, end: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Rows `<s> a </s> b </s>` padded on the right, and True at their real tokens: (B, S) both."""
    lengths = [1 + sum(len(sentence) + 1 for sentence in row) for row in texts]
    tokens = np.full((len(texts), max(lengths)), pad, dtype=np.int64)
    for number, row in enumerate(texts):
        tokens[number, 0] = begin
        start = 1
        for sentence in row:
            tokens[number, start : start + len(sentence)] = sentence
            start += len(sentence) + 1
            tokens[number, start - 1] = end
    mask = np.arange(tokens.shape[1]) < np.asarray(lengths)[:, None]
    return tokens, mask


def _padded(
    texts: Sequence[Tokens], pad: int, before: Sequence[tuple[int, ...]], after: Sequence[tuple[int, ...]]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Rows of text with other ids before and after it, padded on the right, and True at what is no padding."""
    starts = [len(ids) for ids in before]
    ends = [start + len(text) for start, text in zip(starts, texts, strict=True)]
    lengths = np.array([end + len(ids) for end, ids in zip(ends, after, strict=True)])
    tokens = np.full((len(texts), int(lengths.max())), pad, dtype=np.int64)
    for row, text, front, behind, start, end in zip(tokens, texts, before, after, starts, ends, strict=True):
        row[:start] = front
        row[start:end] = text
        row[end : end + len(behind)] = behind
    mask = np.arange(tokens.shape[1]) < lengths[:, None]
    return tokens, mask

"""Which sentences go together: batches of similar length under a token budget."""

from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor


def plan_batches(lengths: Sequence[int], batch_tokens: int, max_sentences: int | None = None) -> list[list[int]]:
    """Cut sentences into batches of similar length whose padded size stays within a budget.

    Longest first, so that a batch too large for the memory fails at the start and not after an hour. Ties keep
    the input order, so the plan is a pure function of its arguments. Restore the order by writing each result to
    its index.

    Args:
        lengths: Tokens of each sentence.
        batch_tokens: Upper bound of sentences times the longest sentence of a batch, counted in source
            tokens: a search with
            K beams holds K times as many rows. A sentence above the bound gets a batch of its own.
        max_sentences: Upper bound of sentences in a batch, or None.

    Returns:
        Indices into `lengths`, each exactly once.
    """
    if batch_tokens < 1 or (max_sentences is not None and max_sentences < 1):
        raise ValueError(f"batch_tokens and max_sentences must be positive, not {batch_tokens} and {max_sentences}.")
    batches: list[list[int]] = []
    room = 0
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        if room == 0:
            batches.append([])
            room = max(1, batch_tokens // max(1, lengths[index]))  # the first sentence is the longest of its batch
            room = room if max_sentences is None else min(room, max_sentences)
        batches[-1].append(index)
        room -= 1
    return batches


def plan_alike(lengths: Sequence[int], kinds: Sequence[Hashable], room: Callable[[int], int]) -> list[list[int]]:
    """Cut sentences into batches of one length and one kind each, longest first: nothing is padded.

    What is computed for a sentence then has the same shapes whatever is beside it.

    Args:
        lengths: Tokens of each sentence.
        kinds: What else must be alike in a batch.
        room: Length -> sentences that a batch of it may have; below 1 counts as 1.

    Returns:
        Indices into `lengths`, each exactly once.
    """
    alike: dict[tuple[int, Hashable], list[int]] = {}
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        alike.setdefault((lengths[index], kinds[index]), []).append(index)
    batches: list[list[int]] = []
    for (length, _), members in alike.items():
        size = max(1, room(length))
        batches += [members[start : start + size] for start in range(0, len(members), size)]
    return batches


def pad_batch(sentences: Sequence[Sequence[int]], padding: int, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Put sentences into one tensor, padded on the right.

    Shape:
        returns: tokens (B, S) int64 and mask (B, S) bool, True where there is a token; S is the longest sentence
    """
    width = max((len(sentence) for sentence in sentences), default=0)
    rows = [[*sentence, *[padding] * (width - len(sentence))] for sentence in sentences]
    lengths = torch.tensor([len(sentence) for sentence in sentences], dtype=torch.int64)
    tokens = torch.tensor(rows, dtype=torch.int64).reshape(len(sentences), width)
    mask = torch.arange(width)[None, :] < lengths[:, None]
    return tokens.to(device), mask.to(device)

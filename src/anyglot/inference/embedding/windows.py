"""Texts to framed tokens, a window at a time, one window ahead of the model."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from anyglot.errors import UserError
from anyglot.text.encoder_templates import Frame
from anyglot.text.protocols import TextTokenizer


@dataclass(frozen=True)
class Window:
    """Some texts that are embedded together.

    Attributes:
        sentences: Token ids of each in its frame; none at all for a text without a token.
        cut: Texts that were cut off.
        unknown: Texts with characters the tokenizer does not know.
    """

    sentences: list[tuple[int, ...]]
    cut: int
    unknown: int


def windows(
    texts: Iterable[str], size: int, tokenizer: TextTokenizer, frame: Frame, limit: int, rows: int
) -> Generator[Window, None, None]:
    """The windows of texts, in order; the next is tokenised in a thread while one is worked on.

    Args:
        limit: Most tokens of a sentence in its frame.
        rows: Of the model's token table.

    Raises:
        UserError: The tokenizer gives tokens the model has no rows for.
    """
    iterator = iter(texts)

    def following() -> Window | None:
        chunk = list(islice(iterator, size))
        return _window(tokenizer.encode(chunk), tokenizer, frame, limit, rows) if chunk else None

    return _ahead(following)


def _window(encoded: Sequence[Sequence[int]], tokenizer: TextTokenizer, frame: Frame, limit: int, rows: int) -> Window:
    highest = max((max(ids) for ids in encoded if ids), default=0)
    if highest >= rows:
        raise UserError(
            f"the tokenizer gives token {highest}, but the model has rows for {rows:,} only: they are of different "
            "models. Copy the folder again."
        )
    room = limit - len(frame.front) - len(frame.behind)
    return Window(
        sentences=[tuple(frame.around(ids, limit)) if ids else () for ids in encoded],
        cut=sum(len(ids) > room for ids in encoded),
        unknown=sum(tokenizer.unknown_id in ids for ids in encoded),
    )


def _ahead(following: Callable[[], Window | None]) -> Generator[Window, None, None]:
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="tokenising") as thread:
        future = thread.submit(following)
        while (window := future.result()) is not None:
            future = thread.submit(following)
            yield window

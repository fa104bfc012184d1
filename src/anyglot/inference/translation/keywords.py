"""What `Translator.translate` is told beside the texts, and how its progress is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Required, TypedDict

from anyglot.inference.generation.autoregressive import Progress
from anyglot.runtime.progress import LineProgress


class Keywords(TypedDict, total=False):
    """The keywords of `Translator.translate` for type checkers; what they mean is said there."""

    source: Required[str | Sequence[str]]
    target: Required[str | Sequence[str]]
    prefixes: Sequence[str] | None
    decoder: str | None
    beam: int | None
    length_penalty: float
    max_length: int
    max_source_length: int | None
    overlong: str | None
    batch_tokens: int
    rounds: int | None
    draft: Any
    progress: Progress | bool | None


@contextmanager
def shown(progress: Progress | bool | None, total: int) -> Iterator[Progress | None]:
    """What is told of the progress of `total` texts: what was given, or where that is True a bar on standard error."""
    if progress is True:
        with LineProgress("translating", total) as bar:
            yield lambda share, tokens: bar.show(share * total, tokens)
    else:
        yield progress or None

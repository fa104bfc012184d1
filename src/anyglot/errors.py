"""The one exception for what a user can put right, and how its messages name settings.

A message writes a setting as Python has it, `name` or `name=value` in backticks. Who calls the library reads it so; a
verb of the command line shows its own flag there (`cli/flags.py`).
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# What a file says may stand in a sentence, and may be hostile: a terminal obeys control characters, and no reader
# wants five thousand letters of a damaged key.
_UNPRINTABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_LONG = re.compile(r"\S{600,}")
_LONGEST = 20_000

Spelling = Callable[[str, str | None], str | None]
"""From a setting's name and its value, None where none is told, to what its user writes; None: not a setting here."""
_SETTING = re.compile(r"`([a-z][a-z0-9_]*)(?:=([^`\n]*))?`")
_spelling: ContextVar[Spelling | None] = ContextVar("spelling", default=None)


class UserError(Exception):
    """A mistake of the user's: one clear sentence that says what is wrong, what was found and what to do.

    The command line prints the sentence without a traceback and exits with code 2. Control characters in it are
    written as Python writes them, and what has hundreds of characters without a space is cut.
    """

    def __init__(self, *told: object) -> None:
        super().__init__(*(_readable(spelled(each)) if isinstance(each, str) else each for each in told))


@contextmanager
def spelled_by(spelling: Spelling) -> Iterator[None]:
    """Let messages name settings as `spelling` says, until the block ends."""
    token = _spelling.set(spelling)
    try:
        yield
    finally:
        _spelling.reset(token)


def spelled(message: str) -> str:
    """A message with its settings as its reader writes them: `rounds=0` in Python, --rounds 0 at the command line.

    A UserError's is so from the beginning; of warnings and of what is logged, who writes it asks.
    """
    spelling = _spelling.get()
    if spelling is None:
        return message
    return _SETTING.sub(lambda found: spelling(found[1], found[2]) or found[0], message)


def _readable(text: str) -> str:
    text = _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)  # first: some of these count as spaces
    text = _LONG.sub(lambda found: f"{found[0][:200]}...", text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."

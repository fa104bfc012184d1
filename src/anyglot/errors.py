"""The one exception for what a user can put right."""

import re

# What a file says may stand in a sentence, and may be hostile: a terminal obeys control characters, and no reader
# wants five thousand letters of a damaged key.
_UNPRINTABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_LONG = re.compile(r"\S{600,}")
_LONGEST = 20_000


class UserError(Exception):
    """A mistake of the user's: one clear sentence that says what is wrong, what was found and what to do.

    The command line prints the sentence without a traceback and exits with code 2. Control characters in it are
    written as Python writes them, and what has hundreds of characters without a space is cut.
    """

    def __init__(self, *told: object) -> None:
        super().__init__(*(_readable(each) if isinstance(each, str) else each for each in told))


def _readable(text: str) -> str:
    text = _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)  # first: some of these count as spaces
    text = _LONG.sub(lambda found: f"{found[0][:200]}...", text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."

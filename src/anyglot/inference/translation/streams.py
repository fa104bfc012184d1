"""Lines that keep arriving: translate what is there, wait for more."""

import os
import select
from collections.abc import Iterator

from anyglot.text.lines import too_long

_CHUNK = 1 << 16


def arriving_lines(descriptor: int, window_lines: int, max_characters: int) -> Iterator[list[bytes]]:
    """Yield windows of lines as they come, without their newlines.

    Waits for the first line of a window, takes what else has arrived, and never waits for the window to fill: whoever
    types a line gets its translation. A last line without newline counts.

    Args:
        descriptor: An open file, pipe, socket or terminal.
        window_lines: Most lines in a window.
        max_characters: A line longer than this is refused before it is held in memory whole.

    Raises:
        UserError: A line is too long; the lines before it have been yielded.
    """
    lines: list[bytes] = []
    rest = bytearray()
    number = 0
    while chunk := os.read(descriptor, _CHUNK):
        parts = chunk.split(b"\n")
        rest += parts[0]
        for part in parts[1:]:
            lines.append(bytes(rest))
            rest = bytearray(part)
        # Four bytes a character at most; invalid bytes count one each, so this never refuses what check_length allows.
        refused = len(rest) > 4 * max_characters
        while len(lines) >= window_lines or (lines and (refused or not _more(descriptor))):
            yield lines[:window_lines]
            number += len(lines[:window_lines])
            del lines[:window_lines]
        if refused:
            raise too_long(number + 1, len(rest.decode("utf-8", "replace")), max_characters)
    if rest:
        lines.append(bytes(rest))
    for start in range(0, len(lines), window_lines):
        yield lines[start : start + window_lines]


def _more(descriptor: int) -> bool:
    """Whether something can be read at once; the end of the input counts, as reading does not wait then either."""
    return bool(select.select([descriptor], [], [], 0)[0])

"""SIGTERM and SIGINT end every verb by an exception: what was begun is put away, and a sentence says what is kept."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from anyglot.errors import spelled

NOTHING_WRITTEN = "nothing was written; the same command begins again"


class Stopped(SystemExit):
    """A signal asked to stop; the process exits with 143 (SIGTERM) or 130 (SIGINT).

    A SystemExit, so that a caller who does not care needs to do nothing, and nothing on the way takes it for a failure.

    Args:
        number: The signal's.
        told: Whether the user knows already what is kept.
    """

    def __init__(self, number: int, *, told: bool = False) -> None:
        super().__init__(128 + number)
        self.number, self.told = number, told


@contextmanager
def stoppable(kept: str) -> Iterator[None]:
    """Raise `Stopped` where SIGTERM or SIGINT comes, and tell what it means for the work, once.

    A thread that is not the main one cannot catch signals, and need not.

    Args:
        kept: What of the work stays and how to go on, as it follows "stopped by a signal; ".

    Raises:
        Stopped: A signal came.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except Stopped as stopped:
        if not stopped.told:
            stopped.told = True
            print(f"anyglot: stopped by a signal; {spelled(kept)}.", file=sys.stderr, flush=True)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)

"""A process that signals itself the moment it has got somewhere: no moment to miss, however slow the machine is.

    python tests/support/deadly.py '*/checkpoints/step-4' 1 9 train recipe.yaml --out run

is `anyglot train ...`, killed when a file or folder of such a name has been put in its place for the first time. All
that a verb wants to keep is written aside and renamed, so a rename is what progress looks like.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any


def die_after(pattern: str, count: int = 1, number: int = signal.SIGKILL) -> None:
    """From now on: send this process a signal when the `count`-th rename to a path like `pattern` is done."""
    left = [count]

    def watched(rename: Any) -> Any:
        def renamed(source: Any, target: Any, **options: Any) -> None:
            rename(source, target, **options)
            if fnmatch(os.fspath(target), pattern):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), number)

        return renamed

    os.rename, os.replace = watched(os.rename), watched(os.replace)


def die_at_call(number: int, look: Callable[[int], None] | None = None) -> list[int]:
    """From now on: SIGKILL at the `number`-th call into C, anywhere in the work; 0: never. Progress, not time.

    Args:
        look: Is given the number of calls so far, every hundred.

    Returns:
        A list whose one element counts the calls.
    """
    calls = [0]

    def count(frame: Any, event: str, argument: Any) -> None:
        if event == "c_call":
            calls[0] += 1
            if calls[0] == number:
                os.kill(os.getpid(), signal.SIGKILL)
            if look is not None and calls[0] % 100 == 0:
                look(calls[0])

    sys.setprofile(count)
    return calls


def die_at_flush(number: int) -> list[int]:
    """From now on: SIGKILL inside the `number`-th flush of a file to the disk; 0: never.

    Returns:
        A list whose one element counts the flushes.
    """
    flushes = [0]
    fsync = os.fsync

    def deadly(descriptor: int) -> None:
        flushes[0] += 1
        if flushes[0] == number:
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(descriptor)

    os.fsync = deadly
    return flushes


def command(pattern: str, count: int, *words: Any, number: int = signal.SIGKILL) -> list[str]:
    """The command line of `anyglot WORDS` that gets the signal."""
    return [sys.executable, __file__, pattern, str(count), str(int(number)), *map(str, words)]


def main() -> None:
    """Run the verb; TRANSLATE_WINDOW makes the windows of translations small."""
    pattern, count, number, *words = sys.argv[1:]
    if "TRANSLATE_WINDOW" in os.environ:
        from anyglot.inference.translation import jobs

        jobs.WINDOW_LINES = int(os.environ["TRANSLATE_WINDOW"])
    from anyglot.cli.main import main as anyglot

    die_after(pattern, int(count), int(number))
    sys.argv = ["anyglot", *words]
    anyglot()


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parent.parent)
    main()

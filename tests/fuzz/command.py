"""A process that runs one command line after another, as `anyglot` itself does, and tells how each ended.

It is started in the folder that the command lines are about. A line of JSON in, a list of words; a line of JSON out:
the exit code, what stood on standard error, and the error if one came out of `main`.
"""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import sys
import traceback
from typing import Any

SECONDS, MEMORY = 60, 26 * 2**30
"""Of the processor for one command line; bytes of address space, most of which the libraries map and never touch."""


class TooSlow(BaseException):
    """A command took longer than `SECONDS`."""


def _too_slow(number: int, frame: object) -> None:
    raise TooSlow(f"took longer than {SECONDS} seconds of the processor")


def ended(words: list[str]) -> dict[str, Any]:
    """Run a command line."""
    from anyglot.cli.main import main

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace") for _ in range(2))
    held = sys.argv, sys.stdin, sys.stdout, sys.stderr
    sys.argv = ["anyglot", *words]
    sys.stdin, sys.stdout, sys.stderr = io.TextIOWrapper(io.BytesIO(b"Das Haus ist alt.\n")), out, err
    code, error = 0, ""
    signal.signal(signal.SIGPROF, _too_slow)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        error = traceback.format_exc(limit=-6)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        sys.argv, sys.stdin, sys.stdout, sys.stderr = held
    err.flush()
    return {"code": code, "error": error, "told": err.buffer.getvalue().decode("utf-8", "replace")}  # type: ignore[attr-defined]


def serve() -> None:
    """Until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints on its own must not stand among the answers
    lines = os.fdopen(os.dup(0), encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    for line in lines:
        print(json.dumps(ended(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    serve()

"""Waiting for what must happen, never for a while: the limit only ends a test that would stand still for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 900.0
"""Seconds: many times what anything here takes on a machine that has ten other things to do."""
_BETWEEN_LOOKS = 0.005


def until(happened: Callable[[], Any], what: str, process: Any = None) -> None:
    """Return when `happened()` is true; an AssertionError says what did not come.

    Args:
        process: Who makes it happen: a Popen, or a Process of multiprocessing. If it ends before, the wait is over.
    """
    last_look = time.monotonic() + PATIENCE
    while not happened():
        code = exit_code(process)
        if code is not None and not happened():
            raise AssertionError(f"the process ended with {code} before {what}")
        if time.monotonic() > last_look:
            raise AssertionError(f"{what}: that did not come in {PATIENCE:.0f} s")
        time.sleep(_BETWEEN_LOOKS)


def exit_code(process: Any) -> int | None:
    """None while it runs, or where there is none."""
    if process is None:
        return None
    code: int | None = process.poll() if hasattr(process, "poll") else process.exitcode
    return code


def ended(process: Any) -> int:
    """The exit code of a Process of multiprocessing, when it has one."""
    process.join(PATIENCE)
    if process.exitcode is None:
        process.kill()
        raise AssertionError(f"{process.name} did not end in {PATIENCE:.0f} s and was killed")
    code: int = process.exitcode
    return code

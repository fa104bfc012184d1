"""What verbs have in common: each is alone with what it writes from its first second, and says what a signal leaves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from anyglot.runtime.locks import held
from anyglot.runtime.signals import NOTHING_WRITTEN, stoppable

P = ParamSpec("P")
R = TypeVar("R")


def verb(
    *, folder: str | None = None, file: str | None = None, kept: str = NOTHING_WRITTEN
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Wrap a verb's function.

    Args:
        folder: The argument that names the folder it writes; a verb that chooses one itself holds it itself.
        file: The argument that names the file it writes; "-" is none.
        kept: What of the work stays after a signal, as in `stoppable`.
    """

    def wrap(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def run(*positional: P.args, **arguments: P.kwargs) -> R:
            with ExitStack() as stack:
                stack.enter_context(stoppable(kept))
                for name, is_file in ((folder, False), (file, True)):
                    place = None if name is None else arguments.get(name)
                    if isinstance(place, str | Path) and str(place) != "-":
                        stack.enter_context(held(place, file=is_file))
                return function(*positional, **arguments)

        return run

    return wrap

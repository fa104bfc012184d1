"""What verbs have in common: alone with what they write from the first second, they say what a signal leaves.

Messages name settings by the verb's flags (`flags.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import wraps
from pathlib import Path
from types import MappingProxyType
from typing import ParamSpec, TypeVar

from anyglot.cli.flags import flags_of
from anyglot.errors import UserError, spelled, spelled_by
from anyglot.runtime.locks import held
from anyglot.runtime.signals import NOTHING_WRITTEN, stoppable

P = ParamSpec("P")
R = TypeVar("R")


def verb(
    *,
    folder: str | None = None,
    file: str | None = None,
    kept: str = NOTHING_WRITTEN,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Wrap a verb's function.

    Args:
        folder: The argument that names the folder it writes; a verb that chooses one itself holds it itself.
        file: The argument that names the file it writes; "-" is none.
        kept: What of the work stays after a signal, as in `stoppable`.
        settings: Settings that the library calls otherwise than the verb -> their flags; see `flags_of`.
    """

    def wrap(function: Callable[P, R]) -> Callable[P, R]:
        spelling = flags_of(function, {"offline": "--offline", **settings})

        @wraps(function)
        def run(*positional: P.args, **arguments: P.kwargs) -> R:
            with ExitStack() as stack:
                stack.enter_context(spelled_by(spelling))
                stack.enter_context(stoppable(kept))
                for name, is_file in ((folder, False), (file, True)):
                    place = None if name is None else arguments.get(name)
                    if isinstance(place, str | Path) and str(place) != "-":
                        stack.enter_context(held(place, file=is_file))
                try:
                    return function(*positional, **arguments)
                except UserError as error:  # raised in a thread of its own, it still has the library's names
                    error.args = tuple(spelled(each) if isinstance(each, str) else each for each in error.args)
                    raise

        run.spelling = spelling  # type: ignore[attr-defined]
        return run

    return wrap

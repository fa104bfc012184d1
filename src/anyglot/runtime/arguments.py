"""What functions of the package are given from Python: told in one sentence where it is of another kind."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from numbers import Integral, Real
from pathlib import Path

from anyglot.errors import UserError


class WrongType(UserError, TypeError):
    """An argument of another type than the function takes: a TypeError, as Python's own functions raise it."""


def shown(value: object) -> str:
    """A value as a sentence names it: its type, and what it is where that is short."""
    if value is None:
        return "None"
    try:
        text = repr(value)
    except Exception:  # a repr of somebody else's may fail in any way
        return type(value).__name__
    return f"{type(value).__name__} {text}" if len(text) <= 40 else f"{type(value).__name__} {text[:37]}..."


def text(name: str, value: object) -> str:
    """A text.

    Raises:
        WrongType: It is none.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray):
        raise WrongType(f"{name} must be text, not {type(value).__name__}: decode it first, .decode('utf-8').")
    raise WrongType(f"{name} must be text, not {shown(value)}.")


def texts(name: str, values: object) -> list[str]:
    """Texts in an order: of a list, a tuple, an array or anything else that is gone through in order.

    Raises:
        WrongType: It is one text, a set or a mapping, or nothing to go through; or one of them is no text.
    """
    return list(each_text(name, values))


def one_each(name: str, values: object, others: Sequence[object]) -> list[str]:
    """Texts, one for each of some others.

    Raises:
        WrongType: As `texts`.
        UserError: There are fewer or more.
    """
    found = texts(name, values)
    if len(found) != len(others):
        raise UserError(f"{len(found)} {name} were given for {len(others)} texts: give one a text.")
    return found


def each_text(name: str, values: object) -> Iterator[str]:
    """The same, one by one as they are asked for; what is no sequence at all is told at once.

    Raises:
        WrongType: As `texts`.
    """
    if isinstance(values, str | bytes | bytearray):
        raise WrongType(f"{name} must be a sequence of texts, not one text: write [text].")
    if isinstance(values, Set | Mapping):
        raise WrongType(f"{name} must be a sequence of texts, not a {type(values).__name__}, which has no order.")
    if not isinstance(values, Iterable):
        raise WrongType(f"{name} must be a sequence of texts, not {shown(values)}.")
    try:
        found = iter(values)
    except TypeError:  # an array without dimensions
        raise WrongType(f"{name} must be a sequence of texts, not {shown(values)}.") from None
    return (text(f"number {number} of {name}", value) for number, value in enumerate(found, start=1))


def is_whole(value: object) -> bool:
    """Whether a value is a whole number, numpy's included; True is none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def whole(name: str, value: object, lowest: int, highest: int) -> int:
    """A whole number within limits. True and 2.0 are none.

    Raises:
        WrongType: It is none.
        UserError: It lies outside.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise WrongType(f"{name} must be a whole number, not {shown(value)}.")
    number = int(value)
    if not lowest <= number <= highest:
        raise UserError(f"{name} must lie between {lowest:,} and {highest:,}, not {number:,}.")
    return number


def real(name: str, value: object, lowest: float, highest: float) -> float:
    """A number within limits. True is none, nor is nan.

    Raises:
        WrongType: It is none.
        UserError: It lies outside.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise WrongType(f"{name} must be a number, not {shown(value)}.")
    number = float(value)
    if math.isnan(number) or not lowest <= number <= highest:
        raise UserError(f"{name} must lie between {lowest:g} and {highest:g}, not {number}.")
    return number


def truth(name: str, value: object) -> bool:
    """True or False.

    Raises:
        WrongType: It is neither.
    """
    if not isinstance(value, bool):
        raise WrongType(f"{name} must be True or False, not {shown(value)}.")
    return value


def impossible_path(error: BaseException) -> str | None:
    """What to tell of an error that a path as such gives, whatever it was wanted for; None for other errors."""
    if isinstance(error, RuntimeError) and "home directory" in str(error):
        return "a path begins with the ~ of a user that this machine does not know: write the folder out."
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        name = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
        return f"{name[:40]}... has {len(name):,} characters, more than a path may have: check what was given."
    return None


def place(name: str, value: object) -> str | os.PathLike[str]:
    """A path, or a name that stands for one.

    Raises:
        WrongType: It is none.
        UserError: No system has room for such a name, or its `~` names no user.
    """
    if isinstance(value, str) or (isinstance(value, os.PathLike) and isinstance(os.fspath(value), str)):
        try:
            Path(value).expanduser().is_dir()
        except (RuntimeError, OSError) as error:
            if (told := impossible_path(error)) is None:
                raise
            raise UserError(told) from None
        return value
    raise WrongType(f"{name} must be a path or a name, not {shown(value)}.")

"""Options that are given as KEY=VALUE and checked by a frozen model of their names and types."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from anyglot.errors import UserError


class Options(BaseModel):
    """Named options with types and defaults; unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def given(self) -> dict[str, Any]:
        """The options that were given, without those left to their defaults."""
        return self.model_dump(exclude_unset=True)


AnyOptions = TypeVar("AnyOptions", bound=Options)


def read_options(kind: type[AnyOptions], texts: Mapping[str, str], section: str = "") -> AnyOptions:
    """The options that texts stand for.

    Args:
        kind: The class of the options.
        texts: Option -> its value as it was typed.
        section: What stands in front of each name in messages, such as "decoder.".

    Raises:
        UserError: A name is unknown, or a value is none of its type.
    """
    for name in texts:
        if name not in kind.model_fields:
            raise unknown_key(f"{section}{name}", [f"{section}{known}" for known in kind.model_fields])
    try:
        return kind.model_validate(dict(texts))
    except ValidationError as error:
        fault = error.errors()[0]
        name, message = str(fault["loc"][0]), str(fault["msg"])
        raise UserError(f"{section}{name}: {message[:1].lower()}{message[1:]} (found {texts[name]!r}).") from None


def unknown_key(key: str, known: Iterable[str]) -> UserError:
    """The error for a key that nobody knows, with the nearest known one."""
    names = sorted(known)
    nearest = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    hint = f"did you mean {nearest[0]}?" if nearest else f"known here: {', '.join(names)}."
    return UserError(f"{key} is not a known key; {hint}")

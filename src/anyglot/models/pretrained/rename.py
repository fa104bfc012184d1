"""Names of tensors in two dialects, and a table that translates them both ways.

A rule is a pair of patterns. `{layer}` stands for a layer index and `{part}` for `weight` or `bias`; what matched on
one side is put in on the other, so every rule is its own inverse.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

_PLACEHOLDERS = {"{layer}": r"(?P<layer>0|[1-9][0-9]{0,3})", "{part}": r"(?P<part>weight|bias)"}


@dataclass(frozen=True)
class Rule:
    """`theirs` <-> `ours`; both patterns must hold the same placeholders, each at most once."""

    theirs: str
    ours: str

    def __post_init__(self) -> None:
        for placeholder in _PLACEHOLDERS:
            counts = self.theirs.count(placeholder), self.ours.count(placeholder)
            if counts not in ((0, 0), (1, 1)):
                raise ValueError(f"{placeholder} must stand once on both sides or on neither of {self}.")


class Table:
    """Rules in both directions.

    Args:
        rules: No two may match one name, on either side.
        copies: Names (theirs) that repeat another tensor (theirs): a tied matrix written twice.
        dropped: Shell patterns of tensors (theirs) that we have no use for: buffers, heads of other tasks.
    """

    def __init__(
        self, rules: Iterable[Rule], *, copies: Mapping[str, str] | None = None, dropped: Iterable[str] = ()
    ) -> None:
        self.rules = tuple(rules)
        self.copies = dict(copies or {})
        self.dropped = tuple(dropped)
        self._to_ours = [(_compile(rule.theirs), rule.ours) for rule in self.rules]
        self._to_theirs = [(_compile(rule.ours), rule.theirs) for rule in self.rules]

    def ours(self, name: str) -> str | None:
        """Our name of their tensor, or None if no rule knows it."""
        return _translate(name, self._to_ours)

    def theirs(self, name: str) -> str | None:
        """Their name of our tensor, or None if no rule knows it."""
        return _translate(name, self._to_theirs)

    def is_dropped(self, name: str) -> bool:
        """Whether their tensor is one we knowingly leave behind."""
        return any(fnmatchcase(name, pattern) for pattern in self.dropped)


@dataclass(frozen=True)
class Prefix:
    """The front part of names that a bare model lacks and a model with a head has (`roberta.`, `bert.`, `model.`).

    Also undoes BERT's oldest spelling of a layer norm's parameters, gamma and beta.

    Args:
        text: The front part.
        heads: Beginnings of the names that never carry it.
    """

    text: str
    heads: tuple[str, ...] = field(default=())

    def remove(self, name: str) -> str:
        """The bare, newly spelled name."""
        name = name.removeprefix(self.text)
        for old, new in ((".gamma", ".weight"), (".beta", ".bias")):
            if name.endswith(old):
                return name.removesuffix(old) + new
        return name

    def add(self, name: str) -> str:
        """The name as a model with a head writes it."""
        return name if name.startswith(self.heads) else self.text + name


def _compile(pattern: str) -> re.Pattern[str]:
    expression = re.escape(pattern)
    for placeholder, group in _PLACEHOLDERS.items():
        expression = expression.replace(re.escape(placeholder), group)
    return re.compile(expression)


def _translate(name: str, patterns: list[tuple[re.Pattern[str], str]]) -> str | None:
    for expression, other in patterns:
        match = expression.fullmatch(name)
        if match is not None:
            for key, value in match.groupdict().items():
                other = other.replace(f"{{{key}}}", value)
            return other
    return None

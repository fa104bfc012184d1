"""YAML read with distrust: plain values only, no key twice, and the line of every key is known.

Whoever reads YAML in this package reads it by this.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from anyglot.errors import UserError
from anyglot.runtime.shallow_yaml import ShallowLoader
from anyglot.runtime.untrusted_files import DOCUMENT, read_bytes

LARGEST = 100_000
_PLAIN = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_SCALARS = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null"))
# What YAML takes for a date, for a merge of mappings and for a default is written for a text here.
_TEXTS = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("timestamp", "merge", "value"))


def parse(text: str, origin: str) -> tuple[Any, dict[tuple[str, ...], int]]:
    """The values of a YAML text, and key path -> line number (from 1).

    Raises:
        UserError: It is not YAML, a key comes twice, or it asks for Python objects.
    """
    lines: dict[tuple[str, ...], int] = {}
    constructor = yaml.constructor.SafeConstructor()
    try:
        node = yaml.compose(text, Loader=ShallowLoader)
        value = None if node is None else _value(node, (), lines, constructor, origin, frozenset())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{origin}, line {mark.line + 1}" if mark is not None else origin
        told = " ".join(str(getattr(error, "problem", None) or error).split())
        raise UserError(f"{where}: this is not valid YAML ({told}).") from None
    except (ValueError, KeyError, OverflowError) as error:  # !!int x, !!bool x, integers too long to read
        raise UserError(f"{origin}: a value cannot be read ({error}); put it in quotes.") from None
    return value, lines


def read(path: Path) -> tuple[Any, dict[tuple[str, ...], int]]:
    """`parse` of a file."""
    try:
        return parse(read_bytes(path, DOCUMENT).decode("utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None


def dump(document: Any) -> str:
    """Plain values as YAML, keys in the order given."""
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    if "\x85" in text:  # written as it is, but read as a line break
        text = yaml.safe_dump(document, sort_keys=False, allow_unicode=False, width=100)
    return text


def _value(
    node: yaml.Node,
    at: tuple[str, ...],
    lines: dict[tuple[str, ...], int],
    constructor: yaml.constructor.SafeConstructor,
    origin: str,
    open_nodes: frozenset[int],
) -> Any:
    line = node.start_mark.line + 1
    lines.setdefault(at, line)
    if id(node) in open_nodes:  # an anchor may hold itself
        raise UserError(f"{origin}, line {line}: a value contains itself.")
    if len(lines) > LARGEST:  # a few lines of aliases to aliases can stand for billions of values
        raise UserError(f"{origin}: more than {LARGEST:,} values are no recipe.")
    if isinstance(node, yaml.CollectionNode) and node.tag not in _PLAIN:
        raise UserError(
            f"{origin}, line {line}: {node.tag:.60} is not a plain value; plain values only may stand here."
        )
    inside = open_nodes | {id(node)}
    if isinstance(node, yaml.SequenceNode):
        return [
            _value(item, (*at, str(index)), lines, constructor, origin, inside) for index, item in enumerate(node.value)
        ]
    if not isinstance(node, yaml.MappingNode):
        if node.tag in _TEXTS:
            return node.value
        if node.tag not in _SCALARS:
            raise UserError(
                f"{origin}, line {line}: {node.tag:.60} is not a plain value; plain values only may stand here."
            )
        return constructor.construct_object(node)
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = key_node.value
        here = key_node.start_mark.line + 1
        if not isinstance(key, str):
            raise UserError(f"{origin}, line {here}: a key must be a plain word.")
        if key in result:
            raise UserError(f"{origin}, line {here}: {'.'.join((*at, key)):.200} is given twice; keep one.")
        lines[(*at, key)] = here
        result[key] = _value(value_node, (*at, key), lines, constructor, origin, inside)
    return result

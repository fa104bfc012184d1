"""What a reader is fed: a sound file spoiled in a place or two, or something that was never one.

Three kinds. `alike` writes a document another way without another meaning; `spoiled` damages it, by its structure or by
its bytes; `strange` has the form and nothing else. Every choice is hypothesis's, so a seed gives the same inputs again.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

Bytes = st.SearchStrategy[bytes]
DEEP = 3_000


@dataclass(frozen=True)
class Raw:
    """Text that stands in a document as it is, JSON or not."""

    text: str


@dataclass(frozen=True)
class Twice:
    """An object of which a key stands twice."""

    members: tuple[tuple[str, Any], ...]


NASTY: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 7, 2**31, 2**63, 2**64, -(2**63), 10**39, Raw("1" + "0" * 400), Raw("9" * 5_000)),
    *(0.5, -0.0, 1e308, Raw("1e400"), Raw("-1e400"), Raw("NaN"), Raw("Infinity"), Raw("-Infinity"), Raw("1E5")),
    *("", " ", "x", "de", "\x00", "a\x00b", "\ud800", "é", "\u2028", "../../x", "/dev/zero", "~nouser/x", "a" * 5_000),
    *([], {}, [[]], [None], [0, 0], [""], {"": None}, {"x": {}}, {"format": 1}, [[0, 1], [2, 3]]),
    *(Raw("[" * DEEP + "]" * DEEP), Raw('{"a":' * DEEP + "1" + "}" * DEEP), Raw("[" * DEEP), Raw("")),
)
"""Values that a place of a document may hold and ought not to."""

YAML_NASTY: tuple[Raw, ...] = tuple(
    map(
        Raw,
        (
            *(
                "2026-13-45",
                "2026-02-30",
                "2026-01-01 99:99:99",
                "1:99",
                "0o9",
                "0x",
                "0b2",
                "1_0",
                ".inf",
                ".nan",
                "~",
            ),
            *(
                "no",
                "=",
                "<<",
                "*nothing",
                "&a [*a]",
                "&a {b: *a}",
                "!!python/object/apply:os.system [id]",
                "!!set {a}",
            ),
            *("!!binary abc", "!!timestamp x", "!!int x", "!!float x", "!!bool x", "!!omap [a: 1]", "!own {a: 1}"),
            *(
                "{? [1, 2] : 3}",
                "{? {a: 1} : 3}",
                "{a: 1, a: 2}",
                "{<<: 1}",
                "{<<: [1]}",
                "'",
                '"',
                "|",
                "%",
                "@a",
                "`",
            ),
            *("[&a [x,x,x,x,x,x,x,x],&b [*a,*a,*a,*a,*a,*a],&c [*b,*b,*b,*b,*b,*b],[*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]]",),
        ),
    )
)

LINES: tuple[bytes, ...] = (
    *(
        b"",
        b" ",
        b"\t",
        b"\t\t",
        b"\t\t\t\t",
        b"\x00",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"x",
        b"0",
        b"-1",
    ),
    *(
        b"nan",
        b"1e400",
        b"9" * 5_000,
        b"\xc2\x85",
        b"\xe2\x80\xa8",
        b"a\x0bb\x0cc",
        b"a\x1cb",
        b"a\rb",
        b"a\tb",
        b"# x",
    ),
    *(b"{", b"[]", b"null", b"{}", b'{"a": 1, "a": 2}', b'{"text": "\\ud800"}', b"[" * DEEP, b"9" * 30_000, b"1\t2\t3"),
)


def dumped(value: Any, *, ascii_only: bool = True) -> str:
    """JSON text of a value in which `Raw` and `Twice` may stand."""
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, dict | Twice):
        members = value.items() if isinstance(value, dict) else value.members
        inside = (f"{json.dumps(key)}: {dumped(each, ascii_only=ascii_only)}" for key, each in members)
        return "{" + ", ".join(inside) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(dumped(each, ascii_only=ascii_only) for each in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


def encoded(text: str) -> bytes:
    """UTF-8, half characters included."""
    return text.encode("utf-8", "surrogatepass")


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside a document; the long lists of a tokenizer are entered at their ends only."""
    found = [at]
    if isinstance(value, dict):
        found += [place for key in value for place in _places(value[key], (*at, key))]
    elif isinstance(value, list):
        numbers = range(len(value)) if len(value) <= 12 else (0, 1, len(value) - 1)
        found += [place for number in numbers for place in _places(value[number], (*at, number))]
    return found


def _changed(value: Any, at: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    """A copy of a document in which one place is another; `GONE` there takes it out."""
    if not at:
        return change(value)
    own: Any = dict(value) if isinstance(value, dict) else list(value)
    made = _changed(own[at[0]], at[1:], change)
    if made is GONE:
        del own[at[0]]
    else:
        own[at[0]] = made
    return own


GONE = object()


@st.composite
def spoiled_values(draw: st.DrawFn, value: Any, nasty: tuple[Any, ...] = NASTY) -> Any:
    """A document of JSON values in which one to three places are other than they ought to be."""
    for _ in range(draw(st.sampled_from((1, 1, 1, 2, 3)))):
        if not isinstance(value, dict | list):
            break
        at = draw(st.sampled_from(_places(value)[1:] or [()]))
        how = draw(st.sampled_from(("other", "other", "other", "gone", "inside", "more", "twice", "wrapped")))
        if how == "gone" and at:
            value = _changed(value, at, lambda _: GONE)
            continue
        made = draw(st.sampled_from(nasty))
        value = _changed(value, at, lambda old, how=how, made=made: _other(old, how, made))
    return value


def _other(old: Any, how: str, made: Any) -> Any:
    if how == "inside" and isinstance(old, str):
        return old + made if isinstance(made, str) else old[:-1]
    if how == "inside" and isinstance(old, int | float):
        return -old
    if how == "more" and isinstance(old, list):
        return [*old, made]
    if how == "more" and isinstance(old, dict):
        return {**old, "more": made}
    if how == "twice" and isinstance(old, dict) and old:
        return Twice((*old.items(), (next(iter(old)), made)))
    if how == "twice" and isinstance(old, list):
        return old + old
    return [old] if how == "wrapped" else made


@st.composite
def spoiled_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """A file of which bytes are others, missing, doubled or too many; or the whole in another encoding."""
    spoilt = bytearray(content)
    for _ in range(draw(st.sampled_from((1, 1, 2, 4)))):
        size = len(spoilt)
        at = draw(st.integers(0, max(0, size - 1)))
        how = draw(st.sampled_from(("flip", "flip", "set", "cut", "drop", "insert", "double", "number")))
        if how == "flip" and size:
            spoilt[at] ^= 1 << draw(st.integers(0, 7))
        elif how == "set" and size:
            spoilt[at] = draw(st.sampled_from(b"\x00\xff\n\r\t \"'{}[],:09-e\\\x80\xc3"))
        elif how == "cut":
            del spoilt[at:]
        elif how == "drop":
            del spoilt[at : at + draw(st.integers(1, 16))]
        elif how == "insert":
            spoilt[at:at] = draw(st.one_of(st.sampled_from(LINES), st.binary(max_size=12)))
        elif how == "double":
            spoilt[at:at] = spoilt[at : at + draw(st.integers(1, 64))]
        elif how == "number":  # lengths and offsets of binary forms
            width = draw(st.sampled_from((1, 2, 4, 8)))
            number = draw(st.sampled_from((0, 1, -1, 2**7, 2**15, 2**31, 2**63, 2**20, 2**40)))
            spoilt[at : at + width] = (number % 2 ** (8 * width)).to_bytes(width, "little")
    return bytes(spoilt)


def rewrapped(content: bytes) -> Bytes:
    """The whole file under another wrapping."""
    text = content.decode("utf-8", "replace")
    return st.sampled_from(
        (
            b"",
            b"\n",
            b"\x00",
            b"\xef\xbb\xbf" + content,
            b"\xef\xbb\xbf",
            content.replace(b"\n", b"\r\n"),
            content.replace(b"\n", b"\r"),
            text.encode("utf-16"),
            text.encode("utf-32"),
            text.encode("latin-1", "replace"),
            content + content,
            content + b"\x00" * 100,
            gzip.compress(content),
            gzip.compress(content)[:-5],
            b"\x1f\x8b",
            b"BZh91AY&SY" + content[:20],
            b"PK\x03\x04" + content[:20],
            content[: len(content) // 2],
        )
    )


@st.composite
def spoiled_lines(draw: st.DrawFn, content: bytes) -> bytes:
    """A file of lines of which some are others, missing, doubled, exchanged, or have other cells."""
    lines = content.split(b"\n")
    for _ in range(draw(st.sampled_from((1, 1, 2, 4)))):
        at = draw(st.integers(0, len(lines) - 1))
        how = draw(st.sampled_from(("other", "insert", "drop", "double", "exchange", "join", "cell", "mark", "long")))
        strange = draw(st.sampled_from(LINES))
        if how == "other":
            lines[at] = strange
        elif how == "insert":
            lines.insert(at, strange)
        elif how == "drop" and len(lines) > 1:
            del lines[at]
        elif how == "double":
            lines.insert(at, lines[at])
        elif how == "exchange":
            lines[at], lines[-1] = lines[-1], lines[at]
        elif how == "join":
            lines[at] = lines[at].replace(b"\t", b" ")
        elif how == "cell":
            cells = lines[at].split(b"\t")
            cells[draw(st.integers(0, len(cells) - 1))] = strange
            lines[at] = b"\t".join(cells)
        elif how == "mark":
            lines[at] = lines[at][:2] + strange + lines[at][2:]
        else:
            lines[at] = lines[at][:2_000] * 500
    return b"\n".join(lines)


json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.sampled_from(NASTY), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inside: st.one_of(
        st.lists(inside, max_size=4),
        st.dictionaries(st.text(max_size=6), inside, max_size=4),
    ),
    max_leaves=8,
)


def strange_documents(keys: list[str]) -> Bytes:
    """Documents that have the keys of a sound one, or none of them, and any values."""
    named = st.dictionaries(st.sampled_from(keys or ["x"]), json_values, max_size=6)
    return st.one_of(named, json_values, st.lists(named, max_size=3)).map(dumped).map(encoded)

"""The forms a file can have, and how files of each are attacked; see `attacks.py` for the three kinds of input."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st

from fuzz.attacks import (
    LINES,
    NASTY,
    YAML_NASTY,
    Bytes,
    dumped,
    encoded,
    rewrapped,
    spoiled_bytes,
    spoiled_lines,
    spoiled_values,
    strange_documents,
)


@dataclass(frozen=True)
class Form:
    """How files of a form are attacked, each of them made of the content of a sound file.

    Attributes:
        alike: The same content otherwise written; None where a form has one spelling only.
        spoiled: Damaged by its structure.
        strange: Nothing of the content.
    """

    alike: Callable[[bytes], Bytes] | None
    spoiled: Callable[[bytes], Bytes]
    strange: Callable[[bytes], Bytes]


def attacks(form: Form, content: bytes) -> st.SearchStrategy[tuple[bool, bytes]]:
    """Inputs, each with whether it means what the sound file means."""
    hostile = st.one_of(
        form.spoiled(content), form.spoiled(content), spoiled_bytes(content), form.strange(content), rewrapped(content)
    ).map(lambda made: (False, made))
    if form.alike is None:
        return hostile
    alike = form.alike(content).map(lambda made: (True, made))
    return st.sampled_from((alike, *[hostile] * 9)).flatmap(lambda chosen: chosen)


def _json_alike(content: bytes, spaces: str = " :\t") -> Bytes:
    value = json.loads(content)
    return st.sampled_from(
        tuple(
            json.dumps(value, indent=indent, ensure_ascii=ascii_only, separators=separators).encode()
            for indent in (None, 0, 4)
            for ascii_only in (True, False)
            for separators in ((",", ":"), (" , ", spaces))
        )
    )


def _json_spoiled(content: bytes) -> Bytes:
    return spoiled_values(json.loads(content)).map(dumped).map(encoded)


def _json_strange(content: bytes) -> Bytes:
    value = json.loads(content)
    return strange_documents(sorted(value) if isinstance(value, dict) else [])


JSON = Form(_json_alike, _json_spoiled, _json_strange)


def _json_lines_spoiled(content: bytes) -> Bytes:
    rows = [json.loads(line) for line in content.splitlines()]
    whole = spoiled_values(rows).map(lambda made: made if isinstance(made, list) else [made])
    structured = whole.map(lambda made: encoded("".join(f"{dumped(row)}\n" for row in made)))
    return st.one_of(structured, structured, spoiled_lines(content))


JSON_LINES = Form(
    lambda content: st.just(
        "".join(json.dumps(json.loads(line), ensure_ascii=False) + "\n" for line in content.splitlines()).encode()
    ),
    _json_lines_spoiled,
    lambda content: st.lists(_json_strange(content.splitlines()[0]), max_size=4).map(b"\n".join),
)


def _yaml_spoiled(content: bytes) -> Bytes:
    """The sound file is in JSON's notation, which is YAML's too."""
    return spoiled_values(json.loads(content), (*NASTY, *YAML_NASTY, *YAML_NASTY)).map(dumped).map(encoded)


YAML = Form(
    lambda content: _json_alike(content, " : "),  # where a tab may not stand between
    _yaml_spoiled,
    lambda content: st.one_of(
        _json_strange(content),
        st.sampled_from(YAML_NASTY).map(lambda raw: encoded(raw.text)),
        st.lists(st.sampled_from(YAML_NASTY), max_size=5).map(
            lambda rows: encoded("".join(f"- {row.text}\n" for row in rows))
        ),
        st.text(max_size=60).map(encoded),
    ),
)

TEXT = Form(
    lambda content: st.sampled_from(
        (b"\xef\xbb\xbf" + content, content.replace(b"\n", b"\r\n"), content.rstrip(b"\n"))
    ),
    spoiled_lines,
    lambda content: st.one_of(
        st.lists(st.sampled_from(LINES), max_size=8).map(b"\n".join),
        st.lists(st.lists(st.text(max_size=6), max_size=5).map("\t".join), max_size=8).map("\n".join).map(encoded),
        st.binary(max_size=200),
    ),
)
"""Lines, which a byte order mark and another line end leave as they are."""

ROWS = Form(None, TEXT.spoiled, TEXT.strange)
"""Lines of a form whose readers need not take another line end for the same."""


def packed(form: Form) -> Form:
    """The form inside gzip, with sound packing."""

    def inside(make: Callable[[bytes], Bytes]) -> Callable[[bytes], Bytes]:
        return lambda content: make(gzip.decompress(content)).map(lambda made: gzip.compress(made, mtime=0))

    return Form(None if form.alike is None else inside(form.alike), inside(form.spoiled), inside(form.strange))


BINARY = Form(None, spoiled_bytes, lambda content: st.binary(max_size=300))


def _safetensors_spoiled(content: bytes) -> Bytes:
    """The header's JSON spoiled, its length put right."""
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    body = content[8 + size :]

    def packed(value: object) -> bytes:
        text = encoded(dumped(value))
        return struct.pack("<Q", len(text)) + text + body

    others = (*NASTY, "I64", "F64", "BF16", "BOOL", "F8_E4M3", [2**31, 2**31, 2**31], [-1], [0], [16], [0, 4], [4, 0])
    return spoiled_values(header, others).map(packed)


SAFETENSORS = Form(None, _safetensors_spoiled, BINARY.strange)


def _npy_spoiled(content: bytes) -> Bytes:
    """The header's text spoiled, its length put right."""
    (size,) = struct.unpack("<H", content[8:10])
    header, body = content[10 : 10 + size].decode("latin-1").rstrip(), content[10 + size :]
    pieces = st.sampled_from(
        (
            *("'<f4'", "'<f8'", "'|O'", "'<U0'", "'|V0'", "'>f2'", "'<i8'", "'x'", "''", "[('a', '<f4')]", "None", "1"),
            *(
                "()",
                "(3,)",
                "(-1, 4)",
                "(4611686018427387904, 4)",
                "(3, 4, 1)",
                "('a',)",
                "(True, 4)",
                "(1e3,)",
                "[3, 4]",
            ),
            *("True", "0", "__import__('os')", "(" * 300, "{" * 50, "'", "\x00", "9" * 5_000),
        )
    )
    values = [part.strip() for part in ("'<f4'", "False", "(3, 4)")]

    def packed(chosen: tuple[int, str]) -> bytes:
        held = list(values)
        held[chosen[0]] = chosen[1]
        text = f"{{'descr': {held[0]}, 'fortran_order': {held[1]}, 'shape': {held[2]}, }}\n".encode(
            "latin-1", "replace"
        )
        return content[:8] + struct.pack("<H", len(text)) + text + body

    assert header.startswith("{'descr'"), header
    return st.tuples(st.integers(0, 2), pieces).map(packed)


NPY = Form(None, _npy_spoiled, BINARY.strange)

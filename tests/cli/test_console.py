"""Results are drawn on a terminal, and are Markdown that a program reads in a pipe."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

TABLE = "| Test | BLEU |\n| --- | ---: |\n| news | 61.7 [59.1, 63.4] |"
CODE = f"from anyglot.cli.console import show; show({TABLE!r})"


def test_in_a_pipe_it_is_the_markdown_itself() -> None:
    found = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert found.stdout == TABLE + "\n"


@pytest.mark.parametrize(("columns", "words"), [("100", ["news", "61.7 [59.1, 63.4]"]), ("20", ["news", "61.7"])])
def test_on_a_terminal_it_is_drawn_and_nothing_is_lost(columns: str, words: list[str]) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": columns}
    process = subprocess.Popen([sys.executable, "-c", CODE], stdout=theirs, env=environment)
    os.close(theirs)
    drawn = b""
    while chunk := _read(ours):
        drawn += chunk
    assert process.wait() == 0
    text = drawn.decode()
    assert "|" not in text and "---" not in text and all(word in text for word in words)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:  # the other end is closed, which Linux says so
        return b""

"""What a command says of itself while it works."""

from __future__ import annotations

import re

import pytest

from anyglot.data import progress
from anyglot.data.progress import ByteProgress


def test_bytes_into_a_pipe_are_told_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with ByteProgress("fetching x") as bar:
        bar.show(20_000_000, 90_000_000)  # there from an earlier try
        now[0] += 10
        bar.show(25_000_000, 90_000_000)
        assert capsys.readouterr().err == ""
        now[0] += 40
        bar.show(30_000_000, 90_000_000)
        assert capsys.readouterr().err == "anyglot: 30 of 90 MB, 0.2 MB/s, 5 min left.\n"
        bar.show(90_000_000, 90_000_000)
    assert capsys.readouterr().err == ""


def test_bytes_on_a_terminal_are_a_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    with ByteProgress("fetching x") as bar:
        for done in range(0, 90_000_001, 30_000_000):
            bar.show(done, 90_000_000)
            if done == 60_000_000:
                assert bar._bar is not None
                bar._bar.refresh()
    assert re.search(r"fetching x.*60\.0/90\.0 MB", capsys.readouterr().err)

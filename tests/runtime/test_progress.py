"""What a command says of itself while it works."""

from __future__ import annotations

import re
import time

import pytest

from anyglot.runtime import progress
from anyglot.runtime.progress import ByteProgress, CorpusProgress


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


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_line_every_five_seconds_at_most_with_speed_and_time_left(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with CorpusProgress() as progress:
        for second in range(12):
            clock[0] = 100.0 + second
            progress.show("tokenising de-en", 1000 * second, 20_000)
    assert capsys.readouterr().err.splitlines() == [
        "tokenising de-en 5,000/20,000 lines  1,000 lines/s  15 s left",
        "tokenising de-en 10,000/20,000 lines  1,000 lines/s  10 s left",
    ]


def test_each_corpus_has_a_clock_of_its_own_and_an_unknown_end_no_time_left(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with CorpusProgress() as progress:
        progress.show("hashing de-en", 0, None)
        clock[0] += 4
        progress.show("hashing de-en", 400, None)
        progress.show("hashing fr-en", 0, None)
        clock[0] += 4
        progress.show("hashing fr-en", 2000, None)
        clock[0] += 4
        progress.show("hashing fr-en", 100, None)  # another corpus of the name
        clock[0] += 2
        progress.show("hashing fr-en", 600, None)
    assert capsys.readouterr().err.splitlines() == [
        "hashing fr-en 2,000 lines  500 lines/s",
        "hashing fr-en 600 lines  300 lines/s",
    ]


def test_nothing_is_said_where_nothing_shall_be(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with CorpusProgress(shown=False) as progress:
        clock[0] += 60
        progress.show("tokenising de-en", 100, 1000)
    assert capsys.readouterr().err == ""

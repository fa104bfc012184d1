"""T6: SIGTERM and SIGINT end every verb with 143 or 130 and a sentence on what is kept; nothing is half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from anyglot.inference.embedding import embedder
from anyglot.inference.embedding.command import Work, run
from anyglot.runtime.signals import NOTHING_WRITTEN, Stopped, stoppable
from support.tiny_translators import TEXTS

BOTH = [(signal.SIGTERM, 143), (signal.SIGINT, 130)]


@pytest.mark.parametrize(("number", "code"), BOTH)
def test_t6_a_signal_is_an_exception_told_once(
    number: signal.Signals, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
    with pytest.raises(Stopped) as stopped, stoppable("outer"), stoppable("it is kept"):
        os.kill(os.getpid(), number)
        time.sleep(10)
    assert stopped.value.code == code
    assert capfd.readouterr().err == "anyglot: stopped by a signal; it is kept.\n"
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)] == before


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("suffix", [".npy", ".parquet"])
def test_t6_embed(
    cached: bool,
    suffix: str,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    made: list[int] = []
    vectors_of = embedder.vectors_of

    def signalled(*arguments: object) -> object:
        made.append(1)
        if len(made) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return vectors_of(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(embedder, "vectors_of", signalled)
    (tmp_path / "text").write_text("\n".join(f"{text} {number}" for number, text in enumerate(TEXTS * 3)))
    (tmp_path / "out").mkdir()
    output, cache = tmp_path / "out" / f"text{suffix}", tmp_path / "cache"
    work = Work(str(model), tmp_path / "text", output, batch_tokens=64, device="cpu", precision="fp32")
    with pytest.raises(Stopped) as stopped:
        run(work if not cached else Work(**{**vars(work), "cache": cache}))
    assert stopped.value.code == 143 and len(made) == 3
    assert list(output.parent.iterdir()) == []
    told = f"vectors made so far are in the cache {cache}; the same command goes on from there"
    told = told if cached else "no vectors are kept; the same command begins again"
    assert capfd.readouterr().err.endswith(f"anyglot: stopped by a signal; {told}.\n")


def _ended(words: list[str], begun: Callable[[], bool], number: int, folder: Path) -> tuple[int, str]:
    """Start a command, signal it when it has begun to write, and return its exit code and what it said."""
    command = [sys.executable, "-m", "anyglot.cli.main", *words]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=folder)
    try:
        while not begun():
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.send_signal(number)
        return process.wait(), process.communicate()[1]
    finally:
        process.kill()


@pytest.mark.parametrize(("number", "code"), BOTH)
def test_t6_phrasebook(number: int, code: int, tmp_path: Path) -> None:
    words = [
        "data",
        "phrasebook",
        "--languages",
        "en,de,fi",
        "--sentences",
        "200000",
        "--out",
        str(tmp_path / "a" / "book"),
    ]
    ended, told = _ended(words, (tmp_path / "a" / ".book.tmp").exists, number, tmp_path)
    assert (ended, told) == (code, f"anyglot: stopped by a signal; {NOTHING_WRITTEN}.\n")
    assert list(tmp_path.iterdir()) == []


RECIPE = """
name: student
method:
  name: transformer
  encoder: {layers: 1, width: 16, heads: 2, feedforward_width: 16}
  decoder: {layers: 1, heads: 2, feedforward_width: 16}
tokenizer: model
data:
  train: [{source: de, target: en, files: [text.de, text.de]}]
  max_length: 64
  batch_tokens: 256
  cache: cache
stages: {all: {updates: 100000, learning_rate: 1e-3}}
runtime: {precision: fp32}
"""
# Verb -> what it is asked, what shows that it has begun, what it says, and what may stay.
VERBS = {
    "embed": (["model", "-i", "text.de", "-o", "out.npy", "--no-cache"], "out.npy.partial", "no vectors are kept", []),
    "mine": (
        ["text.de", "text.en", "--model", "model", "-o", "out.tsv", "--no-cache"],
        "out.tsv.work",
        "what was searched is kept beside the output; the same command goes on",
        ["out.tsv.work"],
    ),
    "translate": (
        ["model", "-s", "de", "-t", "en", "-i", "text.de", "-o", "out.txt", "--beam", "8"],
        "out.txt.journal.json",
        "what was done is kept, continue with --resume",
        ["out.txt.journal.json", "out.txt.partial"],
    ),
    "distil": (
        ["recipe.yaml", "--teacher", "model", "--out", "distilled", "--beam", "8"],
        "distilled/sources/0.de-en.out.journal.json",
        "what was translated is kept; go on with --resume",
        ["distilled"],
    ),
    "evaluate": (
        ["model", "-s", "de", "-t", "en", "--input", "text.de", "--reference", "text.en", "--out", "scores"],
        "scores",
        "what was finished is kept in the output folder; the same command goes on",
        ["scores"],
    ),
    "train": (["recipe.yaml", "--out", "run"], "run/metrics.jsonl", "saved; resume with --resume", ["cache", "run"]),
}


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), BOTH)
@pytest.mark.parametrize("verb", VERBS)
def test_t6_every_long_verb(verb: str, number: int, code: int, model: Path, tmp_path: Path) -> None:
    words = [" ".join(TEXTS).split()[place % 50] for place in range(6000)]
    lines = [f"{' '.join(words[place : place + 9])} {place}" for place in range(5000)]
    (tmp_path / "text.de").write_text("\n".join(lines) + "\n")
    (tmp_path / "text.en").write_text("\n".join(reversed(lines)) + "\n")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    before = {path.name for path in tmp_path.iterdir()}
    asked, begun, said, stays = VERBS[verb]
    ended, told = _ended([verb, *asked], (tmp_path / begun).exists, number, tmp_path)
    assert ended == code and "Traceback" not in told and said in told, told
    assert sorted({path.name for path in tmp_path.iterdir()} - before) == stays
    assert not list(tmp_path.rglob("*.tmp")) and not list(tmp_path.rglob(".*.lock"))

"""T6: SIGTERM and SIGINT end every verb with 143 or 130 and a sentence on what is kept; nothing is half-written."""

from __future__ import annotations

import json
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
from anyglot.models.pretrained.run_checkpoints import checkpoint_folders
from anyglot.runtime.signals import NOTHING_WRITTEN, Stopped, stoppable
from support.tiny_translators import TEXTS
from support.waiting import PATIENCE

GO_ON = "the run goes on from its newest checkpoint, if there is one,"
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
    "train": (
        ["recipe.yaml", "--out", "run", "--quiet"],
        "run/metrics.jsonl",
        f"{GO_ON} with --resume",
        ["cache", "run"],
    ),
}


def _write_texts(folder: Path, count: int) -> None:
    words = [" ".join(TEXTS).split()[place % 50] for place in range(count + 9)]
    lines = [f"{' '.join(words[place : place + 9])} {place}" for place in range(count)]
    (folder / "text.de").write_text("\n".join(lines) + "\n")
    (folder / "text.en").write_text("\n".join(reversed(lines)) + "\n")


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), BOTH)
@pytest.mark.parametrize("verb", VERBS)
def test_t6_every_long_verb(verb: str, number: int, code: int, model: Path, tmp_path: Path) -> None:
    _write_texts(tmp_path, 5000)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    before = {path.name for path in tmp_path.iterdir()}
    asked, begun, said, stays = VERBS[verb]
    ended, told = _ended([verb, *asked], (tmp_path / begun).exists, number, tmp_path)
    assert ended == code and "Traceback" not in told and said in told, told
    assert sorted({path.name for path in tmp_path.iterdir()} - before) == stays
    assert not list(tmp_path.rglob("*.tmp")) and not list(tmp_path.rglob(".*.lock"))


def _leftovers(folder: Path) -> list[str]:
    """What is half-written, or locks nothing any more."""
    return sorted(path.name for pattern in ("*.tmp", "*.partial", ".*") for path in folder.rglob(pattern))


STUDY = """
study: stopped
steps:
  train: {command: "anyglot train ROOM/recipe.yaml --out {out}", resume: --resume}
"""


@pytest.mark.slow
@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_t6_study(quiet: list[str], model: Path, tmp_path: Path) -> None:
    """Its step saves and ends before it does; and the same command goes on to the end."""
    _write_texts(tmp_path, 200)
    often = "tracking: {log_every: 1}\ncheckpoints: {every: 1000}\n"
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("updates: 100000", "updates: 300") + often)
    (tmp_path / "study.yaml").write_text(STUDY.replace("ROOM", str(tmp_path)))
    step, words = tmp_path / "out" / "train", ["study", "run", "study.yaml", "--out", "out", *quiet]
    ended, told = _ended(words, (step / "metrics.jsonl").exists, signal.SIGTERM, tmp_path)
    said = "stopped by a signal; finished steps and what the others saved are kept; the same command goes on"
    begun = "" if quiet else "step 1 of 1: train\nstopping train\n"
    assert (ended, told) == (143, f"{begun}anyglot: {said}.\n")
    (saved,) = checkpoint_folders(step / "checkpoints")
    assert f"after update {saved.name[5:]}, saved\n" in (step / "log.txt").read_text()
    assert not (step / "step.json").exists() and _leftovers(tmp_path) == []
    command = [sys.executable, "-m", "anyglot.cli.main", *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=PATIENCE)
    assert done.returncode == 0 and (step / "step.json").exists(), done.stderr
    logged = [json.loads(line) for line in (step / "metrics.jsonl").read_text().splitlines()]
    assert [line["update"] for line in logged if line["kind"] == "train"] == list(range(1, 301))


@pytest.mark.slow
def test_t6_demo(tmp_path: Path) -> None:
    """Stopped while it writes its text, gone on with, stopped while a model trains, gone on with to the end."""
    out, tests = tmp_path / "demo", Path(__file__).parents[1]
    paths = os.pathsep.join([str(tests), *filter(None, [os.environ.get("PYTHONPATH")])])

    def demo(*patterns: str) -> tuple[int, str]:
        words = [sys.executable, "-m", "experiments.demo.small", str(out), *patterns]
        environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=PATIENCE)
        assert "Traceback" not in done.stderr and "--resume" not in done.stderr, done.stderr
        return done.returncode, done.stderr

    kept = "anyglot: stopped by a signal; what was finished is kept; the same command goes on with the demo.\n"
    code, told = demo("*/text/mono.de.txt")
    assert code == 143 and told.endswith(f"writing text in 4 languages\n{kept}"), told
    assert _leftovers(tmp_path) == []
    code, told = demo("*/sixt/checkpoints/step-2")
    assert code == 143 and told.endswith(f"stopped by signal 15 after update 3, saved\n{kept}"), told
    assert (out / "encoder" / "run.json").exists() and not (out / "sixt" / "run.json").exists()
    assert _leftovers(tmp_path) == []
    written = (out / "encoder" / "model.safetensors").stat().st_mtime_ns
    code, told = demo()
    assert code == 0 and f"going on with the demo in {out}, of which 2 steps are done" in told, told
    assert (out / "encoder" / "model.safetensors").stat().st_mtime_ns == written
    assert (out / "report.html").exists() and _leftovers(tmp_path) == []

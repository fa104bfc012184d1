"""A precision chosen by the clock is chosen once: a busy machine, whose clock tells otherwise, changes no bit of a run.

Training used to ask anew in every run, and a resumed translation trusted the user's cache alone.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from anyglot.inference.translation import SearchSettings, jobs
from anyglot.inference.translation.command import Work, run
from anyglot.inference.translation.translator import Translator
from anyglot.models import device, precision_probe
from anyglot.runtime import measurements
from anyglot.runtime.signals import Stopped
from anyglot.training.loop import precision
from anyglot.training.loop.options import RuntimeOptions
from anyglot.training.loop.train import train
from support import training_traces
from support.tiny_translators import write_model_folder
from support.toy_training import toy_plan
from support.waiting import ended
from training.loop.test_exactness import stopping_streams

UPDATES = (14, 16)


@pytest.fixture(autouse=True)
def own_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    precision_probe._chosen.cache_clear()


def changing(*gains: float) -> Callable[..., float]:
    """A probe that comes out otherwise every time it is asked."""
    answers: Iterator[float] = itertools.cycle(gains)
    return lambda device, width: next(answers)


def test_two_runs_of_one_recipe_train_in_one_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "bf16_gain", changing(2.0, 0.5))
    runtime = RuntimeOptions(precision="auto")
    for name in ("one", "other"):
        assert train(toy_plan(tmp_path / name, UPDATES, runtime=runtime)).precision == "bf16"
    training_traces.assert_equal(tmp_path / "one", tmp_path / "other")


def test_a_resumed_run_takes_over_what_the_first_one_chose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "bf16_gain", changing(2.0, 0.5))
    runtime = RuntimeOptions(precision="auto")
    with pytest.raises(Stopped):
        streams = stopping_streams(9, signal.SIGTERM)
        train(toy_plan(tmp_path / "cut", UPDATES, runtime=runtime, streams=streams))
    measurements.memory("precision").unlink()  # another machine, or a cache that was emptied
    train(toy_plan(tmp_path / "cut", UPDATES, runtime=runtime), resume=True)
    train(toy_plan(tmp_path / "whole", UPDATES, runtime=RuntimeOptions(precision="bf16")))
    assert (
        training_traces.state(tmp_path / "cut")["step-30"]["model"]
        == training_traces.state(tmp_path / "whole")["step-30"]["model"]
    )


def test_a_resumed_translation_takes_over_what_the_first_one_chose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = write_model_folder(tmp_path / "model")
    text, out = tmp_path / "in.txt", tmp_path / "out.txt"
    text.write_text("Das Haus ist alt.\n" * 9)
    monkeypatch.setattr(jobs, "WINDOW_LINES", 4)
    answers = itertools.cycle(["bf16", "fp32"])
    monkeypatch.setattr(device, "fastest", lambda *sizes: next(answers))
    monkeypatch.setattr(device, "multiplies_bf16", lambda device: True)
    translate, windows = Translator.translate_n_best, itertools.count()

    def stopped_in_the_second(self: Translator, *words: object, **further: object) -> object:
        if next(windows) == 1:
            raise KeyboardInterrupt
        return translate(self, *words, **further)  # type: ignore[arg-type]

    monkeypatch.setattr(Translator, "translate_n_best", stopped_in_the_second)
    settings = SearchSettings(decoder="greedy", max_length=8)
    with pytest.raises(KeyboardInterrupt):
        run(Work(str(model), "de", "en", settings, text, out, "cpu", "auto", False))
    run(Work(str(model), "de", "en", settings, text, out, "cpu", "auto", True))
    work = json.loads((tmp_path / "out.txt.journal.json").read_text())["work"]
    assert Translator.precision_in(work["model"]) == "bf16" and out.read_text().count("\n") == 9


def _ask(folder: str, answer: str) -> None:
    def slow() -> str:
        time.sleep(0.3)  # long enough that both would be measuring, were there no lock
        return answer

    (Path(folder) / answer).write_text(precision_probe.remembered(["which"], ["fp32", "bf16"], slow))


def test_of_two_processes_that_ask_at_once_both_get_one_answer(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    asking = [fork.Process(target=_ask, args=(str(tmp_path), answer)) for answer in ("fp32", "bf16")]
    for process in asking:
        process.start()
    assert [ended(process) for process in asking] == [0, 0]
    assert (tmp_path / "fp32").read_text() == (tmp_path / "bf16").read_text()
    assert len(json.loads(measurements.memory("precision").read_text())) == 1


def test_where_nothing_can_be_remembered_the_question_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert precision_probe.remembered(["which"], ["fp32", "bf16"], lambda: "bf16") == "bf16"

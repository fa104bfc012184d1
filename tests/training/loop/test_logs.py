"""metrics.jsonl tells every update once; precision is chosen by trial; signals are noted."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import torch
from torch import nn

from anyglot.errors import UserError
from anyglot.training.loop import precision
from anyglot.training.loop.distributed import start_accelerator
from anyglot.training.loop.logs import Display, MetricsLog
from anyglot.training.loop.signals import StopRequests


def test_lines_beyond_the_resumed_update_and_a_cut_line_go(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = [json.dumps({"update": update}) + "\n" for update in (1, 2, 2, 3)]
    path.write_text("".join(lines) + '{"update": 1, "los')
    log = MetricsLog(path, 2)
    log.write({"update": 3, "again": True})
    log.close()
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert found == [{"update": 1}, {"update": 2}, {"update": 2}, {"update": 3, "again": True}]


def test_a_fresh_run_starts_an_empty_log(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"update": 1}\n')
    MetricsLog(path, 0).close()
    assert path.read_text() == ""


def test_plain_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    display = Display("stage one", 10, 0)
    display.advance(5)
    display.numbers(loss=1.25)
    display.close()
    told = capsys.readouterr().err
    assert told.startswith("stage one 5/10  loss 1.25") and told.endswith("s left\n")


@pytest.mark.parametrize(("gain", "chosen"), [(1.19, "fp32"), (1.2, "bf16"), (0.4, "fp32")])
def test_bf16_only_where_it_is_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gain: float, chosen: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(precision, "bf16_gain", lambda device, width: gain)
    assert precision.choose_precision("auto", nn.Linear(8, 8)) == chosen


def test_the_probe_runs_and_the_width_is_the_models() -> None:
    assert precision.bf16_gain(torch.device("cpu"), 16, rows=8, rounds=1) > 0
    model = nn.Sequential(nn.Linear(16, 64), nn.Linear(64, 16), nn.Linear(16, 16))
    assert precision.model_width(model) == 16


@pytest.mark.skipif(torch.cuda.is_available(), reason="fp16 is right with a GPU")
def test_fp16_without_a_gpu_is_refused() -> None:
    with pytest.raises(UserError, match="fp16 needs a GPU"):
        precision.choose_precision("fp16", nn.Linear(8, 8))


def test_a_tracker_that_is_not_installed_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="clearml are not installed"):
        start_accelerator("fp32", ("clearml",), tmp_path)


def test_signals_are_noted_and_handlers_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with StopRequests() as stop:
        assert stop.number == 0
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.number == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_second_interrupt_does_not_wait() -> None:
    with StopRequests(), pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

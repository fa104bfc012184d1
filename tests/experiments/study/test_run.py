"""Steps run once, again when they must, go on after a kill, and fail in a sentence; with real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from anyglot.cli.main import app
from anyglot.errors import UserError
from anyglot.experiments.study.file import load_study
from anyglot.experiments.study.progress import Progress, duration
from anyglot.experiments.study.run import Work, run_step, run_study
from anyglot.experiments.study.steps import steps_of
from support.holder import holder
from support.waiting import PATIENCE, until

# Writes how often it ran; one that is told to wait counts on until a file lets it end.
WORKER = """
import sys, time, pathlib
out, *words = sys.argv[1:]
out = pathlib.Path(out); out.mkdir(exist_ok=True)
tally = out / "tally.txt"
tally.write_text((tally.read_text() if tally.exists() else "") + ("resumed " if "--resume" in words else "began "))
if "fail" in words:
    print("a line of the log"); sys.exit("it went wrong")
gate = [word.removeprefix("wait=") for word in words if word.startswith("wait=")]
while gate and not pathlib.Path(gate[0]).exists():
    time.sleep(0.02)
(out / "result.txt").write_text(" ".join(words))
"""

STUDY = """
study: run
variables: {rate: 1, second: "", gate: ""}
lists: {seed: [1, 2]}
steps:
  first: {command: "PYTHON WORKER {out} {gate}", resume: --resume, says: the first}
  each: {each: [seed], command: "PYTHON WORKER {out} {step:first} {second} rate={rate}"}
  last: {after: [each], command: "PYTHON WORKER {out}"}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "worker.py").write_text(WORKER)
    text = STUDY.replace("PYTHON", sys.executable).replace("WORKER", str(tmp_path / "worker.py"))
    (tmp_path / "study.yaml").write_text(text)
    return tmp_path


def work(place: Path, *overrides: str) -> Work:
    return Work.laid_out(load_study(str(place / "study.yaml"), overrides), place / "out")


def tallies(place: Path) -> dict[str, str]:
    return {path.parent.name: path.read_text().strip() for path in (place / "out").glob("*/tally.txt")}


def run(place: Path, *overrides: str, jobs: int = 1) -> list[str]:
    said: list[str] = []
    run_study(work(place, *overrides), jobs, said.append)
    return said


def test_every_step_runs_once_and_again_only_when_its_key_has_changed(place: Path) -> None:
    said = run(place)
    assert tallies(place) == dict.fromkeys(["first", "each-1", "each-2", "last"], "began")
    assert said[0] == "step 1 of 4: first: the first" and said[1].startswith("first done in")
    assert "1 of 4" in said[1] and "left" in said[1] and "left" not in said[-1]
    assert run(place) == ["all 4 steps are done."]
    (place / "out" / "each-1" / "stale.txt").write_text("of an earlier run")
    stamp = (place / "out" / "first" / "step.json").stat().st_mtime_ns
    run(place, "rate=2")
    assert not (place / "out" / "each-1" / "stale.txt").exists()  # its folder is emptied before it runs anew
    assert "rate=2" in (place / "out" / "each-1" / "result.txt").read_text()
    assert (place / "out" / "first" / "step.json").stat().st_mtime_ns == stamp


def test_the_record_of_a_step_says_what_ran(place: Path) -> None:
    run(place)
    record = json.loads((place / "out" / "each-2" / "step.json").read_text())
    assert set(record) == {"name", "key", "command", "seconds", "commit", "finished"}
    assert record["name"] == "each-2" and record["key"] == work(place).keys["each-2"]
    assert str(place / "out" / "first") in record["command"]


def test_a_failing_step_is_told_with_the_end_of_its_log_and_others_run_on(place: Path) -> None:
    script = (place / "worker.py").read_text()
    (place / "worker.py").write_text(script.replace('if "fail" in words', 'if out.name == "each-1"'))
    told = r"1 step failed and 1 wait for it:\n  each-1: exit code 1: a line of the log\n    it went wrong"
    with pytest.raises(UserError, match=told):
        run(place)
    assert (place / "out" / "each-2" / "step.json").exists() and not (place / "out" / "last").exists()
    assert not (place / "out" / "each-1" / "step.json").exists()
    (place / "worker.py").write_text(script)
    run(place)
    assert tallies(place)["each-2"] == "began" and (place / "out" / "last" / "step.json").exists()


def test_one_step_is_run_by_number_and_refused_before_what_it_reads(place: Path) -> None:
    with pytest.raises(UserError, match=r"step 2 \(each-1\) reads 1 \(first\), which is not done; run it first"):
        run_step(work(place), 2, print)
    with pytest.raises(UserError, match=r"reads 2 \(each-1\), 3 \(each-2\), which are not done; run them first"):
        run_step(work(place), 4, print)
    with pytest.raises(UserError, match="no step 5; the study has the steps 1 to 4"):
        run_step(work(place), 5, print)
    run_step(work(place), 1, print)
    run_step(work(place), 2, print)
    assert tallies(place) == {"first": "began", "each-1": "began"}


def test_the_list_shows_numbers_states_and_needs(place: Path) -> None:
    call = ["study", "list", str(place / "study.yaml"), "--out", str(place / "out")]
    before = CliRunner().invoke(app, call).output.splitlines()
    assert [line.split()[:3] for line in before] == [
        ["1", "ready", "first"], ["2", "waiting", "each-1"], ["3", "waiting", "each-2"], ["4", "waiting", "last"],
    ]  # fmt: skip
    assert before[3].split()[-1] == "2,3"
    run(place)
    after = CliRunner().invoke(app, [*call, "--set", "rate=3"]).output.splitlines()
    assert [line.split()[1] for line in after] == ["done", "changed", "changed", "waiting"]


def test_steps_run_side_by_side_as_far_as_they_may(place: Path) -> None:
    gate = place / "gate"
    text = (place / "study.yaml").read_text().replace("{second}", "wait={second}")
    # Each of the two waits for a file that only the other's end could not give: both must run at once to see it come.
    (place / "study.yaml").write_text(text)
    starter = subprocess.Popen([sys.executable, "-c", _WAIT_FOR_BOTH, str(place / "out"), str(gate)])
    run(place, f"second={gate}", jobs=2)
    assert starter.wait(timeout=PATIENCE) == 0


_WAIT_FOR_BOTH = """
import pathlib, sys, time
out, gate = map(pathlib.Path, sys.argv[1:])
while not all((out / name / "tally.txt").exists() for name in ("each-1", "each-2")):
    time.sleep(0.02)
gate.write_text("open")
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_an_interrupted_step_goes_on_where_it_stopped(place: Path, number: int) -> None:
    gate = place / "gate"
    command = [
        sys.executable,
        "-m",
        "anyglot.cli.main",
        "study",
        "run",
        str(place / "study.yaml"),
        "--out",
        str(place / "out"),
    ]
    command += ["--set", f"gate=wait={gate}"]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE)
    until((place / "out" / "first" / "tally.txt").exists, "the first step began", process)
    if number == signal.SIGKILL:
        os.killpg(process.pid, number)  # as a machine that goes down: nobody can tidy up
    else:
        process.send_signal(number)  # as a launcher that asks: the study asks its steps in turn
    process.wait(timeout=PATIENCE)
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    states = {
        step.name: work(place, f"gate=wait={gate}").state(step)
        for step in steps_of(load_study(str(place / "study.yaml")))
    }
    assert states["first"] == "begun"
    gate.write_text("open")
    run(place, f"gate=wait={gate}")
    assert tallies(place)["first"] == "began resumed" and (place / "out" / "last" / "step.json").exists()


def test_a_step_that_another_process_runs_is_not_run_twice(place: Path) -> None:
    first = place / "out" / "first"
    with holder(first) as pid, pytest.raises(UserError, match=f"first is being written by process {pid} "):
        run(place)
    run(place)


def test_the_time_left_is_told_by_steps_of_the_same_kind(place: Path) -> None:
    steps = steps_of(load_study(str(place / "study.yaml")))
    clock = iter([0.0, 10.0, 20.0])
    progress = Progress(4, steps, {"each": [30.0]}, 1, lambda: next(clock))
    assert progress.left() == 4 * 30  # of the others nothing is known
    assert progress.ends(steps[0], 10.0) == "first done in 10 s; 1 of 4, 10 s so far, about 1 min 20 s left"
    assert [duration(each) for each in (59.4, 60, 3599, 3600, 7260)] == [
        "59 s", "1 min 00 s", "59 min 59 s", "1 h 00 min", "2 h 01 min",
    ]  # fmt: skip


def test_a_program_that_is_not_there_is_told(place: Path) -> None:
    with pytest.raises(UserError, match=r"each-1: no-such-program cannot be started \(No such file or directory\)"):
        run(place, "steps.each.command=no-such-program {step:first} {seed}")

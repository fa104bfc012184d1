"""W4: what is being written is written by one process, from its first second; the other one is told who it is."""

from __future__ import annotations

import inspect
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import anyglot
from anyglot.cli.main import app
from anyglot.cli.verb import verb
from anyglot.errors import UserError
from anyglot.models.pretrained.run_checkpoints import checkpoint_folders, read_document
from anyglot.runtime import locks
from anyglot.runtime.locks import held, is_empty, lock_file
from support.holder import holder
from support.waiting import PATIENCE, until

OUTPUTS = ("out", "output", "output_name")
# Verbs that write nothing, or where others hold it: fetch the copy in the cache, study every step by itself.
WITHOUT = {"fetch", "check", "show", "list_things", "study_run", "study_list"}


def verbs() -> Iterator[Callable[..., Any]]:
    for typers in (app, *(group.typer_instance for group in app.registered_groups)):
        assert isinstance(typers, typer.Typer)
        for command in typers.registered_commands:
            assert command.callback is not None
            yield command.callback


VERBS = {function.__name__: function for function in verbs()}


def test_w4_every_verb_says_whether_it_writes() -> None:
    writing = {name for name, function in VERBS.items() if {*OUTPUTS} & {*inspect.signature(function).parameters}}
    assert {*VERBS} - writing == WITHOUT - {"study_run", "study_list"} and len(writing) > 20
    bare = verb()(lambda: None)
    assert all(function.__code__ is bare.__code__ for function in VERBS.values())  # none without lock and signals


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    place = tmp_path_factory.mktemp("taken") / "out.npy"
    with holder(place) as pid:
        yield place, pid


@pytest.mark.parametrize("name", sorted({*VERBS} - WITHOUT))
def test_w4_a_second_run_is_refused_at_once(name: str, taken: tuple[Path, int]) -> None:
    place, pid = taken
    argument = next(each for each in inspect.signature(VERBS[name]).parameters if each in OUTPUTS)
    with pytest.raises(UserError, match=rf"out\.npy is being written by process {pid} \(`.*`, since .*: wait"):
        VERBS[name](**{argument: str(place) if argument == "output_name" else place})
    assert not place.exists()


def test_w4_the_lock_lies_beside_and_goes_with_what_it_made(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b" / "run"
    with held(folder), held(folder):
        assert lock_file(folder) == tmp_path / "a" / "b" / ".run.lock"
        assert [path.name for path in folder.parent.iterdir()] == [".run.lock"] and is_empty(folder.parent)
        assert stat.S_IMODE(lock_file(folder).stat().st_mode) & 0o022 == 0
    assert not (tmp_path / "a").exists()
    with held(folder):
        folder.mkdir()
    assert folder.is_dir() and [path.name for path in folder.parent.iterdir()] == ["run"]
    (tmp_path / "link").symlink_to(folder)
    assert lock_file(tmp_path / "link") == lock_file(folder)
    with held(tmp_path / "nowhere" / "file", file=True) as descriptor:
        assert descriptor is None and not (tmp_path / "nowhere").exists()
    with held("/dev/null", file=True) as descriptor:
        assert descriptor is None and not lock_file("/dev/null").exists()
    with held(tmp_path / ("x" * 255)):
        assert len(next(tmp_path.glob(".*.lock")).name) < 100


def test_w4_another_thread_is_another_writer(tmp_path: Path) -> None:
    told: list[str] = []

    def write() -> None:
        try:
            with held(tmp_path / "run"):
                told.append("held")
        except UserError as error:
            told.append(str(error))

    with held(tmp_path / "run"):
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    assert len(told) == 1 and "by another thread of this process" in told[0]


FORKING = """
import os, sys, time
from anyglot.runtime.locks import held
with held(sys.argv[1]):
    ready, told = os.pipe()
    if os.fork() == 0:  # as the workers that read data
        os.write(told, b"1")  # it has let go of the lock: what runs after a fork runs before `fork` returns
        time.sleep(60)
    os.read(ready, 1)
    print("held", flush=True)
    time.sleep(60)
"""


def test_w4_sigkill_leaves_no_lock_though_workers_live_on(tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-c", FORKING, str(run)], stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        with pytest.raises(UserError, match=f"process {process.pid} "), held(run):
            pass
        process.kill()
        process.wait()
        assert lock_file(run).exists()
        with held(run) as descriptor:
            assert descriptor is not None
        assert not lock_file(run).exists()
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # the worker


CHILD = "import sys; from anyglot.runtime.locks import held\nwith held(sys.argv[1]): print('went in')"


def test_w4_a_child_that_is_handed_the_lock_may_write_and_no_other(tmp_path: Path) -> None:
    words = [sys.executable, "-c", CHILD, str(tmp_path / "run")]
    with held(tmp_path / "run") as descriptor:
        assert descriptor is not None
        environment = {**os.environ, **locks.inheritance(descriptor)}
        mine = subprocess.run(words, capture_output=True, text=True, env=environment, pass_fds=[descriptor])
        assert mine.stdout == "went in\n", mine.stderr
        other = subprocess.run(words, capture_output=True, text=True, env=environment)  # the number alone is nothing
        assert other.returncode == 1 and f"is being written by process {os.getpid()}" in other.stderr
        assert lock_file(tmp_path / "run").exists()


def test_w4_ranks_of_one_run_do_not_lock_each_other_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with holder(tmp_path / "run"):
        monkeypatch.setenv("RANK", "1")
        monkeypatch.setenv("WORLD_SIZE", "2")
        with held(tmp_path / "run") as descriptor:
            assert descriptor is None
        monkeypatch.setenv("RANK", "0")  # the first of another run
        with pytest.raises(UserError, match="is being written by"), held(tmp_path / "run"):
            pass


def test_w4_where_nothing_can_be_put_beside_the_folder_itself_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    opened = os.open

    def refusing(path: Any, flags: int, *mode: int) -> int:
        if str(path).endswith(".lock"):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, flags, *mode)

    monkeypatch.setattr(locks.os, "open", refusing)
    with held(volume) as descriptor:
        assert descriptor is not None and is_empty(volume)
        words = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)"
        second = subprocess.run([sys.executable, "-c", words, str(volume)], capture_output=True, text=True)
        assert "BlockingIOError" in second.stderr
    with pytest.raises(UserError, match="cannot be written: permission denied"), held(tmp_path / "new"):
        pass


def test_w4_there_is_one_lock() -> None:
    root = Path(anyglot.__file__).parent
    found = [path.name for path in root.rglob("*.py") if "flock(" in path.read_text() or "FileLock" in path.read_text()]
    assert found == ["locks.py"]


RECIPE = """
name: small
method: {name: masked_language, layers: 1, width: 16, heads: 2, feedforward_width: 16, positions: 64}
tokenizer: {train: {vocabulary_size: 26}}
data: {train: [{language: de, file: text.de}], max_length: 32, batch_tokens: 64, cache: cache}
stages: {pretrain: {updates: 300, learning_rate: 1e-3}}
runtime: {precision: fp32}
"""


@pytest.mark.slow
def test_w4_two_trainings_into_one_folder(tmp_path: Path) -> None:
    (tmp_path / "text.de").write_text("das Haus ist alt\nder Hund schläft im Garten\n" * 20)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    out = tmp_path / "run"
    words = [sys.executable, "-m", "anyglot.cli.main", "train", str(tmp_path / "recipe.yaml"), "--out", str(out)]
    first, second = (
        subprocess.Popen([*words, f"seed={seed}"], stderr=subprocess.PIPE, text=True, cwd=tmp_path) for seed in (1, 2)
    )
    told = [process.communicate(timeout=300)[1] for process in (first, second)]
    codes = [process.returncode for process in (first, second)]
    assert sorted(codes) == [0, 2], "\n\n".join(told)
    refused = told[codes.index(2)]
    pid = (first, second)[codes.index(0)].pid
    assert f"{out} is being written by process {pid} (`anyglot train " in refused and "Traceback" not in refused
    seed = (1, 2)[codes.index(0)]
    assert f"seed: {seed}\n" in (out / "recipe.yaml").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "recipe.yaml", "run", "text.de"]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds a process's rank in /proc")
def test_w4_the_processes_of_torchrun_train_into_one_folder_and_nobody_else_does(tmp_path: Path) -> None:
    """Two real ranks over gloo; a training of one process and another one of torchrun's are refused meanwhile."""
    (tmp_path / "text.de").write_text("das Haus ist alt\nder Hund schläft im Garten\n" * 20)
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("updates: 300", "updates: 1000000"))
    out, environment = tmp_path / "run", os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}

    def start(seed: int, *front: str) -> subprocess.Popen[str]:
        words = [sys.executable, *front, "-m", "anyglot.cli.main", "train", "recipe.yaml", f"seed={seed}"]
        words += ["--out", str(out), "--quiet"]
        return subprocess.Popen(words, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment)

    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    first = start(1, *torchrun)
    try:
        until((out / "metrics.jsonl").exists, "the two processes trained", first)
        holding = json.loads(lock_file(out).read_text())["pid"]
        assert b"\0RANK=0\0" in Path(f"/proc/{holding}/environ").read_bytes()
        told = f"anyglot: {out} is being written by process {holding} (`anyglot train recipe.yaml seed=1 "
        for front, code in (((), 2), (torchrun, 1)):  # torchrun's own code, whatever its processes ended with
            second = start(2, *front)
            refused = second.communicate(timeout=PATIENCE)[1]
            assert second.returncode == code and refused.count(told) == 1, refused
        before = (out / "metrics.jsonl").stat().st_size
        until(lambda: (out / "metrics.jsonl").stat().st_size > before, "they trained on", first)
        first.send_signal(signal.SIGTERM)
        said = first.communicate(timeout=PATIENCE)[1]
    finally:
        first.terminate()  # not SIGKILL, which torchrun's processes would outlive
        first.wait(timeout=PATIENCE)
    assert said.count("anyglot: stopped by a signal; ") == 1, said
    assert "seed: 1\n" in (out / "recipe.yaml").read_text() and not lock_file(out).exists()
    newest = checkpoint_folders(out / "checkpoints")[-1]
    assert len(read_document(newest / "random.json")) == 2  # both trained
    lines = [json.loads(line)["update"] for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert lines == sorted(set(lines))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "recipe.yaml", "run", "text.de"]

"""Run a study's steps as processes of their own: in order or several at a time, each only when its key has changed."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from anyglot.errors import UserError
from anyglot.experiments.study.file import Study
from anyglot.experiments.study.folder import LOG, StepFolder
from anyglot.experiments.study.keys import Contents, keys_of
from anyglot.experiments.study.progress import Progress
from anyglot.experiments.study.steps import Step, replaced, steps_of
from anyglot.reporting.provenance import commit
from anyglot.runtime.locks import held, inheritance
from anyglot.runtime.signals import Stopped

_POLL = 0.05
_TOLD_OF_LOG = 6
# Where a command begins with the word "anyglot", the one that runs is this installation's.
_OURS = ("-m", "anyglot.cli.main")


@dataclass
class Work:
    """A study in a folder: its steps and their keys as they are now."""

    study: Study
    root: Path
    steps: tuple[Step, ...]
    keys: dict[str, str | UserError]

    @classmethod
    def laid_out(cls, study: Study, root: Path) -> Work:
        """Read what the steps depend on.

        Raises:
            UserError: The study's file is at fault.
        """
        steps = steps_of(study)
        return cls(study, root, steps, keys_of(steps, Contents()))

    def folder(self, name: str) -> StepFolder:
        """The folder of a step."""
        return StepFolder(self.root / name)

    def is_done(self, name: str) -> bool:
        """Whether a step is done and what it depends on is as it was."""
        key = self.keys[name]
        return isinstance(key, str) and self.folder(name).is_done(key)

    def state(self, step: Step) -> str:
        """done, blocked (an input is missing), waiting (for other steps), begun, changed or ready."""
        key = self.keys[step.name]
        if isinstance(key, UserError):
            return "blocked"
        if self.is_done(step.name):
            return "done"
        if not all(self.is_done(name) for name in step.needs):
            return "waiting"
        folder = self.folder(step.name)
        if folder.record() is not None:
            return "changed"
        return "begun" if folder.was_begun(key) else "ready"

    def words(self, step: Step) -> list[str]:
        """The command line as it is run."""

        def value(kind: str, name: str) -> str:
            return str((self.root / name).absolute()) if kind == "step" else name

        return list(replaced(step.words, str((self.root / step.name).absolute()), value))


@dataclass
class _Running:
    step: Step
    process: subprocess.Popen[bytes]
    begun: float
    resources: ExitStack
    key: str
    command: str


@dataclass
class _Stop:
    """What was asked for by signal; asks again are passed on to nobody."""

    number: int = 0
    before: dict[int, object] = field(default_factory=dict)

    def __enter__(self) -> _Stop:
        for number in (signal.SIGTERM, signal.SIGINT):
            self.before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal itself gave us

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.number = number


def run_study(work: Work, jobs: int, say: Callable[[str], None]) -> None:
    """Run every step that is not done, in order; what does not depend on a failed step is run all the same.

    Args:
        jobs: Steps at a time.

    Raises:
        UserError: Steps failed, or an input is missing; which, and the end of their logs.
        Stopped: SIGTERM or SIGINT came; running steps were asked to save and have ended.
    """
    _run(work, list(work.steps), jobs, say)


def run_step(work: Work, number: int, say: Callable[[str], None]) -> None:
    """Run one step; done ones are left as they are.

    Raises:
        UserError: There is no such step, what it reads is not done, or it fails.
        Stopped: As `run_study`.
    """
    if not 1 <= number <= len(work.steps):
        raise UserError(
            f"there is no step {number}; the study has the steps 1 to {len(work.steps)} (`anyglot study list`)."
        )
    step = work.steps[number - 1]
    missing = [work.steps[_place(work, name)] for name in step.needs if not work.is_done(name)]
    if missing:
        listed = ", ".join(f"{each.number} ({each.name})" for each in missing)
        told = "is not done; run it first." if len(missing) == 1 else "are not done; run them first."
        raise UserError(f"step {number} ({step.name}) reads {listed}, which {told}")
    _run(work, [step], 1, say)


def _place(work: Work, name: str) -> int:
    return next(index for index, step in enumerate(work.steps) if step.name == name)


def _run(work: Work, wanted: list[Step], jobs: int, say: Callable[[str], None]) -> None:
    left = [step for step in wanted if not work.is_done(step.name)]
    pending = [step for step in work.steps if not work.is_done(step.name)]
    progress = Progress(len(work.steps), pending, _seconds_before(work), jobs)
    if not left:
        say(f"all {len(wanted)} steps are done." if len(wanted) > 1 else f"{wanted[0].name} is done.")
        return
    running: list[_Running] = []
    failed: dict[str, str] = {}
    with _Stop() as stop:
        while left or running:
            if stop.number:
                _halt(running, stop.number, say)
            for entry in [each for each in running if each.process.poll() is not None]:
                running.remove(entry)
                _close(work, entry, failed, progress, say)
            _start_ready(work, left, running, failed, jobs, progress, say)
            if left and not running:
                break  # what is left waits for what failed
            time.sleep(_POLL)
    if failed:
        raise UserError(_told(failed, left))


def _start_ready(
    work: Work,
    left: list[Step],
    running: list[_Running],
    failed: dict[str, str],
    jobs: int,
    progress: Progress,
    say: Callable[[str], None],
) -> None:
    for step in list(left):
        if len(running) >= jobs:
            return
        key = work.keys[step.name]
        if isinstance(key, UserError):
            left.remove(step)
            failed[step.name] = str(key)
        elif all(work.is_done(name) for name in step.needs):
            left.remove(step)
            say(progress.begins(step))
            try:
                running.append(_start(work, step, key, jobs))
            except UserError as error:  # held by another process, or no such program: other steps may run all the same
                failed[step.name] = str(error)


def _start(work: Work, step: Step, key: str, jobs: int) -> _Running:
    folder = work.folder(step.name)
    with ExitStack() as resources:
        lock = resources.enter_context(held(folder.path))
        words = work.words(step)
        command = shlex.join(words)
        if folder.begin(key, command, step.document):
            words += step.resume
        log = resources.enter_context((folder.path / LOG).open("ab"))
        if words[0] == "anyglot":
            words = [sys.executable, *_OURS, *words[1:]]
        environment = {"OMP_NUM_THREADS": str(max(1, _cores() // jobs)), **os.environ}
        # The child holds the lock too: while it lives, even if we were killed, nobody else runs this step.
        kept = () if lock is None else (lock,)
        environment |= {} if lock is None else inheritance(lock)
        try:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment, pass_fds=kept
            )
        except OSError as error:
            raise UserError(f"{words[0]} cannot be started ({error.strerror}); is it installed?") from error
        return _Running(step, process, time.monotonic(), resources.pop_all(), key, command)


def _close(work: Work, entry: _Running, failed: dict[str, str], progress: Progress, say: Callable[[str], None]) -> None:
    seconds = time.monotonic() - entry.begun
    folder = work.folder(entry.step.name)
    code = entry.process.returncode
    if code == 0:
        folder.end(
            {
                "name": entry.step.name,
                "key": entry.key,
                "command": entry.command,
                "seconds": round(seconds, 1),
                "commit": commit(),
                "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            }
        )
        say(progress.ends(entry.step, seconds))
    else:
        failed[entry.step.name] = f"exit code {code}: {_end_of(folder.path / LOG)}"
        say(f"{entry.step.name} failed; see {folder.path / LOG}")
    entry.resources.close()


def _halt(running: list[_Running], number: int, say: Callable[[str], None]) -> None:
    for entry in running:
        entry.process.terminate()
    if running:
        say(f"stopping {', '.join(entry.step.name for entry in running)}")
    for entry in running:
        entry.process.wait()
        entry.resources.close()
    raise Stopped(number)


def _told(failed: Mapping[str, str], left: list[Step]) -> str:
    count = f"{len(failed)} step{'s' if len(failed) > 1 else ''} failed"
    waiting = f" and {len(left)} wait for {'them' if len(failed) > 1 else 'it'}" if left else ""
    return "\n  ".join([f"{count}{waiting}:", *(f"{name}: {reason}" for name, reason in failed.items())])


def _end_of(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return "\n    ".join(lines[-_TOLD_OF_LOG:]) or "it said nothing"


def _seconds_before(work: Work) -> dict[str, list[float]]:
    """Template -> seconds of its steps that have ended, for the estimate."""
    known: dict[str, list[float]] = {}
    for step in work.steps:
        record = work.folder(step.name).record()
        if record is not None and isinstance(record.get("seconds"), int | float):
            known.setdefault(step.template, []).append(float(record["seconds"]))
    return known


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

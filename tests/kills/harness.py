"""Kill a verb again and again, go on each time as its documentation says, and compare the end with an unbroken run.

A moment is drawn in calls into C, or in flushes to the disk, of which the unbroken run makes a known number: progress,
not time, so that the slowest machine is hit where the fastest is. Verbs run in processes forked from a server that has
imported everything; all they are given is the command line.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["accelerate", "torch._dynamo", "sentencepiece", "kills.preloaded"])
# The server imports before it is told any path but this one.
_tests = str(Path(__file__).resolve().parents[1])
os.environ["PYTHONPATH"] = os.pathsep.join([_tests, *filter(None, [os.environ.get("PYTHONPATH")])])

WINDOW = 4
IN_FLUSH = 4
"""Every so manieth kill comes inside a flush."""


@dataclass(frozen=True)
class Verb:
    """A verb, on tiny data.

    Attributes:
        words: Room and a run's own folder in it -> the command line of `anyglot`.
        again: What is added to it to go on.
        done: How much work a run's folder tells of, in units of the verb's own.
        ended: Whether the run in the folder has come to its end.
        content: All that a finished run leaves, but for what tells time or names the folder.
        group: Whether the verb starts processes that must die with it: its own is then killed from without, with all
            of them, when so much work is done.
    """

    name: str
    words: Callable[[Path, Path], list[str]]
    again: tuple[str, ...]
    done: Callable[[Path], int]
    ended: Callable[[Path], bool]
    content: Callable[[Path], Mapping[str, Any]]
    group: bool = False


@dataclass
class Count:
    """What was seen of a verb.

    Attributes:
        kills: SIGKILLs that ended a process.
        in_work: Those of them when the run's folder told of work that was done, and the run had not ended.
        in_flush: Those inside a flush of a file to the disk.
        runs: Runs that were killed, gone on with, and came to their end.
        equal: Runs that left what the unbroken one left, byte for byte.
        different: Runs that did not.
        failed: Runs that could not be gone on with.
    """

    kills: int = 0
    in_work: int = 0
    in_flush: int = 0
    runs: int = 0
    equal: int = 0
    different: int = 0
    failed: int = 0

    def add(self, other: Count) -> None:
        """Count the other's too."""
        for name, value in asdict(other).items():
            setattr(self, name, getattr(self, name) + value)


def attempt(words: list[str], room: str, place: str, call: int, flush: int, counted: str | None) -> None:
    """Run the verb in this process, to its end or to its death.

    Args:
        counted: The verb's name: leave in counts.json at which call its folder first told of work, and how many calls
            and flushes there were.
    """
    import torch

    from anyglot.cli.main import main
    from anyglot.inference.translation import jobs
    from support.deadly import die_at_call, die_at_flush

    torch.set_num_threads(1)
    jobs.WINDOW_LINES = WINDOW
    os.chdir(room)
    os.environ |= {"XDG_CACHE_HOME": f"{room}/cache", "OMP_NUM_THREADS": "1"}
    told = os.open(f"{place}/log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(told, 1)
    os.dup2(told, 2)
    sys.argv = ["anyglot", *words]
    begun: list[int] = []
    look = None
    if counted is not None:
        from kills.verbs import VERBS

        def look(number: int) -> None:
            if not begun and VERBS[counted].done(Path(place)) > 0:
                begun.append(number)

    flushes, calls = die_at_flush(flush), die_at_call(call, look)
    try:
        main()
    finally:
        sys.setprofile(None)
        if counted is not None:
            Path(place, "counts.json").write_text(json.dumps([begun[0] if begun else 1, calls[0], flushes[0]]))


class Killed:
    """One verb: its unbroken run, and the runs that are killed."""

    def __init__(self, verb: Verb, room: Path, draw: random.Random, say: Callable[[str], None] = print) -> None:
        self.verb, self.room, self.draw, self.say = verb, room, draw, say
        self._number = 0
        whole = room / f"{verb.name}-unbroken"
        whole.mkdir()
        code = self._run(whole, counted=True)
        if code != 0:
            raise AssertionError(f"{verb.name}, which nobody killed, ended with {code}: {self._last_words(whole)}")
        counts = whole / "counts.json"
        self.begun, self.calls, self.flushes = json.loads(counts.read_text()) if counts.exists() else (0, 0, 0)
        self.units = verb.done(whole)
        self.unbroken = dict(verb.content(whole))
        assert self.unbroken, f"{verb.name} left nothing to compare"

    def one_run(self, kills: int) -> Count:
        """Kill a run up to so many times, go on with it, let it end, compare."""
        self._number += 1
        place = self.room / f"{self.verb.name}-{self._number}"
        place.mkdir()
        count, code = Count(), None
        while code != 0 and count.kills < kills:
            flush = self.flushes > 0 and (count.kills + self._number) % IN_FLUSH == 0
            code = self._run(place, again=count.kills > 0, flush=flush, fatal=True)
            if code == -signal.SIGKILL:
                count.kills += 1
                count.in_flush += flush
                count.in_work += self.verb.done(place) > 0 and not self.verb.ended(place)
            elif code != 0:
                return self._gave_up(place, count, code)
        if code != 0:
            code = self._run(place, again=True)
            if code != 0:
                return self._gave_up(place, count, code)
        count.runs = 1
        found = dict(self.verb.content(place))
        wrong = sorted(name for name in {*found, *self.unbroken} if found.get(name) != self.unbroken.get(name))
        count.equal, count.different = int(not wrong), int(bool(wrong))
        if wrong:
            self.say(f"{place} differs from the unbroken run in {', '.join(wrong)}")
        else:
            shutil.rmtree(place)
        return count

    def _run(
        self, place: Path, *, again: bool = False, flush: bool = False, fatal: bool = False, counted: bool = False
    ) -> int:
        words = [*self.verb.words(self.room, place), *(self.verb.again if again else ())]
        if self.verb.group:
            from kills.groups import run_in_group

            return run_in_group(words, self.room, place / "log", self._enough(place) if fatal else None)
        # Before the work begins there are arguments and a model to read: not for nothing, but not of much interest.
        call = self.draw.randint(self.begun * 9 // 10, self.calls) if fatal and not flush else 0
        fatal_flush = self.draw.randint(1, self.flushes) if flush else 0
        process: ForkServerProcess = context.Process(
            target=attempt,
            args=(words, str(self.room), str(place), call, fatal_flush, self.verb.name if counted else None),
            daemon=True,
        )
        process.start()
        from support.waiting import ended

        return ended(process)

    def _enough(self, place: Path) -> Callable[[], bool]:
        """Whether a drawn amount of work is done that was not at the beginning."""
        before = self.verb.done(place)
        goal = self.draw.randint(before + 1, max(before + 1, self.units - 1))
        return lambda: self.verb.done(place) >= goal

    def _gave_up(self, place: Path, count: Count, code: int) -> Count:
        count.failed = 1
        self.say(f"{place} ended with {code} and could not be gone on with: {self._last_words(place)}")
        return count

    @staticmethod
    def _last_words(place: Path) -> str:
        log = place / "log"
        return log.read_text(errors="replace")[-1500:] if log.exists() else ""

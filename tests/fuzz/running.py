"""One input after another into a reader, within limits of time and memory, and what became of each."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from anyglot.errors import UserError
from fuzz.forms import Form, attacks

SECONDS, WAITING = 20, 600
"""Of the processor for one input, where sound files take milliseconds; of the clock for one that waits for ever."""
MEMORY = 2 * 2**30
"""Bytes of address space that one input may add."""
_PAGE = os.sysconf("SC_PAGE_SIZE")
_SHOWN = 600


class TooSlow(BaseException):
    """An input took longer than `SECONDS`; no `except Exception` on the way may swallow it."""


@dataclass(frozen=True)
class Reader:
    """A reader of the package under attack.

    Attributes:
        name: In the table of counts.
        form: How the file is attacked.
        make: Writes sound files into an empty folder and returns the one that is attacked.
        read: Reads it; what it returns is compared for inputs that mean the same as the sound file.
        check: Asserts what holds of every value that is accepted.
        refuses: What a refusal is.
        lines: Whether a refusal may have a line for each mistake.
    """

    name: str
    form: Form
    make: Callable[[Path], Path]
    read: Callable[[Path], Any]
    check: Callable[[Any], None]
    refuses: tuple[type[BaseException], ...] = (UserError,)
    lines: bool = False


@dataclass
class Counts:
    """What became of a reader's inputs.

    Attributes:
        alike: Inputs that meant the same as the sound file, all of which must be accepted with an equal value.
        faults: Fault -> the smallest input that shows it.
    """

    reader: str
    inputs: int = 0
    alike: int = 0
    accepted: int = 0
    refused: int = 0
    failed: int = 0
    slowest: float = 0.0
    faults: dict[str, bytes] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """As JSON values."""
        found = asdict(self)
        del found["faults"]
        return {**found, "slowest": round(self.slowest, 2)}


def attack(reader: Reader, folder: Path, inputs: int, number: int) -> Counts:
    """Feed a reader.

    Args:
        folder: Empty.
        inputs: How many.
        number: Of the seed: with it, the inputs are the same again.
    """
    path = reader.make(folder)
    sound = path.read_bytes()
    expected = reader.read(path)
    reader.check(expected)
    counts = Counts(reader.name)
    # Each reader has inputs of its own, which do not change when readers are added.
    own = int.from_bytes(hashlib.sha256(f"{number} {reader.name}".encode()).digest()[:8], "big")

    @seed(own)
    @settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(attacks(reader.form, sound))
    def feed(chosen: tuple[bool, bytes]) -> None:
        alike, content = chosen
        path.write_bytes(content)
        _feed(reader, path, content, counts, expected if alike else _NOTHING)

    feed()
    return counts


_NOTHING = object()


def _feed(reader: Reader, path: Path, content: bytes, counts: Counts, expected: Any) -> None:
    counts.inputs += 1
    counts.alike += expected is not _NOTHING
    begun = time.process_time()
    fault = ""
    try:
        with limits(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = reader.read(path)
            reader.check(value)
        counts.accepted += 1
        if expected is not _NOTHING and value != expected:
            fault = f"another value than of the sound file: {value!r:.200}"
    except reader.refuses as refusal:
        fault = _told_badly(refusal, reader.lines)
        counts.refused += not fault
        if expected is not _NOTHING:
            fault = f"refused, though it means what the sound file means: {refusal}"
    except (Exception, TooSlow) as error:
        fault = f"{type(error).__name__} at {_place(error)}: {error!s:.160}"
    counts.slowest = max(counts.slowest, time.process_time() - begun)
    if fault:
        counts.failed += 1
        key = fault.partition(": ")[0]
        known = next((each for each in counts.faults if each.partition(": ")[0] == key), None)
        if known is None or len(content) < len(counts.faults[known]):
            counts.faults.pop(known or "", None)
            counts.faults[fault] = content


def _told_badly(refusal: BaseException, lines: bool) -> str:
    """What is wrong with the sentence of a refusal; "" where nothing is."""
    text = str(refusal)
    if not text.strip() or "Traceback" in text or "\x00" in text:
        return f"no sentence: {text!r:.200}"
    if "\n" in text.strip() and not lines:
        return f"more than a line: {text!r:.200}"
    if len(text) > (20_000 if lines else 2_000):
        return f"a sentence of {len(text):,} characters: {text!r:.200}"
    return ""


def _place(error: BaseException) -> str:
    """File and line of the package's own code that an error came through last."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "anyglot" in Path(frame.filename).parts] or frames
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "?"


@contextmanager
def limits() -> Iterator[None]:
    """Of time and of memory, for what is done inside."""

    def too_slow(number: int, frame: object) -> None:
        raise TooSlow(f"took longer than {SECONDS} seconds of the processor, or {WAITING} of the clock")

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    held = int(Path("/proc/self/statm").read_text().split()[0]) * _PAGE
    timers = {signal.SIGPROF: (signal.ITIMER_PROF, SECONDS), signal.SIGALRM: (signal.ITIMER_REAL, WAITING)}
    before = {number: signal.signal(number, too_slow) for number in timers}
    for timer, seconds in timers.values():
        signal.setitimer(timer, seconds)
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        for number, (timer, _) in timers.items():
            signal.setitimer(timer, 0)
            signal.signal(number, before[number])


def report(counts: Counts) -> str:
    """The faults of a reader, each with the smallest input that showed it."""
    shown = (f"{fault}\n      {content[:_SHOWN]!r}" for fault, content in counts.faults.items())
    return f"{counts.reader}: {counts.failed} of {counts.inputs} inputs\n  " + "\n  ".join(shown)

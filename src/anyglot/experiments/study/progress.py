"""How far a study is: step i of n, the time so far, and what is left by the time that steps of the same kind took."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import mean

from anyglot.experiments.study.steps import Step


class Progress:
    """Counts steps and times them.

    Args:
        total: Steps wanted.
        pending: Those of them that are not done.
        known: Seconds of ended steps by template, from this run or an earlier one.
        jobs: Steps at a time.
        clock: Tells seconds.
    """

    def __init__(
        self,
        total: int,
        pending: Sequence[Step],
        known: Mapping[str, list[float]],
        jobs: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total, self._jobs, self._clock = total, jobs, clock
        self._pending = {step.name: step.template for step in pending}
        self._known = {name: list(seconds) for name, seconds in known.items()}
        self._begun = clock()

    def begins(self, step: Step) -> str:
        """The line for a step that starts."""
        return f"step {step.number} of {self._total}: {step.name}{': ' + step.says if step.says else ''}"

    def ends(self, step: Step, seconds: float) -> str:
        """The line for a step that has ended."""
        self._known.setdefault(step.template, []).append(seconds)
        self._pending.pop(step.name, None)
        done, so_far = self._total - len(self._pending), duration(self._clock() - self._begun)
        told = f"{step.name} done in {duration(seconds)}; {done} of {self._total}, {so_far} so far"
        left = self.left()
        return told if not left else f"{told}, about {duration(left)} left"

    def left(self) -> float:
        """Seconds that the steps not done may take: what those of their kind took, or any kind where none has ended."""
        every = [second for seconds in self._known.values() for second in seconds]
        if not every:
            return 0.0
        return sum(mean(self._known.get(template) or every) for template in self._pending.values()) / self._jobs


def duration(seconds: float) -> str:
    """Seconds for people."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"

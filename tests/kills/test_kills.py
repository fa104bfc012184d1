"""A few kills of the cheap verbs; `python benchmarks/kills/run.py --kills 200` sends many, over all of them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from kills.harness import Killed
from kills.verbs import VERBS, prepare


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kills")
    prepare(folder)
    return folder


@pytest.mark.parametrize("name", ["train", "translate", "embed", "mine"])
def test_killed_and_gone_on_with_the_end_is_that_of_an_unbroken_run(name: str, room: Path) -> None:
    told: list[str] = []
    killed = Killed(VERBS[name], room, random.Random(3), told.append)
    count = killed.one_run(kills=3)
    assert (count.runs, count.equal, count.different, count.failed) == (1, 1, 0, 0), told
    assert 1 <= count.in_work <= count.kills, f"of {count.kills} kills none hit the work"

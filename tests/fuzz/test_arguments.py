"""Whatever stands on the command line is done, or refused with exit code 2 and no traceback."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from fuzz.running import Counts, report
from fuzz.words import commands, folder_for, options, spoiled_words

FEW = 12
"""Command lines in `make test`."""
SHARE = 100
"""Of all inputs that are asked for, one in so many is a command line: each takes as long as a hundred files."""


def test_whatever_is_asked(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    wanted = request.config.getoption("--inputs", None)
    number = request.config.getoption("--fuzz-seed", None) or 0
    counts = Counts("command line")
    with commands(folder_for(tmp_path)) as command:

        @seed(int.from_bytes(hashlib.sha256(f"{number} command line".encode()).digest()[:8], "big"))
        @settings(
            max_examples=FEW if wanted is None else -(-wanted // SHARE),
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(spoiled_words(options()))
        def feed(words: list[str]) -> None:
            begun = time.monotonic()
            found = command.run(words)
            counts.slowest = max(counts.slowest, time.monotonic() - begun)
            counts.inputs += 1
            error = str(found["error"]).strip()
            if not error and (found["code"] not in (0, 2) or "Traceback" in str(found["told"])):
                error = f"exit code {found['code']}: {found['told']!s:.300}"
            counts.accepted += not error and found["code"] == 0
            counts.refused += not error and found["code"] == 2
            counts.failed += bool(error)
            if error:
                counts.faults.setdefault(error[-600:], " ".join(map(repr, words)).encode("utf-8", "replace"))

        feed()
    request.node.user_properties.append(("fuzz", counts.row()))
    assert not counts.faults, f"seed {number}\n{report(counts)}"

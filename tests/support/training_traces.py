"""What two runs are compared by: every bit that does not measure time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CLOCKS = ("seconds", "tokens_per_second")


def metrics(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in CLOCKS} for line in lines]


def state(folder: Path) -> dict[str, Any]:
    """Checkpoint -> file -> content, of all that is left in a run's folder."""
    found: dict[str, Any] = {}
    for checkpoint in sorted((folder / "checkpoints").glob("step-*")):
        progress = json.loads((checkpoint / "progress.json").read_text())
        progress.pop("seconds")
        found[checkpoint.name] = {
            "progress": progress,
            "random": (checkpoint / "random.json").read_bytes(),
            "model": (checkpoint / "model.safetensors").read_bytes(),
            "optimizer": (checkpoint / "optimizer.safetensors").read_bytes(),
        }
    return found


def assert_equal(run: Path, unbroken: Path) -> None:
    """Weights, optimizer, generators, counters and metrics are the same bit for bit."""
    one, other = state(run), state(unbroken)
    assert list(one) == list(other)
    for name in one:
        for key in one[name]:
            assert one[name][key] == other[name][key], f"{key} of {name} differs"
    assert metrics(run) == metrics(unbroken)
    assert not list((run / "checkpoints").glob("*.tmp"))

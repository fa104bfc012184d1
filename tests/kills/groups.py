"""A verb that starts processes of its own, killed with all of them, as a machine that goes down would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from support.waiting import PATIENCE, until


def run_in_group(words: list[str], room: Path, log: Path, enough: Callable[[], bool] | None) -> int:
    """Run `anyglot WORDS` and give its exit code; when `enough()`, kill it and all it started."""
    environment = os.environ | {"XDG_CACHE_HOME": str(room / "cache"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "anyglot.cli.main", *words]
    with log.open("ab") as told:
        process = subprocess.Popen(command, cwd=room, env=environment, stdout=told, stderr=told, start_new_session=True)
        if enough is not None:
            until(lambda: enough() or process.poll() is not None, f"{words[0]} did so much work")
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        return process.wait(timeout=PATIENCE)

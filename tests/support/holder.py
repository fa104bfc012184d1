"""A process that holds a folder or file, as one that writes it does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAM = """
import sys, time
from anyglot.runtime.locks import held
with held(sys.argv[1]):
    print("held", flush=True)
    time.sleep(120)
"""


@contextmanager
def holder(path: Path) -> Iterator[int]:
    """Its process id. It is killed at the end."""
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield process.pid
    finally:
        process.kill()
        process.communicate()

"""Runs in processes of their own, forked from a server that has imported everything already."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from support import toy_training
from support.waiting import ended

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["accelerate", "torch._dynamo", "torch.distributed.tensor", "training.toy"])


# The server imports before it is told any path but this one.
_tests = str(Path(__file__).parent.parent)
os.environ["PYTHONPATH"] = os.pathsep.join([_tests, *filter(None, [os.environ.get("PYTHONPATH")])])


def start(folder: Path, **arguments: Any) -> ForkServerProcess:
    """Start `toy.run(folder, ...)`."""
    process = context.Process(target=toy_training.run, args=(str(folder),), kwargs=arguments, daemon=True)
    process.start()
    return process


def finish(folder: Path, **arguments: Any) -> int:
    """Run to the end and give the exit code."""
    return ended(start(folder, **arguments))

"""Where a result comes from: the facts that every table and report states. No path or name of the machine is told."""

import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    """The machine, as far as numbers and seconds depend on it.

    Attributes:
        processor: Model name of the CPU.
        cores: Cores this process may use.
        threads: Threads torch computes with.
        accelerator: Name of the GPU, or None.
        versions: Python, torch and sacrebleu.
    """

    processor: str
    cores: int
    threads: int
    accelerator: str | None
    versions: str


@dataclass(frozen=True)
class Provenance:
    """What a result was made with. None stands for what does not apply."""

    command: str
    commit: str
    machine: Machine
    seed: int | None = None
    data_hash: str | None = None
    seconds: float | None = None

    def facts(self) -> dict[str, str]:
        """Return the facts by name, for people."""
        machine = self.machine
        told = {
            "Command": self.command,
            "Seed": None if self.seed is None else str(self.seed),
            "Data hash": self.data_hash,
            "Commit": self.commit,
            "Processor": f"{machine.processor}, {_count(machine.cores, 'core')}, {_count(machine.threads, 'thread')}",
            "Accelerator": machine.accelerator,
            "Versions": machine.versions,
            "Seconds": None if self.seconds is None else f"{self.seconds:.0f}",
        }
        return {name: value for name, value in told.items() if value is not None}


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def provenance(
    *,
    command: str | None = None,
    seed: int | None = None,
    data_hash: str | None = None,
    seconds: float | None = None,
) -> Provenance:
    """Collect the facts of this process.

    Args:
        command: What was asked for; the process's own command line by default. Absolute paths lose their folders.
        seed: Of the run.
        data_hash: SHA-256 of the data.
        seconds: Wall-clock time.
    """
    told = tell_command(["anyglot", *sys.argv[1:]]) if command is None else tell_command(command.split())
    return Provenance(told, commit(), machine(), seed, data_hash, seconds)


def tell_command(words: Sequence[str]) -> str:
    """Join a command line; an absolute path is cut to its last name, in `--option=/path` and `key=/path` too."""
    return " ".join(re.sub(r"(^|=|,)(?:~|[A-Za-z]:)?[/\\](?:[^,]*[/\\])?([^/\\,]*)", r"\1\2", word) for word in words)


def commit() -> str:
    """Return the commit of the checkout this package runs from, marked if files were changed, else the version."""
    here = Path(__file__)
    # Only a tracked file proves the checkout is ours: an environment inside another project's checkout is not.
    if _git("ls-files", "--error-unmatch", here.name) is None:
        return f"anyglot {importlib.metadata.version('anyglot')}"
    revision = _git("rev-parse", "HEAD")
    if not revision:
        return f"anyglot {importlib.metadata.version('anyglot')}"
    changed = _git("status", "--porcelain", "--untracked-files=no", ":/")
    return f"{revision[:12]}{' with changes' if changed else ''}"


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def machine() -> Machine:
    """Describe the machine: processor, cores, threads, GPU, versions."""
    import sacrebleu
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    versions = f"python {platform.python_version()}, torch {torch.__version__}, sacrebleu {sacrebleu.__version__}"
    accelerator = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return Machine(_processor(), cores, torch.get_num_threads(), accelerator, versions)


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text("utf-8", "replace"), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1).strip() if found else platform.processor() or platform.machine()

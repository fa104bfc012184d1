"""What was measured on this machine, remembered in the user's cache so that it is measured once.

Each kind of measurement has a JSON file of its own there. What cannot be read is measured again; where nothing can be
written what was measured holds for this process.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from anyglot.errors import UserError
from anyglot.runtime.directories import user_cache
from anyglot.runtime.untrusted_files import read_json


def memory(name: str) -> Path:
    """Where a kind of measurement is remembered."""
    return user_cache() / f"{name}.json"


def recalled(name: str) -> dict[str, Any]:
    """What is remembered of a kind of measurement, by what it was measured of."""
    try:
        known = read_json(memory(name))
    except (FileNotFoundError, UserError):
        return {}
    return known if isinstance(known, dict) else {}


def remember(name: str, found: Mapping[str, Any], at_most: int | None = None) -> None:
    """Add to what is remembered.

    Args:
        at_most: Entries; of more the oldest are forgotten. None: all are kept.
    """
    path = memory(name)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        entries = list((recalled(name) | dict(found)).items())
        kept = entries if at_most is None else entries[-at_most:]
        temporary.write_text(json.dumps(dict(kept), indent=1) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError:  # nothing is remembered where nothing can be written
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def processor() -> str:
    """What the processor calls itself."""
    return _line("model name") or platform.processor() or platform.machine()


def processor_flags() -> frozenset[str]:
    """The instructions it has, as Linux names them; none where nobody says."""
    return frozenset(_line("flags").split())


def _line(name: str) -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "")

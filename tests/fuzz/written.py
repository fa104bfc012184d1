"""What the makers and checks of records share."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from anyglot.data.corpus import ParallelSource


def written(folder: Path, name: str, document: Any) -> Path:
    """A document on disk."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return path


def finite(value: object) -> bool:
    """Whether it is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def whole(value: object, lowest: int = 0) -> bool:
    """Whether it is a whole number, and none below."""
    return type(value) is int and value >= lowest


def pair(folder: Path) -> ParallelSource:
    """Two files in a folder."""
    return ParallelSource(source="de", target="en", files=(str(folder / "a.de"), str(folder / "a.en")))


@contextmanager
def cache(folder: Path) -> Iterator[None]:
    """A context in which the user's cache is elsewhere."""
    with mock.patch.dict(os.environ, {"XDG_CACHE_HOME": str(folder)}):
        yield

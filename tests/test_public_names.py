"""What `import anyglot` promises: these names, each where docs/api.md says, and nothing heavy before one is used."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import anyglot

PAGE = Path(__file__).resolve().parent.parent / "docs" / "api.md"
# Written out: a name that is taken away, or another signature, must be changed here too, on purpose.
PUBLIC = {
    "Embedder",
    "EmbeddingSettings",
    "SearchSettings",
    "Translator",
    "UserError",
    "__version__",
    "evaluate",
    "load_encoder",
    "load_pretrained",
    "load_tokenizer",
    "register",
    "train",
}


def test_the_public_names_are_these() -> None:
    assert set(anyglot.__all__) == PUBLIC <= set(dir(anyglot))
    assert anyglot.__version__ == version("anyglot")


@pytest.mark.parametrize("name", sorted(PUBLIC - {"__version__"}))
def test_a_public_name_is_there_and_explained(name: str) -> None:
    found = getattr(anyglot, name)
    assert found.__name__ == name and found.__doc__
    assert re.search(rf"^\| `{name}\b", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_a_wrong_name_is_told_the_right_ones() -> None:
    with pytest.raises(AttributeError, match=r"'translate'; it has Embedder, .*Translator"):
        anyglot.translate  # noqa: B018


def test_a_name_is_imported_when_it_is_used() -> None:
    there = "print('torch' in sys.modules)"
    program = f"import sys, anyglot; {there}; anyglot.Translator; {there}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_the_version_on_the_command_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "anyglot.cli.main", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"anyglot {version('anyglot')}\n"

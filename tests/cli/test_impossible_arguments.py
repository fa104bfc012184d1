"""T4: arguments that no verb can do anything with are one sentence, before anything is begun."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from anyglot.errors import UserError
from anyglot.inference.embedding import Embedder
from anyglot.inference.translation import Translator
from support import foreign_translators

LONG = "x" * 5000


def told(words: list[str], folder: Path) -> str:
    found = subprocess.run(
        [sys.executable, "-m", "anyglot.cli.main", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    assert found.returncode == 2, found.stderr
    assert "Traceback" not in found.stderr and found.stdout == ""
    return found.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["model", "average", ".", "--last", "2"], "is not the folder of a run"),
        (["model", "average", "..", "--best", "2"], "is not the folder of a run"),
        (["evaluate", "translation", "m", "--metrics", "", "--tests", "t"], "--metrics names no metric"),
        (["evaluate", "translation", "m", "--metrics", " , ", "--tests", "t"], "--metrics names no metric"),
        (["model", "show", "~nouser/x"], "does not know"),
        (["embed", "~nouser/x", "--output", "o.npy"], "does not know"),
        (["model", "show", LONG], "more than a path may have"),
        (["embed", LONG, "--output", "o.npy"], "more than a path may have"),
        (["model", "average", LONG, "--last", "2"], "more than a path may have"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_t4_arguments_that_cannot_be_are_told(tmp_path: Path, words: list[str], sentence: str) -> None:
    assert sentence in told(words, tmp_path)


@pytest.mark.parametrize("name", ["~nouser/x", LONG, f"~/{LONG}"], ids=["user", "long", "home"])
def test_t4_names_that_cannot_be_are_told_in_python_too(name: str) -> None:
    for kind in (Translator, Embedder):
        with pytest.raises(UserError, match=r"does not know|more than a path may have"):
            kind.from_pretrained(name)


@pytest.mark.parametrize("key", ["pad_token_id", "decoder_start_token_id"])
def test_t4_a_config_without_an_id_that_it_needs_is_told(tmp_path: Path, key: str) -> None:
    folder = foreign_translators.write("marian", tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    del config[key]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=rf"{key} is not given and so 58100, but the vocabulary has \d+ tokens"):
        Translator.from_pretrained(folder)


def test_t4_a_tokenizer_whose_config_is_missing_is_told(tmp_path: Path) -> None:
    folder = foreign_translators.write("nllb", tmp_path / "m")
    (folder / "tokenizer_config.json").unlink()
    with pytest.raises(UserError, match=r"tokenizer_config\.json is missing"):
        Translator.from_pretrained(folder, device="cpu")

"""R2: what is right is not refused, and what is wrong is told before hours are spent on the rest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest


def anyglot(*words: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [sys.executable, "-m", "anyglot.cli.main", *words],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_embed_does_without_a_cache_that_nobody_asked_for(model: Path, tmp_path: Path) -> None:
    """A home that cannot be written is no reason to make no vectors."""
    (tmp_path / "lines.txt").write_text("a b\nc\n")
    (tmp_path / "file").write_text("")
    words = ("embed", str(model), "-i", "lines.txt", "-o", "vectors.npy")
    found = anyglot(*words, folder=tmp_path, XDG_CACHE_HOME=str(tmp_path / "file"))
    assert found.returncode == 0, found.stderr
    assert "vectors are not kept for another time" in found.stderr and "Traceback" not in found.stderr
    assert len(np.load(tmp_path / "vectors.npy")) == 2


def test_a_cache_that_was_asked_for_must_be_written(model: Path, tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("a b\n")
    (tmp_path / "file").write_text("")
    found = anyglot("embed", str(model), "-i", "lines.txt", "-o", "v.npy", "--cache", "file/x", folder=tmp_path)
    assert found.returncode == 2 and "--no-cache" in found.stderr and not (tmp_path / "v.npy").exists()


@pytest.mark.parametrize("kind, says", [("absent", "absent"), ("encoder", "is an encoder and cannot translate")])
def test_a_bad_baseline_is_found_before_anything_is_translated(
    kind: str, says: str, model: Path, tmp_path: Path
) -> None:
    from anyglot.models.encoder_decoder import EncoderDecoder
    from anyglot.models.store import load_model, save_model

    (tmp_path / "s").write_text("a\n")
    (tmp_path / "r").write_text("b\n")
    if kind == "encoder":
        whole = load_model(model)
        assert isinstance(whole, EncoderDecoder)
        save_model(whole.encoder, tmp_path / "encoder")
    tests = ("-s", "de", "-t", "en", "-i", "s", "-r", "r")
    found = anyglot(
        *("evaluate", str(model), *tests, "--baseline", str(tmp_path / kind), "--out", "out"), folder=tmp_path
    )
    assert found.returncode == 2 and says in found.stderr, found.stderr
    assert not list(tmp_path.glob("out/hypotheses/**/*.txt"))

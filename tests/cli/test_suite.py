"""`anyglot evaluate --suite`: options of the two modes do not mix, and wrong words are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from anyglot.cli.main import app
from anyglot.errors import UserError


def told(*words: str) -> str:
    """The sentence that the command ends with."""
    done = CliRunner().invoke(app, ["evaluate", "runs/none", *words])
    assert isinstance(done.exception, UserError), done.output
    return str(done.exception)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--suite", "xtreme", "--beam", "3"], "--beam scores translations and does not fit --suite"),
        (["--suite", "xtreme", "--metrics", "BLEU"], "--metrics scores translations"),
        (["--tasks", "xnli", "--latency"], "--latency scores translations"),
        (["--seeds", "1", "--anchors"], "--seeds, --anchors belongs to understanding tasks"),
        (["--set", "epochs=1"], "--set belongs to understanding tasks"),
        (["--suite", "nothing"], "There is no suite 'nothing'; there are xtreme"),
        (["--suite", "xtreme"], "need their files: give the folder with --data"),
        (["--suite", "phrasebook", "--seeds", "one"], "--seeds is a list of whole numbers"),
        (["--suite", "phrasebook", "--set", "epochs"], "--set takes KEY=VALUE"),
        (["--suite", "phrasebook", "--setting", "x"], "--setting is one of zero-shot"),
        (["--suite", "phrasebook", "--setting", "zero-shot", "--few-shot", "2"], "--few-shot do not fit together"),
        (["--suite", "phrasebook", "--select", "best"], "--select is one of english, mean, last"),
        (["--suite", "phrasebook", "--languages", "qqq"], "qqq"),
    ],
)
def test_what_does_not_fit_is_told(
    words: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert sentence in told(*words)
    assert not any(tmp_path.iterdir())

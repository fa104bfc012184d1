"""`anyglot evaluate tasks`: wrong words are told, and so are options of `evaluate translation`."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from anyglot.cli.main import app
from anyglot.errors import UserError


def told(*words: str) -> str:
    """The sentence that the command ends with."""
    done = CliRunner().invoke(app, ["evaluate", "tasks", "runs/none", *words])
    assert isinstance(done.exception, UserError), done.output
    return str(done.exception)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--seeds", "1", "--anchors"], "no task was named; name some with --suite or --tasks"),
        (["--suite", "nothing"], "There is no suite 'nothing'; there are xtreme"),
        (["--suite", "xtreme"], "need their files: give the folder with --data"),
        (["--suite", "phrasebook", "--seeds", "one"], "--seeds is a list of whole numbers"),
        (["--suite", "phrasebook", "--set", "epochs"], "--set takes KEY=VALUE"),
        (["--suite", "phrasebook", "--setting", "x"], "--setting is one of zero-shot"),
        (["--suite", "phrasebook", "--setting", "zero-shot", "--few-shot", "2"], "few_shot do not fit together"),
        (["--suite", "phrasebook", "--select", "best"], "select is one of english, mean, last"),
        (["--suite", "phrasebook", "--languages", "qqq"], "qqq"),
    ],
)
def test_what_does_not_fit_is_told(
    words: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert sentence in told(*words)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["tasks", "--suite", "xtreme", "--beam", "3"], "--beam"),
        (["tasks", "--tasks", "xnli", "--latency"], "--latency"),
        (["translation", "--seeds", "1"], "--seeds"),
    ],
)
def test_an_option_of_the_other_verb_is_no_option(words: list[str], option: str) -> None:
    done = CliRunner().invoke(app, ["evaluate", words[0], "runs/none", *words[1:]])
    assert done.exit_code == 2 and f"No such option: {option}" in done.output

"""The options of verbs: few in the help, the others by `--set`, and old flags with a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from anyglot.cli.main import app
from anyglot.errors import UserError
from support.tiny_translators import write_model_folder

MOST = 15


def verbs(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, inner in getattr(command, "commands", {}).items():
        yield from verbs(inner, (*words, name))
    if not hasattr(command, "commands"):
        yield words, command


VERBS = dict(verbs(typer.main.get_command(app)))


def options(command: Any, *, hidden: bool) -> list[str]:
    found = [option for option in command.params if option.param_type_name == "option" and option.hidden is hidden]
    return [option.opts[0] for option in found]


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_the_help_of_a_verb_has_at_most_fifteen_options_beside_help(words: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert shown.exit_code == 0
    rows = {word for line in shown.output.splitlines() if line.startswith("│") for word in line.split()[1:3]}
    listed = [flag for flag in options(VERBS[words], hidden=False) if flag in rows]
    assert listed == options(VERBS[words], hidden=False) and len(listed) <= MOST
    assert not rows & set(options(VERBS[words], hidden=True))


def test_the_long_verbs_have_hidden_flags() -> None:
    hidden = {words: len(options(command, hidden=True)) for words, command in VERBS.items()}
    assert {words for words, count in hidden.items() if count} == {
        ("translate",),
        ("mine",),
        ("evaluate", "translation"),
        ("evaluate", "tasks"),
        ("evaluate", "tatoeba"),
        ("evaluate", "bucc"),
    }
    assert hidden["translate",] == 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("options")
    write_model_folder(place / "tiny")
    (place / "in.de").write_text("Das Haus ist alt.\nEin Hund schläft.\n")
    return place


def translated(folder: Path, name: str, *more: str) -> tuple[Result, str]:
    output = folder / name
    words = [folder / "tiny", "-s", "de", "-t", "en", "-i", folder / "in.de", "-o", output, "--device", "cpu"]
    done = CliRunner().invoke(app, ["translate", *map(str, words), "--max-length", "6", "--precision", "fp32", *more])
    if done.exception is not None and not isinstance(done.exception, UserError | SystemExit):
        raise done.exception
    return done, output.read_text() if output.exists() else str(done.exception)


def test_a_beam_that_is_set_is_the_beam_of_the_flag(folder: Path) -> None:
    flag, written = translated(folder, "flag", "--beam", "3", "--n-best", "3")
    key, same = translated(folder, "key", "--set", "decoder.beam=3", "--n-best", "3")
    _, refused = translated(folder, "small", "--set", "decoder.beam=2", "--n-best", "3")
    assert flag.exit_code == key.exit_code == 0 and written == same and written.count("|||") == 12
    assert "3 translations were asked of a search that keeps 2" in refused
    assert "the old name" not in flag.stderr + key.stderr


def test_old_flags_do_what_their_keys_do_and_say_one_line(folder: Path) -> None:
    sampled = ("--decoder", "sample", "--n-best", "2")
    old, written = translated(folder, "old", *sampled, "--temperature", "3.5", "--seed", "7", "--batch-tokens", "64")
    keys = ("decoder.temperature=3.5", "decoder.seed=7", "batch_tokens=64")
    new, same = translated(folder, "new", *sampled, *(word for key in keys for word in ("--set", key)))
    _, other = translated(folder, "other", *sampled, "--set", "decoder.temperature=3.5", "--set", "decoder.seed=8")
    assert written == same != other
    lines = [line for line in old.stderr.splitlines() if "the old name" in line]
    assert lines == [
        f"anyglot: {flag} is called --set {key} now; the old name is taken until the next release."
        for flag, key in zip(("--temperature", "--seed", "--batch-tokens"), keys, strict=True)
    ]
    assert "the old name" not in new.stderr


def test_an_old_flag_is_taken_beside_a_decoder_that_has_no_use_for_it(folder: Path) -> None:
    done, _ = translated(folder, "greedy", "--decoder", "greedy", "--seed", "3")
    assert done.exit_code == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["translate", "m", "-s", "de", "-t", "en", "--set", "decoder.bem=3"], "did you mean decoder.beam?"),
        (["translate", "m", "-s", "de", "-t", "en", "--set", "overlog=split"], "did you mean overlong?"),
        (
            ["translate", "m", "-s", "de", "-t", "en", "--decoder", "greedy", "--set", "decoder.top_k=3"],
            "decoder.top_k belongs to --decoder sample, not to greedy",
        ),
        (["translate", "m", "-s", "de", "-t", "en", "--set", "decoder.beam=x"], "decoder.beam: input should be"),
        (["translate", "m", "-s", "de", "-t", "en", "--beam", "3", "--set", "decoder.beam=3"], "both given"),
        (["evaluate", "translation", "m", "--set", "latensy=true"], "did you mean latency?"),
        (["evaluate", "translation", "m", "--set", "epochs=1"], "epochs is not a known key"),
        (["evaluate", "translation", "m", "--set", "resamples=-1"], "resamples: input should be greater than"),
        (["evaluate", "tasks", "m", "--tasks", "xnli", "--set", "lerning_rate=1"], "did you mean learning_rate?"),
        (["evaluate", "tasks", "m", "--tasks", "xnli", "--set", "few_shots=1"], "did you mean few_shot?"),
        (["evaluate", "tatoeba", "m", "--data", "d", "--set", "golt=d"], "did you mean gold?"),
        (["evaluate", "bucc", "m", "--data", "d", "--pair", "zh-en", "--set", "tun=half"], "did you mean tune?"),
        (["mine", "a", "b", "-o", "c", "--model", "m", "--set", "blok=3"], "did you mean block?"),
        (["mine", "a", "b", "-o", "c", "--model", "m", "--set", "block"], "--set takes KEY=VALUE"),
    ],
)
def test_what_is_set_wrongly_is_told(
    words: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, UserError) and sentence in str(done.exception)


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["evaluate", "translation", "m", "--latency"], "--latency is called --set latency=true now"),
        (["evaluate", "tasks", "m", "--tasks", "xnli", "--select", "best"], "--select is called --set select=best now"),
        (["evaluate", "bucc", "m", "--data", "d", "--pair", "zh-en", "--k", "3"], "--k is called --set k=3 now"),
        (["mine", "a", "b", "-o", "c", "--model", "m", "--ids"], "--ids is called --set ids=true now"),
    ],
)
def test_old_flags_of_other_verbs_are_taken_too(
    words: list[str], key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, words)
    assert done.stderr.count("the old name") == 1 and key in done.stderr and "No such option" not in done.stderr

"""The command as a process: exit codes, one sentence for a mistake, no traceback, quick help."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

VERBS = [
    "demo",
    "train",
    "translate",
    "embed",
    "mine",
    "evaluate",
    "analyze",
    "model",
    "data",
    "study",
    "fetch",
    "list",
]
LEAVES = [
    *("demo", "train", "translate", "embed", "mine", "fetch", "list"),
    *("evaluate translation", "evaluate tasks", "evaluate tatoeba", "evaluate bucc"),
    *("analyze cka", "analyze spectra", "analyze separability"),
    *("model show", "model average", "model trim", "model export", "model push"),
    *("data phrasebook", "data manifest", "data vocabulary", "data distill", "data check"),
    *("study run", "study list", "study report", "study text"),
]


def run(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "anyglot.cli.main", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def test_help_lists_every_verb_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['anyglot', '--help']\n"
        "from anyglot.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "heavy = {'torch', 'transformers', 'datasets', 'accelerate', 'sacrebleu', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(verb in done.stdout for verb in VERBS)


@pytest.mark.parametrize("words", LEAVES)
def test_each_verb_shows_an_example(words: str) -> None:
    done = run(*words.split(), "--help")
    assert done.returncode == 0
    assert "anyglot " + words in done.stdout.replace("\n", " ")


OLD = {
    **{verb: f"model {verb}" for verb in ("show", "average", "trim", "export", "push")},
    **{verb: f"data {verb}" for verb in ("phrasebook", "vocabulary")},
    **{"sheet": "data manifest", "distil": "data distill", "doctor": "data check"},
    **{"retrieve tatoeba": "evaluate tatoeba", "study-text": "study text", "study-report": "study report"},
    **{"evaluate x --tests y": "evaluate translation", "evaluate x --suite xtreme": "evaluate tasks"},
    **{"study x": "study run", "study x --list-steps": "study list"},
}


@pytest.mark.parametrize("old", OLD)
def test_an_old_verb_is_taken_with_a_line(old: str) -> None:
    done = run(*old.split(), "--help")
    assert done.returncode == 0, done.stderr
    assert f"main {OLD[old]} [OPTIONS]" in done.stdout.replace("\n", " ")
    assert "is called `anyglot" in done.stderr and "until the next release" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["bogus"], "bogus"),
        (["train", "no/such", "--out", "run"], "There is no recipe no/such"),
        (["train", "tiny/sixt", "stages.joint.update=3", "--out", "run"], "did you mean updates"),
        (["translate", "nowhere", "--source", "de", "--target", "en"], "nowhere"),
        (["data", "phrasebook", "--languages", "en,klingon", "--out", "book"], "klingon"),
        (["data", "phrasebook", "--level", "poetic", "--out", "book"], "poetic"),
        (["model", "average", "nowhere", "--last", "2"], "nowhere"),
        (["model", "show", "nowhere"], "nowhere"),
    ],
)
def test_a_mistake_is_told_without_a_traceback(words: list[str], told: str, tmp_path: Path) -> None:
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []  # nothing half-written


def test_phrasebook_writes_the_same_files_twice(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        done = run(
            "phrasebook", "--languages", "en,fi", "--sentences", "30", "--held-out", "5", "--out", tmp_path / folder
        )
        assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "one").iterdir()}
    assert {"train.en.txt", "train.fi.txt", "test.fi.pos", "manifest.json"} <= names
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in names)


def test_a_flag_that_was_renamed_is_taken_with_a_line(tmp_path: Path) -> None:
    """`--centre` and `--normalise` of 0.1.0: the mistake told is of the file, not of the flag."""
    done = run("embed", str(tmp_path), "-i", str(tmp_path / "no.txt"), "-o", "o.npy", "--centre-from=x", "--normalise")
    assert done.returncode == 2 and "No such option" not in done.stderr
    assert "--centre-from is called --center-from now" in done.stderr
    assert "--normalise is called --normalize now" in done.stderr
    tatoeba = run("evaluate", "tatoeba", str(tmp_path), "--data", str(tmp_path), "--no-centre")
    assert tatoeba.returncode == 2 and "--no-centre is called --no-center now" in tatoeba.stderr
    assert "No such option" not in tatoeba.stderr


def test_list_alone_lists_all() -> None:
    done = run("list")
    assert done.returncode == 0
    for thing in ("methods", "recipes", "languages", "models"):
        alone = run("list", thing)
        assert f"\n{thing}:\n" in done.stdout and alone.stdout in done.stdout

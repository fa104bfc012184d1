"""Command lines: those of every verb that ends by itself in no time, with words of them other, missing, or too many."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from fuzz import command
from fuzz.attacks import LINES
from fuzz.folders import copied

SOUND: tuple[tuple[str, ...], ...] = (
    ("translate", "m", "-s", "de", "-t", "en", "-i", "a.txt", "-o", "out.txt"),
    ("translate", "m", "--source", "de", "--target", "en"),
    ("embed", "m", "-i", "a.txt", "-o", "out.npy"),
    ("mine", "a.txt", "b.txt", "--model", "m", "-o", "pairs.tsv"),
    ("model", "show", "recipe.yaml", "seed=2"),
    ("model", "show", "tiny/sixt"),
    ("list", "recipes"),
    ("model", "average", "run", "--last", "1"),
    ("model", "trim", "m", "--out", "small", "--scripts", "Latin"),
    ("model", "export", "m", "--to", "ctranslate2", "--out", "ct2"),
    ("data", "vocabulary", "m", "--out", "v.json", "--scripts", "Latin"),
    ("data", "phrasebook", "--languages", "en,de", "--out", "book"),
    ("data", "manifest", "."),
    ("data", "check", "--suite", "xtreme", "--data", "."),
    ("evaluate", "tatoeba", "m", "--data", ".", "--out", "scores"),
    ("evaluate", "translation", "m", "--tests", "tests.yaml", "--out", "scores"),
    ("analyze", "spectra", "m", "m"),
    ("train", "nothing.yaml", "--out", "run2"),
    ("study", "list", "study/mt_bridge_tiny", "--out", "st"),
    # Words of the version before, which are taken with a line that says the new ones.
    ("show", "recipe.yaml", "seed=2"),
    ("phrasebook", "--languages", "en,de", "--out", "book"),
)
# Not among them: places outside the folder, which a verb may write to, and large numbers, which may be meant.
WORDS: tuple[str, ...] = (
    *(
        "",
        " ",
        "-1",
        "0",
        "1",
        "2",
        "nan",
        "inf",
        "-inf",
        "1e400",
        "0.5",
        "1,5",
        "9" * 5_000,
        "1" + "0" * 30,
        "x" * 5_000,
    ),
    *(".", "a.txt", "b.npy", "m", "run", "tests.yaml", "nothing", "~nouser/x", "x" * 300, "é", "\udcff", "\n", "a\tb"),
    *(
        "de",
        "en",
        "xx",
        "deu_Latn",
        "de,en",
        ",",
        ",,",
        "=",
        "a=b",
        "seed=",
        "=3",
        "seed=[",
        "a..b=1",
        "data.train.0=1",
    ),
    *(
        "--",
        "-",
        "--help",
        "-h",
        "-x",
        "hf:x",
        "hf:",
        "hf:a/b?c",
        "phrasebook:",
        "phrasebook:sentences=-1",
        "[",
        "{",
        "None",
    ),
    *(
        "true",
        "en=a.txt,de=b.txt",
        "de-en=a.txt,b.txt",
        "de-en=b.npy",
        "Latin",
        "-2:3",
        "%s",
        "{}",
        "*",
        "\\",
        "'",
        '"',
    ),
)


def folder_for(place: Path) -> Path:
    """What the command lines are about; a folder deep enough that `..` is nobody's."""
    folder = place / "deep" / "er"
    copied("ours", "config.json")(folder / "m")
    (folder / "run").mkdir()
    (folder / "a.txt").write_text("Das Haus ist alt.\nDer Hund schläft.\n")
    (folder / "b.txt").write_text("The house is old.\nThe dog sleeps.\n")
    np.save(folder / "b.npy", np.ones((2, 16), np.float32))
    (folder / "tests.yaml").write_text("- {source: de, target: en, files: [a.txt, b.txt]}\n")
    shutil.copy(
        Path(__file__).parents[2] / "src" / "anyglot" / "recipes" / "tiny" / "sixt.yaml", folder / "recipe.yaml"
    )
    return folder


def options() -> dict[str, tuple[str, ...]]:
    """Verb -> the names of its options."""
    import typer.main

    from anyglot.cli.main import app

    found: dict[str, tuple[str, ...]] = {}
    group = typer.main.get_command(app)
    for name, verb in group.commands.items():  # type: ignore[attr-defined]
        for each in (verb, *getattr(verb, "commands", {}).values()):
            names = [option for part in each.params for option in part.opts if option.startswith("-")]
            found[name] = (*found.get(name, ()), *names)
    return found


@st.composite
def spoiled_words(draw: st.DrawFn, known: dict[str, tuple[str, ...]]) -> list[str]:
    """A command line with one to three mistakes."""
    words = list(draw(st.sampled_from(SOUND)))
    verb = words[0]
    for _ in range(draw(st.sampled_from((1, 1, 2, 3)))):
        at = draw(st.integers(1, max(1, len(words) - 1)))
        strange = draw(st.one_of(st.sampled_from(WORDS), st.sampled_from(LINES).map(_as_word), st.text(max_size=5)))
        how = draw(st.sampled_from(("other", "other", "gone", "twice", "option", "option", "more")))
        if how == "other" and at < len(words):
            words[at] = strange
        elif how == "gone" and at < len(words):
            del words[at]
        elif how == "twice" and at < len(words):
            words.insert(at, words[at])
        elif how == "option":
            words += [draw(st.sampled_from(known.get(verb) or ("--help",))), strange]
        else:
            words.insert(at, strange)
    return [word.replace("\0", "") for word in words]  # no argument holds one


def _as_word(line: bytes) -> str:
    return line[:4_000].decode("utf-8", "surrogateescape")


class Command:
    """The process that runs command lines, started anew when one has ended it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process = self._started()

    def _started(self) -> subprocess.Popen[str]:
        environment = {**os.environ, "ANYGLOT_OFFLINE": "1", "XDG_CACHE_HOME": str(self.folder.parent)}
        return subprocess.Popen(
            [sys.executable, command.__file__],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )

    def run(self, words: list[str]) -> dict[str, object]:
        """How a command line ended: exit code, standard error, and the error that was not told in a sentence."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            code = self._process.wait()
            self._process = self._started()
            return {"code": code, "error": f"the process ended with {code}", "told": ""}
        found: dict[str, object] = json.loads(answer)
        return found

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


@contextmanager
def commands(folder: Path) -> Iterator[Command]:
    """A `Command` that is ended at the end."""
    made = Command(folder)
    try:
        yield made
    finally:
        made.close()

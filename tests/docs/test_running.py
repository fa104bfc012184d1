"""Commands of pages and helps are run, page by page, from the top, with small inputs; after the demo README is true.

What is run stands in the pages; `workplace.py` makes what they start from, `smaller.py` makes hours minutes, and
`not_run.py` lists what is not run, and why.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from anyglot.cli.main import app
from docs.extracting import ROOT, Example
from docs.not_run import NOT_RUN
from docs.parsing import Wrong, own_arguments, read, simple_commands
from docs.smaller import FEW, smaller
from docs.test_command_lines import COMMANDS
from docs.workplace import build
from support.tiny_translators import TEXTS

PLACEHOLDER = re.compile(r"\.\.\.|\b(RECIPE|RUN|NAME)\b")


def is_whole(example: Example, given: list[str]) -> bool:
    """Whether an example is a command that can be run, and no pattern or name of a verb."""
    if example.kind == "comment" or PLACEHOLDER.search(example.text):
        return False
    try:
        return read(given, whole=True) is not None
    except Wrong:  # that inline code leaves something out; fences are held to be whole elsewhere
        return False


def commands() -> dict[str, list[Example]]:
    """Page -> its commands in their order; of running text only those that no page before has."""
    found: dict[str, list[Example]] = {}
    seen = set(NOT_RUN)
    for example, given in COMMANDS:
        again = example.text in (seen if example.kind == "inline" else NOT_RUN)
        if not again and is_whole(example, given):
            found.setdefault(example.page, []).append(example)
        seen.add(example.text)
    return found


PAGES = commands()
SLOW = ("src/", "README", "docs/analysis", "docs/sixt", "docs/training", "docs/understanding", "docs/veco")
"""Pages that take more than ten seconds, and helps, whose commands are mostly those of pages."""


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the pages' names stand for."""
    place = tmp_path_factory.mktemp("docs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("XDG_CACHE_HOME", str(place / "caches"))
        build(place, lambda words, updates: app(smaller(words, updates), standalone_mode=False))
    return place


def test_w11_most_commands_are_run() -> None:
    told = Counter(example.text.split("anyglot ")[-1].split()[0] for found in PAGES.values() for example in found)
    assert sum(told.values()) > 150
    assert set(told) >= {"translate", "train", "evaluate", "data", "model", "list", "embed", "mine", "analyze", "study"}


def test_w11_what_is_not_run_stands_in_a_page() -> None:
    assert set(NOT_RUN) <= {example.text for example, _ in COMMANDS}


def run(example: Example, updates: int, capfd: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
    """One command in the current folder.

    Raises:
        AssertionError: It fails, a file that it names is not there afterwards, or it prints not a line for each line.
    """
    *before, command = simple_commands(example.text)
    words = own_arguments(command) or []
    options = dict(pairwise(words))
    fed = re.search(r"< (\S+)", example.text)
    into = re.search(r" > (\S+)", example.text)
    text = Path(fed[1]).read_text("utf-8") if fed else f"{before[0][1]}\n" if before else f"{TEXTS[0]}\n"
    Path("standard-input").write_text(text, encoding="utf-8")
    output = next((options[name] for name in ("--output", "-o", "--out") if name in options), None)
    if output is not None and "--resume" not in words and words[:2] != ["study", "list"]:
        remove(Path(output))  # the commands of a page are often alternatives
    capfd.readouterr()
    with Path("standard-input").open(encoding="utf-8") as stream:
        patch.setattr(sys, "stdin", stream)
        code = app(smaller(words, updates), standalone_mode=False)
    printed = capfd.readouterr()
    assert code in (None, 0), printed.err
    assert "Traceback" not in printed.err and "the old name is taken" not in printed.err
    if into:
        Path(into[1]).write_text(printed.out, encoding="utf-8")
    assert output is None or Path(output).exists() or words[:2] == ["study", "list"]
    if words[0] == "translate" and output is None:
        whole = read(words, whole=True)
        given = whole[1].get("texts") if whole else None
        asked = (
            given
            or Path(options.get("--input") or options.get("-i") or "standard-input").read_text("utf-8").splitlines()
        )
        lines = printed.out.splitlines()
        count = len(asked) * int(options.get("--n-best", 1))
        assert len(lines) == count or ("show_rounds" in example.text and len(lines) > count)
    elif output is None:
        assert printed.out.strip()


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=pytest.mark.slow if page.startswith(SLOW) else ()) for page in PAGES]
)
def test_w11_the_commands_of_a_page_run(
    page: str, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    here = Path(shutil.copytree(place, tmp_path / "here", symlinks=True))
    monkeypatch.chdir(here)
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "caches"))
    faults = []
    averaged = [re.search(r"--(?:last|best) (\d+)", example.text) for example in PAGES[page]]
    updates = max([FEW, *(int(found[1]) for found in averaged if found)])
    for example in PAGES[page]:
        try:
            run(example, updates, capfd, monkeypatch)
        except Exception as error:
            faults.append(f"{example}: {example.text}\n    {type(error).__name__}: {error}")
    assert not faults, "\n".join(faults)


def shown_by_readme() -> tuple[str, str]:
    """The demo's part of README's Python, and what its comment says it prints."""
    code = (ROOT / "README.md").read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    asked, _, rest = code.partition("\n# ")
    return asked, rest.splitlines()[0]


def test_w11_what_is_shown_is_one_thing() -> None:
    """README, and the docstring of the class it shows, print the same; so each is held to what the demo prints."""
    from anyglot import Translator

    _, shown = shown_by_readme()
    assert ast.literal_eval(shown) and shown in (Translator.__doc__ or "")


@pytest.mark.slow
def test_w11_after_the_demo_readme_prints_what_it_shows(tmp_path: Path) -> None:
    """Some eight minutes; `ANYGLOT_DEMO` may name the folder of a demo that is finished."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "utf-8"}

    def run(*command: str, given: str = "") -> str:
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env=environment, input=given, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    if "ANYGLOT_DEMO" in os.environ:
        (tmp_path / "runs").mkdir()
        (tmp_path / "runs" / "demo").symlink_to(Path(os.environ["ANYGLOT_DEMO"]).resolve())
    else:
        run("-m", "anyglot.cli.main", "demo", "--out", "runs/demo")
    asked, shown = shown_by_readme()
    assert run("-c", asked).strip() == shown
    [sentence] = ast.literal_eval(shown)
    ask = ("-m", "anyglot.cli.main", "translate", "runs/demo/sixt", "--source", "it", "--target", "en")
    assert run(*ask, given="Il gatto dorme in giardino.\n").strip() == sentence
    for example in {one.text: one for one, _ in COMMANDS if "runs/demo/" in one.text}.values():
        for word in simple_commands(example.text)[-1]:
            if word.startswith("runs/demo/"):
                assert (tmp_path / word).exists(), f"{example} names {word}, which the demo does not leave"

"""Examples run as they stand: over small models by the names that the pages use, and after the demo what it prints."""

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
from docs.parsing import simple_commands
from docs.test_command_lines import COMMANDS
from support.tiny_translators import TEXTS, write_model_folder

MODELS = ("runs/sixt", "runs/demo/sixt", "runs/new", "runs/old", "runs/sga", "runs/demo/transformer", "runs/mine")
"""Names under which a small translator stands here; some are of other methods on the page."""
FILES = (
    "in",
    "news.de",
    "news.en",
    "in.txt",
    "test.de",
    "test.en",
    "yesterday.en",
    "beginnings.en",
    "input.ne",
    "text.de",
)
TEXT = ("runs/demo/text/test.de.txt", "runs/demo/text/test.en.txt", "runs/demo/text/test.it.txt")
REASONS = {
    "a pattern": "has a placeholder, leaves something out, or only names a verb",
    "trains": "trains, distils or studies: minutes to days",
    "a demo": "the slow test below runs it",
    "a name": "needs weights from the hub or an index",
    "another model": "needs a run of another method, or benchmark data, or steps of another machine",
    "sends or installs": "uploads, or needs an extra or another environment",
    "large": "writes more than a test should",
}
_WHY = (
    (r"\.\.\.|\b(VERB|MODEL|DIR|RUN|ENCODER|RECIPE|NAME|FOLDER|A B)\b|--help", "a pattern"),
    (r"^anyglot (train|data distill|study)\b|torchrun|cli\.main", "trains"),
    (r"^anyglot demo", "a demo"),
    (r"facebook/|FacebookAI/|xlm-roberta|mbart-50|multilingual-e5-small", "a name"),
    (r"^anyglot (fetch|model push)|--off-target|--set comet|ctranslate2|--precision int8", "sends or installs"),
    (r"^anyglot data phrasebook", "large"),
    (
        r"^anyglot (evaluate (tatoeba|bucc)|analyze|model (average|export)|data (check|manifest)|mine|embed)|"
        r"--suite|--tasks|--prompts|show runs|"
        r"runs/(nat|msp|many|tiny|study|distilled|questions|sga-|veco|en-de|random|demo/ft-all|mine/checkpoints)|"
        r"(ctc|mask-predict|rounds|ROUGE)|runs/sga -s|runs/sga --source|--latency|--tests|old-scores|online-system|"
        r"--target (ne|fr|es)|--target-corpus|show (sixt|demo)/|show  (sixt|veco)|show (tiny/)?veco",
        "another model",
    ),
)


def why_not(example: Example, given: list[str]) -> str | None:
    """Why an example is not run here; None: it is."""
    text = example.text.partition(" | ")[2] or example.text
    groups = {"evaluate", "analyze", "model", "data", "study"}
    if example.kind == "inline" and len(given) < 2 + (given[:1] != [] and given[0] in groups):
        return "a pattern"
    return next((reason for pattern, reason in _WHY if re.search(pattern, text)), None)


RUN = list({example.text: example for example, given in COMMANDS if why_not(example, given) is None}.values())


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the pages' names stand for."""
    place = tmp_path_factory.mktemp("examples")
    model = write_model_folder(place / "model")
    for name in (*FILES, *TEXT):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        language = TEXTS[3:6] if "en" in name else TEXTS[:3]
        lines = ["The"] * 3 if name == "beginnings.en" else language
        (place / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    for name in MODELS:
        shutil.copytree(model, place / name, dirs_exist_ok=True)
    wanted = ["--out", str(place / "english.json"), "--corpus", str(place / "news.en"), "--coverage", "0.9999"]
    app(["data", "vocabulary", str(model), *wanted], standalone_mode=False)
    return place


def test_w11_every_example_is_run_or_has_a_reason_of_the_list() -> None:
    told = Counter(why_not(example, given) or "run" for example, given in COMMANDS)
    assert set(told) <= {*REASONS, "run"}
    assert told["run"] >= 20
    assert {example.text.split()[1] for example in RUN if example.text.startswith("anyglot")} >= {
        "translate",
        "evaluate",
        "data",
        "model",
        "list",
    }


@pytest.mark.parametrize("example", RUN, ids=str)
def test_w11_it_runs(
    example: Example, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A line for each line in, a file where one is named; nothing on standard error that is no word of the program."""
    here = Path(shutil.copytree(place, tmp_path / "here"))
    monkeypatch.chdir(here)
    *before, command = simple_commands(example.text)
    source = here / "standard-input"
    fed = re.search(r"< (\S+)", example.text)
    text = (here / fed[1]).read_text(encoding="utf-8") if fed else f"{before[0][1]}\n" if before else TEXTS[0] + "\n"
    source.write_text(text, encoding="utf-8")
    with source.open(encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert app(command[1:], standalone_mode=False) in (None, 0)
    printed = capfd.readouterr()
    assert "Traceback" not in printed.err
    options = dict(pairwise(command))
    output = options.get("--output") or options.get("-o") or options.get("--out")
    assert output is None or (here / output).exists()
    if command[1] == "translate" and output is None:
        lines = printed.out.splitlines()
        read = Path(options.get("--input") or options.get("-i") or source).read_text(encoding="utf-8").splitlines()
        assert len(lines) == len(read) * int(options.get("--n-best", 1)) and all(lines)
    elif output is None:
        assert printed.out.strip()


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

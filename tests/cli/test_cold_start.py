"""What the command line does not import: seconds that a user would wait for nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from anyglot.cli.main import app
from support.tiny_translators import write_model_folder

HEAVY = ("torch", "transformers", "datasets", "accelerate", "numpy", "sacrebleu", "langcodes", "yaml")

PROGRAM = """
import sys
from anyglot.cli.main import main

for words in {commands!r}:
    sys.argv = ["anyglot", *words]
    try:
        main()
    except SystemExit as end:
        assert not end.code, words
    print(*words, ":", *(name for name in {heavy!r} if name in sys.modules), file=sys.stderr)
"""


def imported(*commands: list[str], text: str = "") -> list[list[str]]:
    """Run commands one after the other in a fresh process; after each, which heavy modules are there."""
    program = PROGRAM.format(commands=commands, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", program], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stderr.splitlines() if " : " in line or line.endswith(" :")]
    return [line.rpartition(" :")[2].split() for line in told][-len(commands) :]


def test_help_imports_nothing_heavy() -> None:
    verbs = [[str(command.name)] for command in app.registered_commands]
    for group in app.registered_groups:
        assert group.typer_instance is not None
        verbs += [
            [str(group.name), command.name or command.callback.__name__]
            for command in group.typer_instance.registered_commands
        ]
    assert len(verbs) > 20 and all(verb in verbs for verb in (["translate"], ["evaluate", "tasks"], ["model", "show"]))
    assert imported(["--help"], *([*verb, "--help"] for verb in verbs)) == [[]] * (1 + len(verbs))


@pytest.mark.filterwarnings("ignore")
def test_translating_with_a_folder_of_ours_imports_no_training_library(tmp_path: Path) -> None:
    folder = write_model_folder(tmp_path / "tiny")
    words = ["translate", str(folder), "--source", "de", "--target", "en", "--device", "cpu", "--max-length", "5"]
    (found,) = imported(words, text="Das Haus ist alt.\n")
    assert "torch" in found
    assert not {"transformers", "datasets", "accelerate", "sacrebleu"} & set(found)

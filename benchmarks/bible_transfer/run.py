"""Bible transfer: pretrain on 13 languages, translate from four of them, test on all twelve. Resumable.

    python benchmarks/bible_transfer/run.py --data PATH/TO/bible --out runs/bible [--size small]

Each step is a command of the package, printed before it runs; a step that was finished is passed over, one that was
interrupted goes on from its last checkpoint. The last step writes the table and the report into OUT/report.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from prepare import Languages, prepare

HERE = Path(__file__).parent
LANGUAGES = Languages(supervised=("de", "es", "ru", "sv"), zero_shot=("da", "fr", "cs", "pl", "hr", "eo", "ht", "fi"))
MODELS = ("sixt", "finetune_all", "transformer")


def run(*words: str | Path) -> None:
    """Run a verb of the package in a process of its own; stop at the first that fails, with its exit code."""
    command = [sys.executable, "-m", "anyglot.cli.main", *map(str, words)]
    print("+ anyglot " + shlex.join(command[3:]), file=sys.stderr, flush=True)
    code = subprocess.run(command, check=False).returncode
    if code:
        sys.exit(code)


# The small size scores the first verses of the held-out chapters, greedily: minutes, where all of them take an hour.
SMALL_TESTS = {"limit": 150}


def write_tests(folder: Path, cut: dict[str, int]) -> Path:
    """The table of test sets that `anyglot evaluate translation` reads."""
    sets = [
        {
            "name": f"{language}-en",
            "source": language,
            "target": "en",
            "files": [f"data/test/{language}.{language}", f"data/test/{language}.en"],
            **cut,
        }
        for language in (*LANGUAGES.supervised, *LANGUAGES.zero_shot)
    ]
    path = folder / "tests.yaml"
    path.write_text(yaml.safe_dump({"tests": sets}, sort_keys=False), encoding="utf-8")
    return path


def main() -> None:
    """All steps in order."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with LANG.txt.gz and vref.txt.gz")
    parser.add_argument("--out", type=Path, default=Path("runs/bible"), help="where everything goes")
    parser.add_argument("--size", choices=("small", "gpu"), default="small", help="which recipes")
    parser.add_argument("--only", choices=("encoder", *MODELS, "evaluate"), help="stop after this step")
    arguments = parser.parse_args()
    out: Path = arguments.out
    if not (out / "data" / "test").is_dir():
        prepare(arguments.data, out / "data", LANGUAGES)
    for recipe in (HERE / arguments.size).glob("*.yaml"):
        shutil.copy(recipe, out / recipe.name)  # paths in a recipe are relative to it
    os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count() or 1))
    run("train", out / "masked_language.yaml", "--out", out / "encoder", "--resume")
    for model in MODELS:
        if arguments.only == "encoder":
            return
        run("train", out / f"{model}.yaml", "--out", out / model, "--resume")
        if arguments.only == model:
            return
    small = arguments.size == "small"
    tests = write_tests(out, SMALL_TESTS if small else {})
    search = ("--decoder", "greedy") if small else ("--beam", "5")
    models = [out / model for model in MODELS]
    run("evaluate", "translation", *models, "--tests", tests, *search, "--out", out / "report")


if __name__ == "__main__":
    main()

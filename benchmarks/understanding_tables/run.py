"""Encoders pretrained here on the understanding tasks whose data is at hand: zero-shot transfer from English.

    python benchmarks/understanding_tables/run.py --data DIR --out runs/understanding

DIR holds bible, tatoeba_pairs and tatoeba_retrieval to pretrain on, and xnli_dev, pawsx, udpos, panx, mlqa_dev, tydiqa,
xcopa, sib200 and masakhanews to fine-tune and test on. An encoder is pretrained (XLM: masked and translation language
modelling), SixT+ trains on from it, and both are fine-tuned on English beside a random encoder of the same shape and a
bag of pieces. Each step is a command of the package; what was finished is passed over, what was interrupted goes on.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from prepare import prepare

HERE = Path(__file__).parent
MODELS = ("xlm", "sixt")
TABLES: dict[str, tuple[str, ...]] = {
    "sentences-and-words": (
        *("--tasks", "xnli,pawsx,udpos,panx", "--languages", "ar,de,en,es,ru,sw,tr,zh", "--seeds", "1"),
        *("--set", "max_updates=200"),
    ),
    "questions": (
        *("--tasks", "mlqa,tydiqa", "--languages", "de,en,sw,zh", "--seeds", "1"),
        *("--set", "max_updates=60", "--set", "max_length=128"),
    ),
    "small-sets": ("--tasks", "sib200,xcopa,masakhanews", "--seeds", "1,2,3", "--set", "max_updates=200"),
}
"""Table -> what is asked of `anyglot evaluate translation`. Updates are few, for the machine; the models are small."""


def command(*words: str | Path) -> None:
    """Run a verb of the package in a process of its own.

    Raises:
        SystemExit: It failed; with its exit code.
    """
    print("+ anyglot", *words, file=sys.stderr, flush=True)
    code = subprocess.run([sys.executable, "-m", "anyglot.cli.main", *map(str, words)], check=False).returncode
    if code:
        raise SystemExit(code)


def main() -> None:
    """Prepare, pretrain, fine-tune, score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    data, out = given.data, given.out
    if not (out / "data").is_dir():
        prepare(data / "bible", data / "tatoeba_pairs", data / "tatoeba_retrieval", out / "data")
    for name in MODELS:
        shutil.copy(HERE / f"{name}.yaml", out / f"{name}.yaml")  # paths in a recipe are relative to it
        command("train", out / f"{name}.yaml", "--out", out / name, "--resume", "--quiet")
    models = [out / name for name in MODELS]
    for table, words in TABLES.items():
        shared = ("--data", data, "--anchors", "--baseline", models[0], "--discard-models", "--out", out / table)
        command("evaluate", "tasks", *models, *words, *shared)


if __name__ == "__main__":
    main()

"""The tables of SixT+ in miniature: disentangling, one source language against four, the two stages, ft-all. Resumable.

    python benchmarks/sixt_tables/run.py --data PATH/TO/pairs --out runs/tables [--seeds 1,2,3] [--jobs 2]

The encoder is pretrained once. Every line of the tables is then trained with each seed (decoder's first weights, order
of the data, dropout), scored on held-out sentences of 13 languages, and written with mean, deviation and the
differences paired by seed to OUT/tables.md. Each step is a command of the package; what was finished is passed over,
what was interrupted goes on from its last checkpoint.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml
from prepare import SUPERVISED, ZERO_SHOT, prepare
from tables import write_tables

HERE = Path(__file__).parent
# Pairs of the two lines with equal data (the paper's table 3): one language's, or a quarter of each of four.
PAIRS = 14_400
STAGE_1 = 700  # updates of the first stage in sixt.yaml
SHORT = ("stages.decoder.updates=450", "stages.joint.updates=200")


def sources(names: tuple[str, ...], limit: int) -> str:
    """A value for data.train: `limit` pairs of each language."""
    entries = [
        {
            "source": name,
            "target": "en",
            "files": [f"data/train/{name}.{name}", f"data/train/{name}.en"],
            "limit": limit,
        }
        for name in names
    ]
    return "data.train=" + yaml.safe_dump(entries, default_flow_style=True, width=10_000).strip()


VARIANTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "sixt": ("sixt", ()),
    "without_disentangling": ("sixt", ("method.disentangle=false",)),
    "stage_1": ("", ()),  # what "without_disentangling" was after its first stage
    "finetune_all": ("finetune_all", ()),
    "one_source": ("sixt", (sources(("de",), PAIRS), *SHORT)),
    "four_sources": ("sixt", (sources(SUPERVISED, PAIRS // 4), *SHORT)),
    "one_source_without_disentangling": ("sixt", (sources(("de",), PAIRS), *SHORT, "method.disentangle=false")),
}


def command(*words: str | int | Path) -> None:
    """Run a verb of the package in a process of its own.

    Raises:
        SystemExit: It failed; with its exit code.
    """
    shown = shlex.join(map(str, words))
    print(f"+ anyglot {shown if len(shown) < 200 else shown[:200] + ' ...'}", file=sys.stderr, flush=True)
    code = subprocess.run([sys.executable, "-m", "anyglot.cli.main", *map(str, words)], check=False).returncode
    if code:
        raise SystemExit(code)


def write_tests(out: Path, limit: int) -> Path:
    """The table of test sets that `anyglot evaluate` reads: the first `limit` held-out sentences of each language."""
    sets = [
        {"name": name, "source": name, "target": "en", "files": [f"data/test/{name}.{name}", f"data/test/{name}.en"]}
        for name in (*SUPERVISED, *ZERO_SHOT)
    ]
    path = out / "tests.yaml"
    path.write_text(yaml.safe_dump({"tests": [entry | {"limit": limit} for entry in sets]}, sort_keys=False))
    return path


def train_and_score(out: Path, variant: str, seed: int, tests: Path) -> None:
    """One line of the tables with one seed."""
    recipe, overrides = VARIANTS[variant]
    name = f"{variant}-{seed}"
    if not (out / "scores" / name / "report.json").is_file():
        # Paths in overrides are taken from the current folder, those of the recipe from its own: the same one here.
        if recipe:
            changes = (*overrides, f"seed={seed}")
            command("train", out / f"{recipe}.yaml", *changes, "--out", out / name, "--resume", "--quiet")
        elif not (out / name / "model.safetensors").is_file():
            command("average", out / f"without_disentangling-{seed}", "--step", STAGE_1, "--out", out / name)
        scores = out / "scores" / name
        command("evaluate", out / name, "--tests", tests, "--decoder", "greedy", "--resamples", "0", "--out", scores)


def main() -> None:
    """All steps in order."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with eng-XXX.tsv.gz")
    parser.add_argument("--out", type=Path, default=Path("runs/tables"), help="where everything goes")
    parser.add_argument("--seeds", default="1,2,3", help="comma-separated")
    parser.add_argument("--variants", default=",".join(VARIANTS), help="comma-separated lines of the tables")
    parser.add_argument("--limit", type=int, default=300, help="test sentences a language")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, one thread each")
    arguments = parser.parse_args()
    out: Path = arguments.out.resolve()
    data: Path = arguments.data.resolve()
    if not (out / "data" / "test").is_dir():
        prepare(data, out / "data")
    for recipe in HERE.glob("*.yaml"):
        shutil.copy(recipe, out / recipe.name)  # paths in a recipe are relative to it
    os.chdir(out)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // arguments.jobs)))
    command("train", out / "encoder.yaml", "--out", out / "encoder", "--resume")
    tests = write_tests(out, arguments.limit)
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    work = [(variant, seed) for seed in seeds for variant in arguments.variants.split(",")]
    trained, taken = ([pair for pair in work if bool(VARIANTS[pair[0]][0]) == trains] for trains in (True, False))
    for pairs in (trained, taken):
        with ThreadPoolExecutor(arguments.jobs) as pool:
            for future in [pool.submit(train_and_score, out, variant, seed, tests) for variant, seed in pairs]:
                future.result()
    print(write_tables(out, arguments.variants.split(","), seeds))


if __name__ == "__main__":
    main()

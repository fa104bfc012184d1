"""The tables of SixT+ in miniature: disentangling, one source language against several, the two stages, ft-all.

    python benchmarks/sixt_tables/run.py --out runs/tables-phrasebook --seeds 101,102,103
    python benchmarks/sixt_tables/run.py --data PATH/TO/pairs --out runs/tables-pairs

Without --data the text is the phrasebook's, and every seed has a text, an encoder and runs of its own. With it (a
folder of eng-XXX.tsv.gz) the encoder is pretrained once, and seeds differ in the decoder's first weights, the order of
the data and dropout. Every line of the tables is scored on held-out sentences of all languages; OUT/tables.md has
mean, deviation and the differences paired by seed. Each step is a command of the package; what was finished is passed
over, what was interrupted goes on from its last checkpoint.
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
from prepare import prepare
from settings import PAIRS, PHRASEBOOK, Setting, write_phrasebook
from tables import write_tables

HERE = Path(__file__).parent
NO_DISENTANGLING = "method.disentangle=false"


def variants(setting: Setting, root: Path) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Line of the tables -> recipe and what is changed in it."""
    first, second = setting.short
    short = (f"stages.decoder.updates={first}", f"stages.joint.updates={second}")
    one = (sources(root, setting.supervised[:1], setting.pairs), *short)
    several = (sources(root, setting.supervised, setting.pairs // len(setting.supervised)), *short)
    return {
        "sixt": ("sixt", ()),
        "without_disentangling": ("sixt", (NO_DISENTANGLING,)),
        "stage_1": ("", ()),  # what "without_disentangling" was after its first stage
        "finetune_all": ("finetune_all", ()),
        "one_source": ("sixt", one),
        "several_sources": ("sixt", several),
        "one_source_without_disentangling": ("sixt", (*one, NO_DISENTANGLING)),
        "several_sources_without_disentangling": ("sixt", (*several, NO_DISENTANGLING)),
    }


def sources(root: Path, names: tuple[str, ...], limit: int) -> str:
    """A value for data.train: `limit` pairs of each language."""
    train = root / "data" / "train"
    entries = [
        {"source": name, "target": "en", "files": [str(train / f"{name}.{side}") for side in (name, "en")]}
        for name in names
    ]
    limited = [entry | {"limit": limit} for entry in entries]
    return "data.train=" + yaml.safe_dump(limited, default_flow_style=True, width=10_000).strip()


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


def write_tests(setting: Setting, root: Path, limit: int) -> None:
    """The table of test sets for `anyglot evaluate translation`: `limit` held-out sentences of each language."""
    sets = [
        {"name": name, "source": name, "target": "en", "files": [f"data/test/{name}.{name}", f"data/test/{name}.en"]}
        for name in (*setting.supervised, *setting.zero_shot)
    ]
    document = {"tests": [entry | {"limit": limit} for entry in sets]}
    (root / "tests.yaml").write_text(yaml.safe_dump(document, sort_keys=False))


def lay_out(setting: Setting, root: Path, seed: int, data: Path | None, limit: int) -> None:
    """Data, recipes, test sets and the encoder."""
    if not (root / "data" / "test").is_dir():
        if data is None:
            write_phrasebook(root / "data", seed)
        else:
            prepare(data, root / "data")
    for recipe in (HERE / setting.name).glob("*.yaml"):
        shutil.copy(recipe, root / recipe.name)  # paths in a recipe are relative to it
    write_tests(setting, root, limit)
    chosen = [f"seed={seed}"] if setting.fresh else []
    command("train", root / "encoder.yaml", *chosen, "--out", root / "encoder", "--resume", "--quiet")


def train_and_score(setting: Setting, root: Path, variant: str, seed: int) -> None:
    """One line of the tables with one seed."""
    recipe, overrides = variants(setting, root)[variant]
    name = f"{variant}-{seed}"
    scores = root / "scores" / name
    if (scores / "report.json").is_file():
        return
    if recipe:
        changes = (*overrides, f"seed={seed}")
        command("train", root / f"{recipe}.yaml", *changes, "--out", root / name, "--resume", "--quiet")
    elif not (root / name / "model.safetensors").is_file():
        origin = root / f"without_disentangling-{seed}"
        command("model", "average", origin, "--step", setting.stage_1, "--out", root / name)
    tests = root / "tests.yaml"
    command(
        "evaluate",
        "translation",
        root / name,
        "--tests",
        tests,
        "--decoder",
        "greedy",
        "--resamples",
        "0",
        "--out",
        scores,
    )


def main() -> None:
    """All steps in order."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with eng-XXX.tsv.gz; none: phrasebook text")
    parser.add_argument("--out", type=Path, required=True, help="where everything goes")
    parser.add_argument("--seeds", default="1,2,3", help="comma-separated")
    parser.add_argument("--variants", help="comma-separated lines of the tables; default: all")
    parser.add_argument("--limit", type=int, default=300, help="test sentences a language")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, one thread each")
    arguments = parser.parse_args()
    out: Path = arguments.out.resolve()
    data: Path | None = arguments.data and arguments.data.resolve()
    setting = PHRASEBOOK if data is None else PAIRS
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    lines = arguments.variants.split(",") if arguments.variants else list(variants(setting, out))
    roots = {seed: setting.root(out, seed) for seed in seeds}
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // arguments.jobs)))

    def trained(variant: str) -> bool:
        return bool(variants(setting, out)[variant][0])

    with ThreadPoolExecutor(arguments.jobs) as pool:
        places = {root: seed for seed, root in reversed(roots.items())}
        list(pool.map(lambda place: lay_out(setting, place[0], place[1], data, arguments.limit), places.items()))
        for wanted in (True, False):  # what is taken from another run comes after it
            work = [(seed, line) for seed in seeds for line in lines if trained(line) == wanted]
            list(pool.map(lambda job: train_and_score(setting, roots[job[0]], job[1], job[0]), work))
    print(write_tables(out, setting, lines, roots))


if __name__ == "__main__":
    main()

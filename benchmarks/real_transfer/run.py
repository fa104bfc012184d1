"""SixT+ over a real encoder on pairs that people wrote: six languages into English, scored on them and on many others.

    python benchmarks/real_transfer/run.py --data PATH --out runs/real
    python benchmarks/real_transfer/run.py --data PATH --out runs/real --size long --lines stage_1,both

PATH is the folder that prepare.py describes. The lines (all with the same decoder, data and target tokens an update):

    stage_1       SixT+'s first stage: the decoder alone, the encoder frozen
    both          the second stage after it, without disentangling
    disentangled  the second stage after it, with the skip of the penultimate encoder layer dropped (the paper's)
    ft_all        every layer trained from the first update, as many updates as both stages; the table frozen
    scratch       a Transformer of the same shape from random values, as many updates as both stages
    one_source, six_sources   the first stage on equally many pairs of one language, or of six
    layers_2, layers_6        the first stage with another number of decoder layers
    free, free_both           both stages on the pairs alone whose licences let a model be given away

Each step is a command of the package; what was finished is passed over, what was interrupted goes on.
OUT/SIZE/tables.md has the scores by domain and by language with intervals, OUT/SIZE/results.json all of them with their
facts.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml
from prepare import SUPERVISED, ZERO_SHOT, prepare
from tables import AFTER, write_tables

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Size:
    """How long lines train.

    Args:
        first, second: Updates of the first and of the second stage.
        pairs: Training pairs of the two lines with equal data.
        tests: Sentences of a test set that are translated, at most.
        news: Whether news and talks are translated too, beside everyday sentences and PUD; half of all time.
    """

    first: int
    second: int
    pairs: int
    tests: int
    news: bool = True


SIZES = {
    "short": Size(first=40, second=20, pairs=6_000, tests=10),  # to see that everything runs
    "medium": Size(first=400, second=100, pairs=30_000, tests=50, news=False),
    "long": Size(first=2_400, second=300, pairs=60_000, tests=150),
    "longest": Size(first=2_400, second=3_300, pairs=60_000, tests=150),
}


@dataclass(frozen=True)
class Line:
    """A line of the tables.

    Args:
        recipe: Its file beside this one, without .yaml.
        overrides: What it changes.
    """

    recipe: str
    overrides: tuple[str, ...] = ()


def lines_of(size: Size, root: Path, start: str) -> dict[str, Line]:
    """Name -> line."""
    first = (f"method.start={start}", f"stages.decoder.updates={size.first}", "stages.joint.updates=0")
    second = (f"stages.all.updates={size.second}",)
    both = (f"stages.all.updates={size.first + size.second}",)
    names = SUPERVISED[:1], SUPERVISED
    one, six = (f"data.train={sources(root, each, limit=size.pairs // len(each) // 2)}" for each in names)
    free = f"data.train={sources(root, SUPERVISED, shares=('free',))}"
    return {
        "stage_1": Line("sixt", first),
        "both": Line("second_stage", second),
        "disentangled": Line("second_stage", (*second, "method.disentangle=true")),
        "ft_all": Line("ft_all", (f"method.start={start}", *both)),
        "scratch": Line("scratch", (f"tokenizer={start}", *both)),
        "one_source": Line("sixt", (*first, one)),
        "six_sources": Line("sixt", (*first, six)),
        "layers_2": Line("sixt", (*first, "method.decoder.layers=2")),
        "layers_6": Line("sixt", (*first, "method.decoder.layers=6")),
        "free": Line("sixt", (*first, free)),
        "free_both": Line("second_stage", (*second, free)),
    }


def sources(
    root: Path, names: tuple[str, ...], shares: tuple[str, ...] = ("free", "research"), limit: int | None = None
) -> str:
    """A value for data.train: of each language and share of the corpora all pairs, or the first `limit`."""
    entries = [
        {
            "source": code,
            "target": "en",
            "file": str(root.parent / "data" / "train" / f"{share}.{code}-en.tsv"),
            **({} if limit is None else {"limit": limit}),
        }
        for code in names
        for share in shares
    ]
    return yaml.safe_dump(entries, default_flow_style=True, width=10_000).strip()


def command(*words: str | int | Path) -> None:
    """Run a verb of the package in a process of its own.

    Raises:
        SystemExit: It failed; with its exit code.
    """
    shown = shlex.join(map(str, words))
    print(f"+ anyglot {shown if len(shown) < 300 else shown[:300] + ' ...'}", file=sys.stderr, flush=True)
    code = subprocess.run([sys.executable, "-m", "anyglot.cli.main", *map(str, words)], check=False).returncode
    if code:
        raise SystemExit(code)


def write_tests(data: Path, root: Path, size: Size) -> None:
    """The table of test sets that `anyglot evaluate translation` reads, each named by its domain and language."""
    sets = []
    for code in (*SUPERVISED, *ZERO_SHOT):
        sets.append(("everyday", code, root.parent / "data" / "everyday" / f"{code}-en.tsv"))
    for path in sorted((data / "translation_tests").glob("*.tsv.gz")):
        domain, pair = path.name.removesuffix(".tsv.gz").rsplit(".", 1)
        if size.news or domain == "pud":
            sets.append((domain, pair.partition("-")[0], path))
    entries = [
        {"name": f"{domain} {code}", "source": code, "target": "en", "file": str(path.resolve()), "limit": size.tests}
        for domain, code, path in sets
    ]
    (root / "tests.yaml").write_text(yaml.safe_dump({"tests": entries}, sort_keys=False), encoding="utf-8")


def train_and_score(name: str, line: Line, root: Path, seed: int, off_target: bool) -> None:
    """One line of the tables with one seed."""
    folder, scores = root / f"{name}-{seed}", root / "scores" / f"{name}-{seed}"
    if (scores / "report.json").is_file():
        return
    for each in HERE.glob("*.yaml"):
        shutil.copy(each, root.parent / each.name)  # paths in a recipe are relative to it
    written = root.parent / f"{line.recipe}.yaml"
    changes = [*line.overrides, f"seed={seed}"]
    if name in AFTER:
        changes.append(f"method.start={root / f'{AFTER[name]}-{seed}'}")
    command("train", written, *changes, "--out", folder, "--resume")
    more = ("--off-target",) if off_target else ()
    tests = root / "tests.yaml"
    command("evaluate", "translation", folder, "--tests", tests, "--decoder", "greedy", "--out", scores, *more)


def main() -> None:
    """All steps in order."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the corpora")
    parser.add_argument("--out", type=Path, required=True, help="where everything goes")
    parser.add_argument("--start", default="multilingual-e5-small", help="the pretrained encoder")
    parser.add_argument("--size", choices=SIZES, default="medium", help="how long the lines train")
    parser.add_argument("--lines", help="comma-separated; default: all")
    parser.add_argument("--seeds", default="1", help="comma-separated")
    parser.add_argument("--off-target", action="store_true", help="count translations in a wrong language")
    arguments = parser.parse_args()
    out, data, size = arguments.out.resolve(), arguments.data.resolve(), SIZES[arguments.size]
    root = out / arguments.size
    root.mkdir(parents=True, exist_ok=True)
    if not (out / "data" / "facts.json").is_file():
        prepare(data, out / "data")
    write_tests(data, root, size)
    known = lines_of(size, root, arguments.start)
    chosen = arguments.lines.split(",") if arguments.lines else list(known)
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    for seed in seeds:
        for name in chosen:
            train_and_score(name, known[name], root, seed, arguments.off_target)
            facts = json.loads((out / "data" / "facts.json").read_text(encoding="utf-8"))
            print(write_tables(root, facts["hash"], shlex.join(sys.argv)))


if __name__ == "__main__":
    main()

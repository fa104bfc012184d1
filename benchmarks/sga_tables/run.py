"""The tables of SGA in miniature: SGA and its baselines on the same pairs, and SGA with one thing changed at a time.

    python benchmarks/sga_tables/run.py --setting phrasebook --out runs/sga-phrasebook
    python benchmarks/sga_tables/run.py --setting phrasebook --out runs/sga-phrasebook --timing     # on a quiet machine
    python benchmarks/sga_tables/run.py --setting real --captions PATH --bible PATH --out runs/sga-real

phrasebook: the text of sga/tiny; every seed has a tokenizer and an encoder of its own, which all its lines share. real:
captions (Multi30k) and verses, with an encoder pretrained on both (encoder.yaml, or --encoder FOLDER); seeds differ in
first weights, order of the data and dropout. Every line is scored on 300 held-out sentences a language.

OUT/tables.md and OUT/tables.json have mean and deviation over seeds, differences paired by seed, parameters, and what
the runs were made with. Each step is a command of the package; what was finished is passed over, what was interrupted
goes on from its last checkpoint. A step that fails leaves out what needs it; the rest is done, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml
from corpora import captions, phrasebook, verses
from lines import CAPTIONS, HERE, PHRASEBOOK, VERSES, Decoding, Step, Steps, phrasebook_steps, real_steps
from prepare import Corpora, prepare
from tables import speed_of, write_tables

from anyglot.training.recipe.load import load_recipe


@dataclass(frozen=True)
class Work:
    """What is to be done.

    Attributes:
        out: Where everything goes.
        steps: Of each seed.
        overrides: `--override`, for every training; `stages.*` stands for each of its stages.
    """

    out: Path
    steps: dict[int, Steps]
    overrides: tuple[str, ...]

    def made(self, name: str, seed: int) -> bool:
        """Whether a step has ended."""
        last = "recipe.yaml" if self.steps[seed][name].words[0] == "distill" else "run.json"
        return (self.out / f"{name}-{seed}" / last).is_file()

    def make(self, name: str, seed: int) -> None:
        """Train, or have a teacher translate.

        Raises:
            RuntimeError: It failed, or a step it needs has.
        """
        step = self.steps[seed][name]
        if not step.words or self.made(name, seed):
            return
        for needed in step.needs:
            if not self.made(needed, seed):
                raise RuntimeError(f"{name}-{seed} needs {needed}-{seed}, which is not there")
        words = [*(["data"] if step.words[0] == "distill" else []), *step.words, f"seed={seed}"]
        if step.words[0] == "train":
            words += [*self._expanded(step, seed), "--quiet"]
        command(*words, "--out", self.out / f"{name}-{seed}", "--resume")

    def _expanded(self, step: Step, seed: int) -> list[str]:
        """The overrides, with the names of the recipe's stages in place of `stages.*`."""
        if not self.overrides:
            return []
        stages = load_recipe(step.words[1], step.words[2:]).stages
        return [
            override.replace("stages.*", f"stages.{stage}", 1)
            for override in self.overrides
            for stage in (stages if override.startswith("stages.*") else [""])
        ]

    def score(self, name: str, seed: int, decoding: Decoding, *, timing: bool = False) -> None:
        """Translate and score the test sets of a step, once; with `timing`, time it too."""
        step = self.steps[seed][name]
        scores = self.scores(name, seed, decoding)
        if (scores / "report.json").is_file() and not (timing and speed_of(scores) is None):
            return
        model = step.model or name
        if not self.made(model, seed):
            raise RuntimeError(f"{name}-{seed} cannot be scored: {model}-{seed} is not there")
        tests = self.out / "tests" / f"{step.corpus.name}-{'-'.join(step.languages)}.yaml"
        tests.parent.mkdir(parents=True, exist_ok=True)
        entries = {"tests": [step.corpus.tests[code] for code in step.languages]}
        tests.write_text(yaml.safe_dump(entries, sort_keys=False))
        wanted = ("--tests", tests, "--metrics", "BLEU,chrF", "--resamples", "0", "--out", scores)
        command(
            "evaluate",
            "translation",
            self.out / f"{model}-{seed}",
            *decoding.options,
            *wanted,
            *(["--set", "latency=true"] * timing),
        )

    def scores(self, name: str, seed: int, decoding: Decoding) -> Path:
        """The folder of the scores of a step, decoded so."""
        return self.out / "scores" / f"{name}-{seed}-{decoding.name.replace(' ', '-')}"


def command(*words: str | int | Path) -> None:
    """Run a verb of the package in a process of its own.

    Raises:
        RuntimeError: It failed.
    """
    shown = shlex.join(word if len(word) < 120 else f"{word.split('=')[0]}=..." for word in map(str, words))
    print(f"+ anyglot {shown}", file=sys.stderr, flush=True)
    code = subprocess.run(
        [sys.executable, "-m", "anyglot.cli.main", *map(str, words)], check=False, stdout=subprocess.DEVNULL
    ).returncode
    if code:
        raise RuntimeError(f"exit code {code} of anyglot {shown}")


def with_needs(names: Sequence[str], steps: Steps) -> list[list[str]]:
    """The steps and all they need, in groups: each group's needs stand in the groups before it."""
    depths: dict[str, int] = {}

    def depth(name: str) -> int:
        if name not in depths:
            depths[name] = 1 + max((depth(needed) for needed in steps[name].needs), default=-1)
        return depths[name]

    for name in names:
        depth(name)
    return [[name for name in depths if depths[name] == level] for level in sorted(set(depths.values()))]


def side_by_side(jobs: int, work: Sequence[Callable[[], None]]) -> list[str]:
    """Run these, so many at a time; what failed is told at once and returned."""
    failures: list[str] = []

    def attempt(each: Callable[[], None]) -> None:
        try:
            each()
        except RuntimeError as error:
            print(f"failed: {error}", file=sys.stderr, flush=True)
            failures.append(str(error))

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(attempt, work))
    return failures


def timed_too(step: Step) -> bool:
    """Whether its speed belongs into the tables: what an ablation changes, but for the rounds, changes no speed."""
    return not step.ablation or step.model is not None


def lay_out(arguments: argparse.Namespace, out: Path, overrides: Sequence[str]) -> Path:
    """Text and encoder of the real setting; returns the encoder."""
    if not (out / "text" / "bible").is_dir():
        if arguments.captions is None or arguments.bible is None:
            raise SystemExit(f"{out / 'text'} is not there: name the corpora with --captions and --bible.")
        prepare(Corpora(arguments.captions.resolve(), arguments.bible.resolve()), out / "text")
    if arguments.encoder is not None:
        return Path(arguments.encoder.resolve())
    recipe = out / "encoder.yaml"  # paths in a recipe are relative to it
    recipe.write_text((HERE / "encoder.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    changes = [override.replace("stages.*", "stages.pretrain") for override in overrides]
    if not (out / "encoder" / "run.json").is_file():
        command("train", recipe, *changes, "--out", out / "encoder", "--resume", "--quiet")
    return out / "encoder"


def steps_of(arguments: argparse.Namespace, out: Path, seeds: Sequence[int]) -> tuple[dict[int, Steps], list[str]]:
    """The steps of each seed, and the lines that are made by default."""
    if arguments.setting == "phrasebook":
        corpus = phrasebook(arguments.limit, arguments.pairs)
        steps = {seed: phrasebook_steps(corpus, out, seed) for seed in seeds}
        ablations = [name for name, step in steps[seeds[0]].items() if step.ablation]
        return steps, [*PHRASEBOOK, *ablations]
    encoder = lay_out(arguments, out, arguments.override)
    both = [make(out / "text", arguments.limit, arguments.pairs) for make in (captions, verses)]
    steps = {
        seed: {name: step for corpus in both for name, step in real_steps(corpus, out, seed, encoder).items()}
        for seed in seeds
    }
    return steps, [*(f"captions/{name}" for name in CAPTIONS), *(f"verses/{name}" for name in VERSES)]


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setting", choices=("phrasebook", "real"), required=True)
    parser.add_argument("--out", type=Path, required=True, help="where everything goes")
    parser.add_argument("--seeds", default="1,2,3", help="comma-separated")
    parser.add_argument("--ablation-seeds", help="seeds of the ablations; default: the first")
    parser.add_argument("--lines", help="comma-separated lines of the tables; default: all")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, one thread each")
    parser.add_argument("--timing", action="store_true", help="afterwards time the first seed's models, one by one")
    parser.add_argument("--captions", type=Path, help="real: folder of train, val and test_2016_flickr, .LANG.gz")
    parser.add_argument("--bible", type=Path, help="real: folder of verse-aligned LANG.txt.gz and vref.txt.gz")
    parser.add_argument("--encoder", type=Path, help="real: an encoder trained before")
    parser.add_argument("--limit", type=int, default=300, help="test sentences a language")
    parser.add_argument("--pairs", type=int, help="training pairs a language at most, to try things out")
    parser.add_argument("--override", action="append", default=[], metavar="KEY=VALUE", help="of every training")
    return parser.parse_args()


def main() -> None:
    """All steps in order."""
    arguments = parsed()
    out: Path = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    further = [int(seed) for seed in (arguments.ablation_seeds or str(seeds[0])).split(",")]
    every = list(dict.fromkeys((*seeds, *further)))
    steps, lines = steps_of(arguments, out, every)
    known = steps[seeds[0]]
    lines = arguments.lines.split(",") if arguments.lines else lines
    unknown = [line for line in lines if line not in known or not known[line].decodings]
    if unknown:
        scored = ", ".join(name for name, step in known.items() if step.decodings)
        raise SystemExit(f"There is no line {unknown[0]}; there are {scored}.")
    rows = {line: further if known[line].ablation else seeds for line in lines}
    work = Work(out, steps, tuple(arguments.override))
    threads = os.environ.get("OMP_NUM_THREADS")
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // arguments.jobs)))
    failures: list[str] = []
    scored = [(line, seed) for line in lines for seed in rows[line]]
    groups = {seed: with_needs([line for line in lines if seed in rows[line]], steps[seed]) for seed in every}
    for level in range(max(map(len, groups.values()))):
        todo = [(name, seed) for seed in every for name in (groups[seed][level : level + 1] or [[]])[0]]
        failures += side_by_side(arguments.jobs, [lambda job=job: work.make(*job) for job in todo])
    decoded = [(line, seed, decoding) for line, seed in scored for decoding in known[line].decodings]
    failures += side_by_side(arguments.jobs, [lambda job=job: work.score(*job) for job in decoded])
    if arguments.timing:
        os.environ.pop("OMP_NUM_THREADS")
        os.environ.update({} if threads is None else {"OMP_NUM_THREADS": threads})
        timed = [job for job in decoded if job[1] == rows[job[0]][0] and timed_too(known[job[0]])]
        failures += side_by_side(1, [lambda job=job: work.score(*job, timing=True) for job in timed])
    print(write_tables(out, {line: (known[line], rows[line]) for line in lines}, work.scores))
    if failures:
        print("\n".join(["What failed:", *failures]), file=sys.stderr)
        raise SystemExit(1)


if __name__ == "__main__":
    main()

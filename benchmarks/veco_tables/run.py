"""VECO's tables in miniature: VECO against XLM, with and without sentence pairs, and what a decoder begins with.

    python benchmarks/veco_tables/run.py --bible DIR --pairs DIR --retrieval DIR --captions DIR --bucc DIR --out DIR

Four models are pretrained from scratch with the same updates of the same text: VECO and XLM, on text alone and with as
many updates of sentence pairs between them. Each has to find translations (Tatoeba in every language it read, BUCC
Chinese-English) and is fine-tuned to translate captions; the initialisations of table 4 are compared over seeds. Each
step is a command of the package; what was finished is passed over, what was interrupted goes on. OUT/tables.md has the
translation table, OUT/scores the reports.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml
from prepare import ALONE, PAIRED, Corpora, prepare
from tables import write_tables

HERE = Path(__file__).parent
FRESH_DECODER = "method.decoder.blocks=fresh"
TEXT_UPDATES = 2000  # what is of text among the 4,000 in which text and pairs take turns


def pretrainings(out: Path) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Model -> its recipe and what is changed in it."""
    texts = [{"language": code, "file": str(out / "data" / "text" / f"{code}.txt")} for code in ("en", *PAIRED, *ALONE)]
    alone = (written("data.train", texts), "data.bilingual=null")
    return {
        "veco": ("veco", ()),
        "xlm": ("xlm", ()),
        "veco_text": ("veco", (*alone, f"stages.joint.updates={TEXT_UPDATES}")),
        "xlm_text": ("xlm", (*alone, f"stages.pretrain.updates={TEXT_UPDATES}")),
    }


def translators(out: Path) -> dict[str, tuple[str, ...]]:
    """Line of the table -> what is changed in `translation.yaml`."""

    def start(name: str) -> str:
        return f"method.start={out / name}"

    return {
        "random": (start("veco"), "method.encoder=fresh", FRESH_DECODER),
        "veco_fresh": (start("veco"), FRESH_DECODER),
        "veco_first": (start("veco"), "method.decoder.blocks=first"),
        "veco_last": (start("veco"),),
        "xlm_fresh": (start("xlm"), FRESH_DECODER),
        "xlm_last": (start("xlm"),),
        "veco_text_last": (start("veco_text"),),
        "xlm_text_last": (start("xlm_text"),),
    }


def written(key: str, value: object) -> str:
    """`key=value` with the value as YAML on one line."""
    return f"{key}=" + yaml.safe_dump(value, default_flow_style=True, width=1_000_000).strip()


def command(*words: str | int | Path) -> None:
    """Run a verb of the package in a process of its own.

    Raises:
        SystemExit: It failed; with its exit code.
    """
    shown = shlex.join(map(str, words))
    print(f"+ anyglot {shown[:200]}{' ...' if len(shown) > 200 else ''}", file=sys.stderr, flush=True)
    code = subprocess.run([sys.executable, "-m", "anyglot.cli.main", *map(str, words)], check=False).returncode
    if code:
        raise SystemExit(code)


def pretrain(out: Path, name: str) -> None:
    """One of the four models, with the tokenizer all share."""
    recipe, changes = pretrainings(out)[name]
    tokenizer = () if name == "veco" else (f"tokenizer={out / 'veco' / 'tokenizer'}",)
    command("train", out / f"{recipe}.yaml", *tokenizer, *changes, "--out", out / name, "--resume", "--quiet")


def translate(out: Path, line: str, seed: int) -> None:
    """Fine-tune one line of the table with one seed, and score it."""
    name = f"{line}-{seed}"
    scores = out / "scores" / name
    if (scores / "report.json").is_file():
        return
    changes = (*translators(out)[line], f"seed={seed}")
    command("train", out / "translation.yaml", *changes, "--out", out / name, "--resume", "--quiet")
    tests = out / "tests.yaml"
    command(
        "evaluate",
        "translation",
        out / name,
        "--tests",
        tests,
        "--decoder",
        "greedy",
        "--resamples",
        "0",
        "--out",
        scores,
    )


def retrieve(out: Path, corpora: Corpora, bucc: Path) -> None:
    """Tatoeba and BUCC for all four models."""
    models = [out / name for name in pretrainings(out)]
    languages = ",".join((*PAIRED, *ALONE))
    for task, data, options in (
        ("tatoeba", corpora.retrieval, ("--languages", languages, "--layer", "all")),
        ("bucc", bucc, ("--pair", "zh-en", "--layer", "all")),
    ):
        if not (out / "scores" / task / "report.json").is_file():
            command("evaluate", task, *models, "--data", data, *options, "--out", out / "scores" / task)


def lay_out(corpora: Corpora, out: Path) -> None:
    """Data, recipes and the test set of translation."""
    if not (out / "data" / "captions" / "test.de").is_file():
        prepare(corpora, out / "data")
    for recipe in HERE.glob("*.yaml"):
        shutil.copy(recipe, out / recipe.name)  # paths in a recipe are relative to it
    files = ["data/captions/test.en", "data/captions/test.de"]
    tests = {"tests": [{"name": "captions", "source": "en", "target": "de", "files": files}]}
    (out / "tests.yaml").write_text(yaml.safe_dump(tests, sort_keys=False))


def side_by_side(jobs: int, work: Sequence[Callable[[], None]]) -> None:
    """Run these, so many at a time."""
    with ThreadPoolExecutor(jobs) as pool:
        for done in [pool.submit(each) for each in work]:
            done.result()


def main() -> None:
    """All steps in order."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, what in (
        ("bible", "verse-aligned LANG.txt.gz and vref.txt.gz"),
        ("pairs", "eng-XXX.tsv.gz"),
        ("retrieval", "tatoeba.XXX-eng.XXX and .eng"),
        ("captions", "Multi30k: train, val and test_2016_flickr, .en.gz and .de.gz"),
        ("bucc", "zh-en.dev.zh, .en and .gold"),
    ):
        parser.add_argument(f"--{name}", type=Path, required=True, help=f"folder of {what}")
    parser.add_argument("--out", type=Path, required=True, help="where everything goes")
    parser.add_argument("--seeds", default="1,2,3", help="of the fine-tuning, comma-separated")
    parser.add_argument("--lines", help="comma-separated lines of the translation table; default: all")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, one thread each")
    arguments = parser.parse_args()
    out: Path = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    folders = (arguments.bible, arguments.pairs, arguments.retrieval, arguments.captions)
    corpora = Corpora(*(folder.resolve() for folder in folders))
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // arguments.jobs)))
    lay_out(corpora, out)
    pretrain(out, "veco")  # it learns the tokenizer of all
    side_by_side(arguments.jobs, [lambda name=name: pretrain(out, name) for name in pretrainings(out)])
    retrieve(out, corpora, arguments.bucc.resolve())
    lines = arguments.lines.split(",") if arguments.lines else list(translators(out))
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    work = [(line, seed) for seed in seeds for line in lines]
    side_by_side(arguments.jobs, [lambda job=job: translate(out, *job) for job in work])
    print(write_tables(out, lines, seeds))


if __name__ == "__main__":
    main()

"""How soon a decoder looks at its source, and what dropping a skip costs: phrasebook text over a real encoder.

    python benchmarks/plateau/run.py --out runs/plateau
    python benchmarks/plateau/run.py --out runs/plateau --part disentangling --seeds 101,102,103

The lines of `plateau` change one thing of base.yaml's first stage. Told are the update, and the target tokens, after
which another sentence's source first cost 0.1 nats a token on validation text, and the loss at the end. The lines of
`disentangling` have a second stage after the same first one, as many updates each; told are the loss before it, at its
first validation and at its end, and BLEU into English of languages that were in no pair.

A seed is the text's and the model's; the reported figures of this project's demo are of seed 1, so take others. Each
run is one command of the package; what was finished is passed over, what was interrupted goes on. OUT/results.json has
all figures with the commands, OUT/tables.md their means over the seeds.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import yaml

from anyglot.reporting.provenance import commit, machine

HERE = Path(__file__).parent
SUPERVISED, ZERO_SHOT = ("de", "es", "fi", "hi", "ru", "zh"), ("nl", "it", "uk", "fr", "tr", "pt", "sv")
COST = 0.1  # nats a token that another sentence's source must cost
CROSS_ATTENTION = "decoder.stack.blocks.*.cross_attention.*"

PLATEAU: dict[str, tuple[str, ...]] = {
    "standardised": (),
    "as they come": ("method.memory.standardize=false",),
    "token vectors times 5": ("method.decoder.scale=5",),
    "token vectors times 1": ("method.decoder.scale=none",),
    "cross-attention 3 times as fast": (f"stages.decoder.rates={{{CROSS_ATTENTION}: 3}}",),
    "rate 1e-3": ("stages.decoder.learning_rate=1.0e-3",),
    "rate 4e-3": ("stages.decoder.learning_rate=4.0e-3",),
    "512 tokens an update": ("data.batch_tokens=512",),
    "label smoothing 0.1": ("method.label_smoothing=0.1",),
    "dropout 0.1": ("method.decoder.dropout=0.1",),
}
"""Line -> what it changes."""


def disentangling(layer: int) -> dict[str, tuple[str, ...]]:
    """Line -> what it changes of the second stage."""
    dropped, rates = "method.disentangle=true", f"stages.joint.rates={{encoder.stack.blocks.{layer}.*: 5}}"
    return {
        "no disentangling": (),
        "dropped at once (paper)": (dropped,),
        "dropped at once, its layer 5 times as fast": (dropped, rates),
    }


@dataclass(frozen=True)
class Setting:
    """What all runs of one call share.

    Args:
        root: Where they go.
        first, second: Updates of the two stages.
        sentences: Training pairs of a language.
        tested: Sentences of a language that are translated.
        through: Words in front of each command, such as those of a lock.
    """

    root: Path
    start: str
    level: str
    first: int
    second: int
    sentences: int
    tested: int
    through: tuple[str, ...]


def sources(setting: Setting, seed: int, split: str, sentences: int) -> list[dict[str, str]]:
    """Each language has sentences of its own."""
    return [
        {
            "source": code,
            "target": "en",
            "file": f"phrasebook:sentences={sentences}&level={setting.level}&split={split}&seed={seed}"
            f"&offset={number * sentences}",
        }
        for number, code in enumerate(SUPERVISED)
    ]


def command(setting: Setting, *words: str | Path) -> str:
    """Run a verb of the package in a process of its own; returns it as typed.

    Raises:
        SystemExit: It failed; with its exit code.
    """
    shown = f"anyglot {shlex.join(map(str, words))}"
    print(f"+ {shown}", file=sys.stderr, flush=True)
    call = [*setting.through, sys.executable, "-m", "anyglot.cli.main", *map(str, words)]
    code = subprocess.run(call, check=False).returncode
    if code:
        raise SystemExit(code)
    return shown


def recipe(setting: Setting, seed: int) -> Path:
    """The recipe with the texts of a seed."""
    document = yaml.safe_load((HERE / "base.yaml").read_text(encoding="utf-8"))
    document["data"]["train"] = sources(setting, seed, "train", setting.sentences)
    document["data"]["validation"] = sources(setting, seed, "validation", 60)
    document["data"]["cache"] = str(setting.root / "tokens")
    document["method"]["start"] = setting.start
    document["seed"] = seed
    document["stages"]["decoder"] |= {"updates": setting.first, "encoder_cache": str(setting.root / "states")}
    path = setting.root / f"{setting.level}-{seed}.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


def curve(folder: Path) -> list[dict[str, float]]:
    """Update, target tokens, loss and what another sentence's source costs, at each validation."""
    events = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    tokens = {event["update"]: event["tokens"] for event in events if event["kind"] == "train"}
    return [
        {
            "update": event["update"],
            "tokens": tokens.get(event["update"], 0),
            "loss": round(event["loss"], 4),
            "cost": round(event["shuffled_source_loss"] - event["loss"], 4),
        }
        for event in events
        if event["kind"] == "validation"
    ]


def told(folder: Path, shown: str, seed: int, line: str) -> dict[str, Any]:
    """One run's figures."""
    points = curve(folder)
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return {
        "line": line,
        "seed": seed,
        "command": shown,
        "data": record["data"],
        "left": next((point for point in points if point["cost"] > COST), None),
        "curve": points,
        "seconds": record["seconds"],
    }


def plateau(setting: Setting, seed: int, line: str) -> dict[str, Any]:
    """A first stage."""
    folder = setting.root / f"{setting.level}-{line.replace(' ', '_')}-{seed}"
    shown = f"anyglot train {recipe(setting, seed)} {shlex.join(PLATEAU[line])} --out {folder}"
    if not (folder / "run.json").is_file():
        shown = command(setting, "train", recipe(setting, seed), *PLATEAU[line], "--out", folder, "--resume", "--quiet")
    return told(folder, shown, seed, line)


def two_stages(setting: Setting, seed: int, line: str, changes: tuple[str, ...]) -> dict[str, Any]:
    """Both stages, the first bit for bit that of the other lines, and translations."""
    folder = setting.root / f"{setting.level}-{line.replace(' ', '_').replace(',', '')}-{seed}"
    words = ["train", recipe(setting, seed), f"stages.joint.updates={setting.second}", *changes, "--out", folder]
    shown = f"anyglot {shlex.join(map(str, words))}"
    if not (folder / "run.json").is_file():
        command(setting, *words, "--resume", "--quiet")
    found = told(folder, shown, seed, line)
    before = [point for point in found["curve"] if point["update"] <= setting.first]
    after = [point for point in found["curve"] if point["update"] > setting.first]
    return found | {"before": before[-1], "curve": after, "bleu": scores(setting, seed, folder)}


def scores(setting: Setting, seed: int, folder: Path) -> dict[str, float]:
    """BLEU of greedy translations of validation text, by language."""
    file = f"phrasebook:sentences={setting.tested}&level={setting.level}&split=validation&seed={seed + 1000}"
    tests = [
        {"name": code, "source": code, "target": "en", "file": file, "limit": setting.tested}
        for code in (*SUPERVISED, *ZERO_SHOT)
    ]
    path = setting.root / f"tests-{seed}.yaml"
    path.write_text(yaml.safe_dump({"tests": tests}, sort_keys=False), encoding="utf-8")
    out = folder / "scores"
    if not (out / "report.json").is_file():
        command(setting, "evaluate", "translation", folder, "--tests", path, "--decoder", "greedy", "--out", out)
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    [table] = [table for table in report["tables"] if table["title"] == "Scores"]
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    return {row["Test"]: row["BLEU"]["value"] for row in rows if row["Pair"] is not None}


def tables(results: list[dict[str, Any]]) -> str:
    """Means over the seeds, and each seed's own figures."""
    text = []
    for part, cells in (("plateau", _plateau_cells), ("disentangling", _two_stage_cells)):
        lines = dict.fromkeys(run["line"] for run in results if run["part"] == part)
        columns = ("seeds", *cells([]))
        if lines:
            text += [f"| {part} | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
        for line in lines:
            runs = [run for run in results if run["line"] == line and run["part"] == part]
            text.append(f"| {line} | {len(runs)} | {' | '.join(cells(runs).values())} |")
        text.append("")
    return "\n".join(text)


def _plateau_cells(runs: list[dict[str, Any]]) -> dict[str, str]:
    left = [run["left"] for run in runs]
    return {
        "left after update": _of_seeds([None if point is None else point["update"] for point in left], 0),
        "after target tokens": _of_seeds([None if point is None else point["tokens"] for point in left], 0),
        "loss at the end": _of_seeds([run["curve"][-1]["loss"] for run in runs], 3),
    }


def _two_stage_cells(runs: list[dict[str, Any]]) -> dict[str, str]:
    return {
        "loss before": _of_seeds([run["before"]["loss"] for run in runs], 3),
        "at the first validation": _of_seeds([run["curve"][0]["loss"] for run in runs], 3),
        "at the end": _of_seeds([run["curve"][-1]["loss"] for run in runs], 3),
        "zero-shot BLEU": _of_seeds([mean(run["bleu"][code] for code in ZERO_SHOT) for run in runs], 1),
        "supervised": _of_seeds([mean(run["bleu"][code] for code in SUPERVISED) for run in runs], 1),
    }


def _of_seeds(values: list[float | None], digits: int) -> str:
    """The mean, and all values where there are several; "never" for what did not come about."""
    known = [value for value in values if value is not None]
    told = [("never" if value is None else f"{value:,.{digits}f}") for value in values]
    if len(values) < 2 or len(known) < len(values):
        return ", ".join(told)
    return f"{mean(known):,.{digits}f} ({', '.join(told)})"


def main() -> None:
    """All runs in order; the results after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="where everything goes")
    parser.add_argument("--start", default="multilingual-e5-small", help="the pretrained encoder")
    parser.add_argument("--part", choices=("plateau", "disentangling"), default="plateau")
    parser.add_argument("--lines", help="separated by semicolons; default: all")
    parser.add_argument("--level", choices=("beginner", "full"), default="beginner", help="of the phrasebook")
    parser.add_argument("--seeds", default="101", help="comma-separated")
    parser.add_argument("--first", type=int, default=120, help="updates of the first stage")
    parser.add_argument("--second", type=int, default=40, help="updates of the second stage")
    parser.add_argument("--layer", type=int, default=10, help="the encoder's penultimate, from 0")
    parser.add_argument("--sentences", type=int, default=700, help="training pairs of a language")
    parser.add_argument("--tested", type=int, default=40, help="sentences of a language that are translated")
    parser.add_argument("--through", default="", help="words in front of each command, such as 'flock FILE'")
    given = parser.parse_args()
    root, through = given.out.resolve(), tuple(shlex.split(given.through))
    root.mkdir(parents=True, exist_ok=True)
    setting = Setting(root, given.start, given.level, given.first, given.second, given.sentences, given.tested, through)
    later = disentangling(given.layer)
    chosen = given.lines.split(";") if given.lines else list(PLATEAU if given.part == "plateau" else later)
    path = root / "results.json"
    results: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.is_file() else []
    for line in chosen:
        for seed in map(int, given.seeds.split(",")):
            mark = {"part": given.part, "level": given.level, "line": line, "seed": seed}
            if any(mark.items() <= run.items() for run in results):
                continue
            first = given.part == "plateau"
            found = plateau(setting, seed, line) if first else two_stages(setting, seed, line, later[line])
            results.append(found | mark)
            facts = {"commit": commit(), "machine": asdict(machine())}
            path.write_text(json.dumps({"facts": facts, "runs": results}, indent=1) + "\n", encoding="utf-8")
            (root / "tables.md").write_text(tables(results), encoding="utf-8")
    print(tables(results))


if __name__ == "__main__":
    main()

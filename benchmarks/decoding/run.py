"""Decoding speed of anyglot, transformers and CTranslate2 with the same weights. Resumable.

    python benchmarks/decoding/run.py --out runs/decoding                  # base shape, about an hour on 2 cores
    python benchmarks/decoding/run.py --out runs/decoding --shape large --rounds 3
    python benchmarks/decoding/run.py --out runs/quick --quick             # tiny shape, seconds: does it run?

Random weights are written once for every engine. First the outputs are compared: greedy tokens, and the set of live
beams, must be equal in fp32. Then every engine translates the same sentences in a fixed number of steps, each time in a
process of its own, engines taking turns; each round is written to OUT/rounds.jsonl when it is done, and a second call
runs only the rounds that are missing. OUT/decoding.json and OUT/decoding.md hold the table.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from table import write_table

from models import SHAPES, sources, write_models

ENGINES = (
    "anyglot fp32",
    "anyglot bf16",
    "anyglot int8",
    "anyglot bf16 dependent",
    "anyglot int8 dependent",
    "transformers fp32",
    "transformers bf16",
    "ctranslate2 fp32",
    "ctranslate2 bf16",
    "ctranslate2 int8",
    "ctranslate2 int8_bf16",
)


@dataclass(frozen=True)
class Case:
    """What is timed: rows of the table, sentences in the batch, beams."""

    rows: int
    sentences: int
    beams: int

    @property
    def name(self) -> str:
        return f"{self.rows:,} rows, batch {self.sentences}, beam {self.beams}"


def cases(quick: bool) -> list[Case]:
    """The issue's cases, the one that matters most first."""
    full, small = (2000, 500) if quick else (250_002, 30_000)
    return [Case(rows, batch, beams) for batch, beams in ((16, 5), (1, 1), (1, 5)) for rows in (full, small)]


def worker(arguments: argparse.Namespace) -> None:
    """In a process of its own: load, warm up, time; one JSON line on standard output."""
    import torch

    torch.set_num_threads(arguments.threads)
    from engines import load_engine

    folder, batch = Path(arguments.models), sources(arguments.rows, arguments.sentences)
    search = load_engine(arguments.worker, folder)
    search(batch, arguments.beams, 4)
    begin = time.perf_counter()
    found = search(batch, arguments.beams, arguments.steps)
    seconds = time.perf_counter() - begin
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    result = {
        "seconds": seconds,
        "steps": arguments.steps,
        "tokens": len(found) * arguments.steps,
        "peak_mib": int(peak.split()[1]) / 1024,
        "outputs": found,
    }
    print(json.dumps(result))


def measure(engine: str, case: Case, arguments: argparse.Namespace, steps: int) -> dict[str, Any]:
    """One round of one engine in a fresh process."""
    command = [sys.executable, __file__, "--worker", engine, "--models", str(models_folder(arguments, case.rows))]
    for name in ("rows", "sentences", "beams"):
        command += [f"--{name}", str(getattr(case, name))]
    command += ["--steps", str(steps), "--threads", str(arguments.threads)]
    environment = os.environ | {"OMP_NUM_THREADS": str(arguments.threads), "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or ["no message"]
        print(f"{engine} failed: {reason[0]}", file=sys.stderr)
        return {"failed": reason[0]}
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def models_folder(arguments: argparse.Namespace, rows: int) -> Path:
    """Where the weights of a table size are."""
    return Path(arguments.out) / f"models-{arguments.shape}-{rows}"


def show_equality(case: Case, arguments: argparse.Namespace) -> dict[str, Any]:
    """Compare fp32 outputs: the first tokens of greedy search, and the live beams as a set (the forced end differs)."""
    steps = min(arguments.steps, 13)
    shares: dict[str, Any] = {}
    for beams in (1, 5):
        small = Case(case.rows, 4 if not arguments.quick else 16, beams)
        # Our last step is the forced end: what the others have one step earlier are our live beams.
        reference = measure("anyglot fp32", small, arguments, steps)["outputs"]
        for engine in ("transformers fp32", "ctranslate2 fp32"):
            outputs = measure(engine, small, arguments, steps - 1).get("outputs")
            equal = None if outputs is None else sum(map(_same, reference, outputs)) / len(reference)
            shares[f"{engine}, beam {beams}"] = equal
            print(f"  fp32 outputs of anyglot and {engine}, beam {beams}, {case.rows:,} rows: {equal} equal")
    return shares


def _same(one: list[list[int]], other: list[list[int]]) -> bool:
    return sorted(one) == sorted(other)


def run(arguments: argparse.Namespace) -> None:
    """Everything that is not done yet, then the table."""
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    journal, proof = out / f"rounds-{arguments.shape}.jsonl", out / f"equality-{arguments.shape}.json"
    lines = journal.read_text().splitlines() if journal.is_file() else []
    done = [json.loads(line) for line in lines if line.endswith("}")]
    equality = json.loads(proof.read_text()) if proof.is_file() else {}
    chosen = [case for case in cases(arguments.quick) if not arguments.only or arguments.only in case.name]
    for rows in dict.fromkeys(case.rows for case in chosen):
        write_models(models_folder(arguments, rows), SHAPES[arguments.shape], rows)
        if str(rows) not in equality:
            equality[str(rows)] = show_equality(Case(rows, 0, 0), arguments)
            proof.write_text(json.dumps(equality, indent=1))
    known = {(round["engine"], round["case"], round["round"]) for round in done}
    engines = [name for name in ENGINES if not arguments.engines or name in arguments.engines.split(",")]
    for number in range(arguments.rounds):
        for case in chosen:
            for engine in engines:
                if (engine, case.name, number) in known:
                    continue
                result = measure(engine, case, arguments, arguments.steps)
                record = {"engine": engine, "case": case.name, "round": number, **asdict(case), **result}
                done.append(record)
                with journal.open("a") as stream:
                    stream.write(json.dumps(record) + "\n")
                if "seconds" in result:
                    step = 1000 * result["seconds"] / result["steps"]
                    print(f"round {number + 1}  {case.name}  {engine:24} {step:8.1f} ms a step", flush=True)
        write_table(out, arguments, summary(done), equality)
    write_table(out, arguments, summary(done), equality)


def summary(rounds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Median, spread and memory of every engine, and the share of best outputs that its own fp32 finds too."""
    rows = []
    for case, engine in dict.fromkeys((record["case"], record["engine"]) for record in rounds):
        mine = [r for r in rounds if r["case"] == case and r["engine"] == engine and "seconds" in r]
        if not mine:
            continue
        steps = [1000 * record["seconds"] / record["steps"] for record in mine]
        exact = engine.split()[0] + " fp32"
        reference = [r for r in rounds if r["case"] == case and r["engine"] == exact and "seconds" in r]
        equal = None
        if reference:
            pairs = list(zip(reference[0]["outputs"], mine[0]["outputs"], strict=True))
            equal = sum(one[0] == other[0] for one, other in pairs) / len(pairs)
        rows.append(
            {
                "case": case,
                "engine": engine,
                "rounds": len(steps),
                "step_ms": statistics.median(steps),
                "fastest_ms": min(steps),
                "slowest_ms": max(steps),
                "tokens_per_second": mine[0]["tokens"] / (statistics.median(steps) * mine[0]["steps"] / 1000),
                "peak_mib": max(record["peak_mib"] for record in mine),
                "equal_to_fp32": equal,
            }
        )
    return rows


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="runs/decoding", help="where weights, rounds and table go")
    parser.add_argument("--shape", choices=tuple(SHAPES), default="base")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=36, help="output tokens, the end included")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--engines", default="", help="only these, by comma; default: all")
    parser.add_argument("--only", default="", help="only cases whose name holds this, e.g. 'batch 16'")
    parser.add_argument("--quick", action="store_true", help="tiny shape and tables, to see that it runs")
    for hidden in ("worker", "models"):
        parser.add_argument(f"--{hidden}", help=argparse.SUPPRESS)
    for hidden in ("rows", "sentences", "beams"):
        parser.add_argument(f"--{hidden}", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(arguments)
        return
    if arguments.quick:
        arguments.shape, arguments.rounds, arguments.steps = "tiny", min(arguments.rounds, 2), min(arguments.steps, 12)
    run(arguments)


if __name__ == "__main__":
    main()

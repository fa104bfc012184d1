"""Speed and memory of a stage-1 step of SixT+ against transformers' Seq2SeqTrainer, and of the loader.

    python benchmarks/training/run.py --out runs/training-speed          # about half an hour on two cores
    python benchmarks/training/run.py --quick --out runs/quick           # a tiny model, a minute, numbers mean nothing

Base shape: encoder 12 x 768, decoder 6 x 768, 250,002 shared rows; table and encoder frozen, decoder trained in bf16.
Both engines get the same weights (their losses are compared first) and the same sentence pairs; every measurement is a
fresh process, engines take turns, the fastest of the rounds counts for each. Writes results.json and results.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyglot.reporting.provenance import provenance

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    """A row of the table.

    Args:
        equal: Tokens of every sentence; 0: lengths of real text.
        words: Rows of our output; the Trainer always has all of them, as it knows no restriction.
        cached: Whether our encoder's states come from disk, as in every epoch but the first; its dropout is then off.
    """

    name: str
    equal: int
    words: int
    cached: bool = False


def cases(vocabulary: int, few: int) -> list[Case]:
    """What is measured."""
    return [
        Case("equal lengths, 16 tokens", 16, vocabulary),
        Case("equal lengths, 32 tokens", 32, vocabulary),
        Case("lengths of real text", 0, vocabulary),
        Case(f"equal lengths, 16 tokens, our output restricted to {few:,} rows", 16, few),
        Case(f"lengths of real text, our output restricted to {few:,} rows", 0, few),
        Case(f"equal lengths, 16 tokens, {few:,} rows, our encoder's states from disk", 16, few, cached=True),
    ]


class Bench:
    """Starts engines with what all of them share."""

    def __init__(self, options: argparse.Namespace, scratch: Path) -> None:
        self.options, self.scratch = options, scratch
        self.vocabulary, self.few = (5000, 1000) if options.quick else (250_002, 30_000)
        self.tokens = 512 if options.quick else options.batch_tokens

    def run(self, engine: str, case: Case) -> dict[str, Any]:
        """One engine in a fresh process; what it printed last."""
        command = [sys.executable, str(HERE / "engines.py"), engine, "--model", str(self.scratch / "model")]
        command += ["--scratch", str(self.scratch), "--equal", str(case.equal), "--words", str(case.words)]
        command += ["--vocabulary", str(self.vocabulary), "--batch-tokens", str(self.tokens)]
        command += ["--updates", str(self.options.updates), "--threads", str(self.options.threads)]
        command += ["--smoothing", str(self.options.smoothing), *(["--small"] if self.options.quick else [])]
        if engine == "anyglot" and case.cached:
            command.append("--encoder-cache")
        environment = os.environ | {"OMP_NUM_THREADS": str(self.options.threads), "TOKENIZERS_PARALLELISM": "false"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{engine} failed on {case.name}:\n{done.stderr[-2000:]}")
        lines = done.stdout.strip().splitlines()
        found: dict[str, Any] = json.loads(lines[-1]) if lines else {}
        return found

    def measure(self, case: Case) -> dict[str, Any]:
        """Both engines in turns; the fastest round and the largest memory of each."""
        rounds: dict[str, list[dict[str, float]]] = {"trainer": [], "anyglot": []}
        for _ in range(self.options.rounds):
            for engine, found in rounds.items():
                found.append(self.run(engine, case))
        row: dict[str, Any] = {"case": case.name, "rounds": rounds}
        for engine, found in rounds.items():
            row[engine] = max(one["tokens_per_second"] for one in found)
            row[f"{engine}_processor"] = max(one["tokens_per_processor_second"] for one in found)
            row[f"{engine}_peak"] = max(one["peak"] for one in found)
        row["ratio"] = row["anyglot"] / row["trainer"]
        row["processor_ratio"] = row["anyglot_processor"] / row["trainer_processor"]
        row["memory_ratio"] = row["anyglot_peak"] / row["trainer_peak"]
        print(
            f"{case.name}: {row['anyglot']:.0f} against {row['trainer']:.0f} tokens/s, {row['ratio']:.2f} times "
            f"({row['processor_ratio']:.2f} by processor time), memory {row['anyglot_peak']:.1f} against "
            f"{row['trainer_peak']:.1f} GiB",
            file=sys.stderr,
            flush=True,
        )
        return row


def table(result: dict[str, Any]) -> str:
    """results.md"""
    settings = result["settings"]
    lines = [
        "# A stage-1 step of SixT+ against transformers' Seq2SeqTrainer",
        "",
        f"{result['machine']}; {settings['threads']} threads, micro-batches of {settings['tokens']:,} target tokens, "
        f"bf16, label smoothing {settings['smoothing']}, fastest of {settings['rounds']} rounds in fresh processes. "
        f"Commit {result['commit']}. Command: `{result['command']}`.",
        "",
        f"The same weights give a loss of {result['equality']['loss']:.6f} here and "
        f"{result['equality']['trainer_loss']:.6f} there.",
        "",
        "| | anyglot, tokens/s | Trainer, tokens/s | times | times by processor time | anyglot, GiB | Trainer, GiB |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        lines.append(
            f"| {row['case']} | {row['anyglot']:.0f} | {row['trainer']:.0f} | {row['ratio']:.2f} | "
            f"{row['processor_ratio']:.2f} | {row['anyglot_peak']:.2f} | {row['trainer_peak']:.2f} |"
        )
    loader = result["loader"]["tokens_per_second"]
    fastest = max(row["anyglot"] for row in result["rows"])
    lines += ["", f"The loader alone: {loader:,.0f} tokens/s, {loader / fastest:.0f} times the fastest step above.", ""]
    return "\n".join(lines)


def main() -> None:
    """Make the model, compare, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--cases", help="numbers of the rows to measure, from 1, comma-separated; default: all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=5, help="of which the first two are not counted")
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--smoothing", type=float, default=0.0, help="0 is the Trainer's faster way")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.out) as folder:
        bench = Bench(options, Path(folder).resolve())
        chosen = cases(bench.vocabulary, bench.few)
        bench.run("model", chosen[0])
        equality = bench.run("equality", chosen[0])
        if equality["difference"] > 1e-4:
            raise SystemExit(f"the engines do not compute the same loss: {equality}")
        loader = bench.run("loader", chosen[2])
        wanted = [int(number) - 1 for number in options.cases.split(",")] if options.cases else range(len(chosen))
        rows = [bench.measure(chosen[number]) for number in wanted]
    facts = provenance()
    result = {
        "command": facts.command,
        "machine": f"{facts.machine.processor}, {facts.machine.cores} cores; {facts.machine.versions}",
        "commit": facts.commit,
        "settings": {
            "tokens": bench.tokens,
            "threads": options.threads,
            "rounds": options.rounds,
            "smoothing": options.smoothing,
        },
        "equality": equality,
        "loader": loader,
        "rows": rows,
    }
    (options.out / "results.json").write_text(json.dumps(result, indent=1))
    (options.out / "results.md").write_text(table(result))
    print(table(result))


if __name__ == "__main__":
    main()

"""How long a user waits: for `anyglot --help`, and for the first translation with a model.

    python benchmarks/cold_start/run.py --model runs/tiny/sixt --out results  # of `anyglot demo --from-scratch`
    python benchmarks/cold_start/run.py                                       # one of its shape, hardly trained

Every time is a fresh process's, from its start to its end, by the wall clock; processor seconds stand beside, which
tell a slow command from a busy machine. The commands take turns, round by round, with what an empty interpreter and
`import torch` cost in between. The first round fills the file cache and is not counted. An untrained model stops at no
end of a sentence, so it takes longer than the demo's.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from anyglot.experiments.demo.course import FROM_SCRATCH
from anyglot.experiments.demo.run import run_demo
from anyglot.reporting.elements import Report, Table
from anyglot.reporting.markdown import markdown_table
from anyglot.reporting.provenance import provenance
from anyglot.reporting.report import write_report

TEXT = "Der Hund schläft im Garten.\n"
COURSE = replace(FROM_SCRATCH, monolingual=2000, pairs=300, held_out=12)
UPDATES = {
    "tiny/masked_language": ["stages.pretrain.updates=4"],
    "tiny/sixt": ["stages.decoder.updates=3", "stages.joint.updates=2"],
    "tiny/transformer": ["stages.all.updates=2"],
}


def commands(model: Path) -> dict[str, list[str]]:
    """What is timed, by name."""
    anyglot = [sys.executable, "-m", "anyglot.cli.main"]
    return {
        "an empty interpreter": [sys.executable, "-c", "pass"],
        "anyglot --help": [*anyglot, "--help"],
        "anyglot translate --help": [*anyglot, "translate", "--help"],
        "import torch": [sys.executable, "-c", "import torch"],
        "anyglot translate, one line": [*anyglot, "translate", str(model), "--source", "de", "--target", "en"],
    }


def seconds(command: Sequence[str]) -> tuple[float, float]:
    """Wall-clock and processor time of one process, whose output is thrown away."""
    start, before = time.perf_counter(), _processor_seconds()
    done = subprocess.run(command, input=TEXT, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return taken, _processor_seconds() - before


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(model: Path, rounds: int) -> Table:
    """Time every command once a round; the table has medians and ranges."""
    wanted = commands(model)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in wanted}
    for number in range(rounds + 1):
        for name, command in wanted.items():
            taken = seconds(command)
            if number:
                times[name].append(taken)
        print(f"round {number} of {rounds}", file=sys.stderr, flush=True)
    rows = []
    for name, found in times.items():
        wall, busy = zip(*found, strict=True)
        rows.append((name, *(f"{value:.2f}" for value in (median(wall), min(wall), max(wall), median(busy)))))
    note = f"Seconds of a fresh process, over {rounds} rounds in which the commands took turns."
    return Table("Cold start", ("Command", "Median", "Least", "Most", "Processor"), tuple(rows), note)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a model folder that translates German into English")
    parser.add_argument("--rounds", type=int, default=9, help="at least 5 (9)")
    parser.add_argument("--out", type=Path, help="folder for cold_start.md, .json and .html")
    options = parser.parse_args()
    if options.rounds < 5:
        parser.error("fewer than 5 rounds have no median worth a word")
    with tempfile.TemporaryDirectory() as folder:
        model = options.model
        if model is None:
            model = Path(folder) / "demo" / "sixt"
            run_demo(model.parent, seed=1, course=COURSE, say=lambda line: None, overrides=UPDATES)
        table = measure(model, options.rounds)
    print(markdown_table(table))
    if options.out is not None:
        facts = provenance(command="python benchmarks/cold_start/run.py").facts()
        write_report(options.out, Report("Cold start", (table.note,), (table,), facts=facts), "cold_start")


if __name__ == "__main__":
    main()

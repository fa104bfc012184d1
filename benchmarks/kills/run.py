"""SIGKILLs over train, translate, embed, mine, evaluate, study and distil; are the ends those of unbroken runs?

    python benchmarks/kills/run.py --kills 200 --out benchmarks/kills/results/kills.json

Moments are drawn over the whole work of each verb, every fourth inside a flush to the disk. Each run is killed up to
three times, gone on with as the verb's documentation says (`--resume`, or the same command), and what it leaves is
compared byte for byte with what an unbroken run leaves. The table is written after every run: started again, the same
command goes on where it was, and commands for other `--verbs` may run beside it. Exits with 1 if anything differs or
cannot be gone on with.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from anyglot.runtime.locks import held
from kills.harness import Count, Killed
from kills.verbs import VERBS, prepare

SHARES = {"train": 50, "translate": 40, "embed": 35, "mine": 35, "distil": 20, "evaluate": 14, "study": 6}
"""Kills of each verb in two hundred."""
KILLS_A_RUN = 3


def read(path: Path) -> dict[str, Count]:
    """What was counted before."""
    known = json.loads(path.read_text())["verbs"] if path.exists() else {}
    return {name: Count(**known.get(name, {})) for name in SHARES}


def add(path: Path, name: str, further: Count, seed: int) -> dict[str, Count]:
    """Add to the table, which is replaced whole; others may add to it at the same time, for other verbs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with held(path, file=True, wait=lambda told: None):
        counts = read(path)
        counts[name].add(further)
        temporary = path.with_name(path.name + ".tmp")
        verbs = {verb: asdict(count) for verb, count in counts.items()}
        temporary.write_text(json.dumps({"seed": seed, "verbs": verbs}, indent=1) + "\n")
        temporary.replace(path)
    return counts


def table(counts: dict[str, Count]) -> str:
    """As Markdown."""
    total = Count()
    for count in counts.values():
        total.add(count)
    heads = ["verb", "kills", "in work", "in a flush", "runs", "equal", "different", "not gone on with"]
    rows = [heads, ["---"] + ["---:"] * 7]
    rows += [[name, *map(str, asdict(count).values())] for name, count in {**counts, "all": total}.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    """Kill, count, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="over all verbs together")
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    parser.add_argument("--verbs", default=",".join(SHARES), help="of these only, comma-separated")
    parser.add_argument("--out", type=Path, default=Path("runs/kills.json"), help="the table, added to if it is there")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    counts, begun = read(options.out), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="anyglot-kills-") as folder:
        room = Path(folder)
        prepare(room)
        for name in options.verbs.split(","):
            count, wanted = counts[name], -(-SHARES[name] * options.kills // sum(SHARES.values()))
            if count.kills >= wanted:
                continue
            killed = Killed(VERBS[name], room, random.Random(f"{options.seed} {name} {count.kills}"))
            while count.kills < wanted:
                counts = add(options.out, name, killed.one_run(min(KILLS_A_RUN, wanted - count.kills)), options.seed)
                count = counts[name]
                left = f"{time.monotonic() - begun:.0f} s"
                print(f"{name}: {count.kills} of {wanted} kills, {count.equal} of {count.runs} runs equal, {left}")
    print(table(counts))
    sys.exit(any(count.different or count.failed for count in counts.values()))


if __name__ == "__main__":
    main()

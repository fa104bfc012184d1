"""Speed of speculative decoding against greedy search, one sentence at a time, by how much of the draft agrees.

    python benchmarks/speculative/run.py --out runs/speculative            # base shape, minutes on 2 cores
    python benchmarks/speculative/run.py --out runs/quick --quick          # tiny shape, seconds: does it run?

A model with random weights translates sentences of 25 tokens into 25 tokens. Drafts are its own greedy outputs with
tokens changed, left out or put in between at random, a third each, so that the asked share of tokens is left as it was.
For each precision and round there is a fresh process, in which greedy search and the drafts of every share take turns;
outputs and scores must be equal to greedy search's, bit for bit. What writing the draft costs is not counted. Rounds
are written to OUT/rounds.jsonl when they are done, and a second call runs only those that are missing.
OUT/speculative.json and OUT/speculative.md hold the medians over rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "decoding"))

SHARES = (100, 90, 75, 50, 0)
PRECISIONS = ("int8", "bf16", "fp32")
SOURCE_TOKENS = 25


def edited(tokens: list[int], share: int, rows: int, seed: int) -> list[int]:
    """The tokens with all but `share` percent of them changed, left out, or pushed away by another."""
    drawn = random.Random(seed)
    wrong = set(drawn.sample(range(len(tokens)), round(len(tokens) * (100 - share) / 100)))
    draft: list[int] = []
    for place, token in enumerate(tokens):
        if place not in wrong:
            draft.append(token)
            continue
        kind = drawn.choice(("change", "leave out", "put in")) if share else "change"
        if kind != "leave out":
            draft.append(drawn.randrange(4, rows))
        if kind == "put in":
            draft.append(token)
    return draft


def worker(arguments: argparse.Namespace) -> None:
    """In a process of its own: load, then time greedy search and every share in turns; one JSON line."""
    import torch

    torch.set_num_threads(arguments.threads)
    from anyglot.inference.decoding import LengthRule, SearchConstraints, greedy_search, speculate
    from anyglot.inference.generation.step_models import EncoderDecoderStepModel
    from anyglot.models.encoder_decoder import EncoderDecoder
    from anyglot.models.precision import prepare
    from anyglot.models.store import load_model
    from models import BEGIN, END, PAD

    model = load_model(Path(arguments.out) / f"model-{arguments.shape}-{arguments.rows}")
    assert isinstance(model, EncoderDecoder)
    stepping = EncoderDecoderStepModel(prepare(model, arguments.worker, torch.device("cpu")))
    prompt = SearchConstraints(start=(END,), end=END, never=(BEGIN, PAD))
    length = LengthRule(maximum=arguments.steps - 1, minimum=arguments.steps - 1)
    generator = torch.Generator().manual_seed(2)
    seconds: dict[str, float] = {}
    facts: dict[str, list[int]] = {}
    distinct: list[int] = []
    for number in range(arguments.sentences):
        source = torch.randint(4, arguments.rows, (1, SOURCE_TOKENS), generator=generator)
        source[0, -1] = END
        mask = torch.ones_like(source, dtype=torch.bool)
        [expected] = greedy_search(stepping, source, mask, prompt, length=length)  # warms up as well
        distinct.append(len(set(expected.tokens)))
        best: dict[str, float] = {}
        for _ in range(arguments.repeats):
            begin = time.perf_counter()
            greedy_search(stepping, source, mask, prompt, length=length)
            best["greedy"] = min(best.get("greedy", 1e9), time.perf_counter() - begin)
            for share in SHARES:
                draft = edited(list(expected.tokens), share, arguments.rows, number)
                begin = time.perf_counter()
                [found] = speculate(stepping, source, mask, prompt, [draft], length=length)
                best[str(share)] = min(best.get(str(share), 1e9), time.perf_counter() - begin)
                assert found.hypothesis == expected, "speculation found something else than greedy search"
                facts[f"{share} {number}"] = [found.passes, found.drafted, found.accepted]
        for name, value in best.items():
            seconds[name] = seconds.get(name, 0.0) + value
    sums = {
        str(share): [
            sum(column) for column in zip(*(facts[f"{share} {n}"] for n in range(arguments.sentences)), strict=True)
        ]
        for share in SHARES
    }
    print(json.dumps({"seconds": seconds, "facts": sums, "distinct": distinct}))


def measure(precision: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """One round of one precision in a fresh process."""
    command = [sys.executable, __file__, "--worker", precision]
    for name in ("out", "shape", "rows", "sentences", "steps", "repeats", "threads"):
        command += [f"--{name}", str(getattr(arguments, name))]
    environment = os.environ | {"OMP_NUM_THREADS": str(arguments.threads), "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{precision} failed: {done.stderr.strip().splitlines()[-1:]}")
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def run(arguments: argparse.Namespace) -> None:
    """Everything that is not done yet, then the table."""
    from anyglot.models.store import save_model
    from models import SHAPES, random_model

    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    folder = out / f"model-{arguments.shape}-{arguments.rows}"
    if not folder.is_dir():
        save_model(random_model(SHAPES[arguments.shape], arguments.rows), folder)
    journal = out / "rounds.jsonl"
    done = [json.loads(line) for line in journal.read_text().splitlines()] if journal.is_file() else []
    same = {name: getattr(arguments, name) for name in ("shape", "rows", "sentences", "steps", "repeats", "threads")}
    mine = [record for record in done if all(record[name] == value for name, value in same.items())]
    for number in range(arguments.rounds):
        for precision in arguments.precisions.split(","):
            if any(record["precision"] == precision and record["round"] == number for record in mine):
                continue
            record = {"precision": precision, "round": number, **same, **measure(precision, arguments)}
            mine.append(record)
            with journal.open("a") as stream:
                stream.write(json.dumps(record) + "\n")
            fast = record["seconds"]["greedy"] / record["seconds"]["90"]
            print(f"round {number + 1}  {precision}  {fast:.2f} times as fast with 90 % of the draft right", flush=True)
    write_table(out, arguments, mine)


def write_table(out: Path, arguments: argparse.Namespace, records: list[dict[str, Any]]) -> None:
    """Medians over the rounds, as JSON and as a table."""
    from table import commit, machine

    rows = []
    for precision in dict.fromkeys(record["precision"] for record in records):
        rounds = [record for record in records if record["precision"] == precision]
        for share in SHARES:
            ratios = [record["seconds"]["greedy"] / record["seconds"][str(share)] for record in rounds]
            passes, drafted, accepted = rounds[0]["facts"][str(share)]
            sentences = arguments.sentences
            rows.append(
                {
                    "precision": precision,
                    "draft_right_percent": share,
                    "greedy_ms": 1000 * statistics.median(r["seconds"]["greedy"] for r in rounds) / sentences,
                    "speculative_ms": 1000 * statistics.median(r["seconds"][str(share)] for r in rounds) / sentences,
                    "speed_up": statistics.median(ratios),
                    "lowest": min(ratios),
                    "highest": max(ratios),
                    "rounds": len(rounds),
                    "passes_a_sentence": passes / sentences,
                    "tokens_a_pass": arguments.steps * sentences / passes,
                    "accepted": accepted / max(drafted, 1),
                }
            )
    distinct = [count for record in records[:1] for count in record["distinct"]]
    facts = {"machine": machine(), "commit": commit(), "distinct_tokens": distinct, "rows": rows}
    (out / "speculative.json").write_text(json.dumps(facts, indent=1) + "\n")
    lines = [
        f"{arguments.shape} shape, {arguments.rows:,} rows, batch 1, source of {SOURCE_TOKENS} tokens, "
        f"{arguments.steps} steps, {arguments.sentences} sentences, {arguments.threads} threads. "
        "Encoder included, drafting not.",
        "",
        f"{machine()}, commit {commit()}",
        "",
        "| precision | draft right | greedy ms | speculative ms | times as fast (spread) | passes | tokens a pass |"
        " draft accepted |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['precision']} | {row['draft_right_percent']} % | {row['greedy_ms']:.0f} | "
            f"{row['speculative_ms']:.0f} | {row['speed_up']:.2f} ({row['lowest']:.2f}-{row['highest']:.2f}) | "
            f"{row['passes_a_sentence']:.1f} | {row['tokens_a_pass']:.1f} | {row['accepted']:.0%} |"
        )
    text = "\n".join(lines) + "\n"
    (out / "speculative.md").write_text(text)
    print(text)


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="runs/speculative", help="where weights, rounds and table go")
    parser.add_argument("--shape", choices=("tiny", "base", "large"), default="base")
    parser.add_argument("--rows", type=int, default=250_002, help="of the vocabulary")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sentences", type=int, default=3)
    parser.add_argument("--steps", type=int, default=26, help="output tokens, the end included")
    parser.add_argument("--repeats", type=int, default=2, help="of each in a process; the fastest counts")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--precisions", default=",".join(PRECISIONS))
    parser.add_argument("--quick", action="store_true", help="tiny shape and table, to see that it runs")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.shape, arguments.rows, arguments.rounds, arguments.threads = "tiny", 2000, 1, 1
    (worker if arguments.worker else run)(arguments)


if __name__ == "__main__":
    main()

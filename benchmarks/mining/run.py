"""Exact neighbours both ways: anyglot, faiss and sentence-transformers on the same vectors. Resumable.

    python benchmarks/mining/run.py --out runs/mining                 # 100,000 x 100,000 x 1,024: an hour on 2 cores
    python benchmarks/mining/run.py --out runs/mining --rows 20000    # a few minutes
    python benchmarks/mining/run.py --out runs/mining --memory        # memory of a part of 1M x 1M, and the time of all
    python benchmarks/mining/run.py --out runs/quick --rows 2000 --width 64 --rounds 1

Vectors are made up as sentence vectors are: few directions hold most of the variance, all crowd around one, and every
row has a noisy copy on the other side. Every engine runs in a fresh process, engines taking turns; the rivals get
vectors of length 1 and only their search is timed; ours is timed with all it does. Neighbours of a sample of rows are
compared with an fp64 brute force. OUT/mining.json and OUT/mining.md hold the table.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

K = 4
SAMPLE = 256
Vectors = NDArray[np.float32]
Found = tuple[NDArray[np.int64], NDArray[np.int64]]

ENGINES = (
    "anyglot",
    "anyglot fp32",
    "faiss IndexFlatIP",
    "sentence-transformers semantic_search",
    "sentence-transformers semantic_search, paraphrase_mining's blocks",
    "sentence-transformers paraphrase_mining, one set with itself",
)


def made_up(rows: int, width: int, seed: int) -> Vectors:
    """One side. Sides of different seeds have noisy copies of the same meanings, in another order."""
    meanings, own = np.random.default_rng(0), np.random.default_rng(seed)
    spectrum = np.arange(1, width + 1, dtype=np.float32) ** -0.5
    center = 0.5 * meanings.standard_normal(width, dtype=np.float32)
    vectors = np.empty((rows, width), np.float32)
    for begin in range(0, rows, 10_000):
        part = vectors[begin : begin + 10_000]
        part[:] = meanings.standard_normal(part.shape, dtype=np.float32)
        part += 0.4 * own.standard_normal(part.shape, dtype=np.float32)
        part *= spectrum
        part += center
    own.shuffle(vectors)
    return vectors


def search(engine: str, a: Vectors, b: Vectors) -> Callable[[], Found]:
    """Ready to be timed; gives the ids (N, K) of the nearest both ways."""
    if engine.startswith("anyglot"):
        from anyglot.evaluation.retrieval.neighbours import both_ways

        precision: Any = "fp32" if engine.endswith("fp32") else "auto"

        def ours() -> Found:
            forward, backward = both_ways(a, b, K, precision=precision)
            return forward.ids, backward.ids

        return ours
    a, b = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (a, b))
    if engine.startswith("faiss"):
        return lambda: (_faiss(a, b), _faiss(b, a))
    import torch
    from sentence_transformers import util

    first, second = torch.from_numpy(a), torch.from_numpy(b)
    if "paraphrase_mining, one" in engine:

        def one_set() -> Found:
            util.paraphrase_mining_embeddings(first, top_k=K, score_function=util.dot_score)
            return np.empty((0, K), np.int64), np.empty((0, K), np.int64)

        return one_set
    chunks = {"query_chunk_size": 5000, "corpus_chunk_size": 100_000} if "blocks" in engine else {}

    def one_way(queries: torch.Tensor, corpus: torch.Tensor) -> NDArray[np.int64]:
        hits = util.semantic_search(queries, corpus, top_k=K, score_function=util.dot_score, **chunks)
        return np.array([[hit["corpus_id"] for hit in row] for row in hits])

    return lambda: (one_way(first, second), one_way(second, first))


def _faiss(queries: Vectors, base: Vectors) -> NDArray[np.int64]:
    import faiss

    index = faiss.IndexFlatIP(base.shape[1])
    index.add(base)
    ids: NDArray[np.int64] = index.search(queries, K)[1]
    return ids


def recall(found: Found, a: Vectors, b: Vectors) -> float | None:
    """Share of the true neighbours of a sample of rows, both ways, that were found; of equal scores any counts."""
    shares = []
    for ids, queries, base in ((found[0], a, b), (found[1], b, a)):
        if not len(ids):
            return None
        rows = np.unique(np.linspace(0, len(queries) - 1, SAMPLE).astype(int))
        scores = _unit(queries[rows]) @ _unit(base).T
        needed = np.float32(np.sort(scores, axis=1)[:, -K:][:, :1])
        shares.append(float((np.float32(np.take_along_axis(scores, ids[rows], 1)) >= needed).mean()))
    return float(np.mean(shares))


def _unit(vectors: Vectors) -> NDArray[np.float64]:
    wide = vectors.astype(np.float64)
    unit: NDArray[np.float64] = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    return unit


def peak(field: str = "VmHWM") -> float:
    """Gigabytes of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(field))) / 2**20


def worker(arguments: argparse.Namespace) -> dict[str, Any]:
    """In a process of its own."""
    import torch

    torch.set_num_threads(arguments.threads)
    a, b = (np.load(arguments.out / f"{name}-{arguments.rows}-{arguments.width}.npy") for name in "ab")
    run = search(arguments.worker, a, b)
    before = peak("VmRSS")
    begin = time.perf_counter()
    found = run()
    seconds = time.perf_counter() - begin
    memory = peak()
    return {"seconds": seconds, "recall": recall(found, a, b), "vectors_gb": before, "peak_gb": memory}


def memory_part(arguments: argparse.Namespace) -> dict[str, Any]:
    """`anyglot mine` on a part: vectors on disk, stripes kept; what it holds, and what all would take."""
    import torch

    from anyglot.evaluation.retrieval.mining import MiningSettings, mine
    from anyglot.evaluation.retrieval.mining_text import read_sentences
    from anyglot.evaluation.retrieval.mining_vectors import GivenVectors

    torch.set_num_threads(arguments.threads)
    texts, held = [], []
    for name, rows, seed in (("part-a", arguments.part[0], 1), ("part-b", arguments.part[1], 2)):
        texts.append(arguments.out / f"{name}-{rows}.txt")
        held.append(arguments.out / f"{name}-{rows}-{arguments.width}.npy")
        if not held[-1].exists():
            np.save(held[-1], made_up(rows, arguments.width, seed))
            texts[-1].write_text("".join(f"sentence {row} of {name}\n" for row in range(rows)), encoding="utf-8")
    # Another process measures: this one's peak has the making of the vectors in it.
    if arguments.worker != "memory":
        return called(arguments, "memory")
    output = arguments.out / "part.tsv"
    times: list[float] = []
    sentences = read_sentences(texts[0], False), read_sentences(texts[1], False)
    start = peak("VmRSS")
    begin = time.perf_counter()
    mine(
        sentences,
        GivenVectors((held[0], held[1])),
        output,
        MiningSettings(k=K, precision="bf16"),
        overwrite=True,
        say=lambda sentence: None,
        progress=lambda done, total: times.append(time.perf_counter()),
    )
    seconds = time.perf_counter() - begin
    stripe = float(np.median(np.diff(times)))  # 1,024 queries with all of the base
    whole = stripe * (1_000_000 / 1024) * (1_000_000 / arguments.part[1])
    # The base's operand, its bounds and candidates grow with the rows that stay; stripes do not.
    per_row = (arguments.width + 4) * 2 + 8 * (K + 12) + 12 * 16
    return {
        "part": f"{arguments.part[0]:,} x {arguments.part[1]:,} x {arguments.width:,}",
        "seconds": seconds,
        "seconds_per_stripe": stripe,
        "peak_gb": peak(),
        "peak_gb_before": start,
        "of_1M_x_1M_hours": whole / 3600,
        "of_1M_x_1M_operand_gb": 1_000_000 * per_row / 2**30,
    }


def called(arguments: argparse.Namespace, name: str) -> dict[str, Any]:
    """A worker's result."""
    command = [sys.executable, __file__, "--out", str(arguments.out), "--rows", str(arguments.rows), "--worker", name]
    command += ["--width", str(arguments.width), "--threads", str(arguments.threads)]
    command += ["--part", *map(str, arguments.part)]
    environment = os.environ | {"OMP_NUM_THREADS": str(arguments.threads)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def write_table(out: Path, rounds: list[dict[str, Any]], arguments: argparse.Namespace) -> None:
    """The least seconds of each engine; how many times as long as ours."""
    cells = {engine: [each for each in rounds if each["engine"] == engine] for engine in ENGINES}
    best = {engine: min(each["seconds"] for each in found) for engine, found in cells.items() if found}
    lines = [
        f"{arguments.rows:,} x {arguments.rows:,} x {arguments.width:,}, k = {K}, {arguments.threads} threads, "
        f"{platform.processor() or platform.machine()}; least of {arguments.rounds} rounds.",
        "",
        "| engine | seconds | of anyglot's | recall (sample) | peak GB |",
        "|---|---|---|---|---|",
    ]
    for engine, seconds in best.items():
        found = cells[engine][0]
        share = "-" if found["recall"] is None else f"{found['recall']:.2%}"
        factor = seconds / best["anyglot"]
        lines.append(f"| {engine} | {seconds:.1f} | {factor:.2f} | {share} | {found['peak_gb']:.1f} |")
    text = "\n".join(lines) + "\n"
    (out / "mining.md").write_text(text, encoding="utf-8")
    (out / "mining.json").write_text(json.dumps(rounds, indent=1) + "\n", encoding="utf-8")
    print(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES, help="only these")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--part", type=int, nargs=2, default=(200_000, 50_000), help="of --memory: rows of a and b")
    parser.add_argument("--worker", default="")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.worker:
        print(json.dumps(memory_part(arguments) if arguments.worker == "memory" else worker(arguments)))
        return
    if arguments.memory:
        result = memory_part(arguments)
        (arguments.out / "memory.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        print(json.dumps(result, indent=1))
        return
    for name, seed in (("a", 1), ("b", 2)):
        path = arguments.out / f"{name}-{arguments.rows}-{arguments.width}.npy"
        if not path.exists():
            np.save(path, made_up(arguments.rows, arguments.width, seed))
    engines = [engine for engine in ENGINES if engine in arguments.engines]
    journal = arguments.out / f"rounds-{arguments.rows}-{arguments.width}.jsonl"
    rounds = [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []
    for number in range(arguments.rounds):
        for engine in engines:
            if any(each["engine"] == engine and each["round"] == number for each in rounds):
                continue
            rounds.append({"engine": engine, "round": number, **called(arguments, engine)})
            with journal.open("a") as stream:
                stream.write(json.dumps(rounds[-1]) + "\n")
            print(f"round {number}: {engine}: {rounds[-1]['seconds']:.1f} s", flush=True)
    write_table(arguments.out, rounds, arguments)


if __name__ == "__main__":
    main()

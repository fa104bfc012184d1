"""How fast is `anyglot embed` against sentence-transformers, with the same weights and real text?

    python benchmarks/embedding/run.py --text news.en news.zh.gz --out results        # XLM-R base's shape, minutes
    python benchmarks/embedding/run.py --text news.en --shape tiny --sentences 200    # seconds: does it run?

An encoder of XLM-R's shape with random weights is written once, with a tokenizer trained on the text; --model takes a
real one. sentence-transformers runs as shipped (fp32, batches of 32, mean of all tokens) and at its best (bf16);
anyglot in fp32, in bf16, and as shipped (auto, without its cache). First the vectors are compared: at most 1e-5 of
cosine distance in fp32 and 1e-2 in bf16, or the program ends with an error. Then every engine embeds the same sentences
in a process of its own, engines taking turns; a warm-up is not counted, and neither is loading. Text goes in, vectors
come out: tokenising is part of the time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from anyglot.reporting.elements import Report, Table
from anyglot.reporting.markdown import markdown_table
from anyglot.reporting.provenance import provenance
from anyglot.reporting.report import write_report
from models import SHAPES, read_text, write_model

RIVAL = "sentence-transformers"
ENGINES = (RIVAL, f"{RIVAL} bf16", "anyglot fp32", "anyglot bf16", "anyglot auto")
LONGEST = 512
FARTHEST = {"fp32": 1e-5, "bf16": 1e-2}


def load_engine(name: str, model: Path) -> tuple[Callable[[list[str]], np.ndarray], str]:
    """A function from sentences to vectors, and the precision it computes in."""
    if name.startswith(RIVAL):
        import torch
        from sentence_transformers import SentenceTransformer

        half = name.endswith("bf16")
        kind = torch.bfloat16 if half else torch.float32
        rival = SentenceTransformer(str(model), device="cpu", model_kwargs={"dtype": kind})
        rival.max_seq_length = LONGEST
        return lambda texts: rival.encode(texts, batch_size=32), "bf16" if half else "fp32"
    from anyglot.inference.embedding import Embedder, EmbeddingSettings

    embedder = Embedder.from_pretrained(model, device="cpu", precision=name.removeprefix("anyglot "))
    settings = EmbeddingSettings(max_length=LONGEST)
    return lambda texts: embedder.embed(texts, settings), embedder.precision


def worker(options: argparse.Namespace) -> None:
    """In a process of its own: load, warm up, time; one JSON line on standard output."""
    import torch

    torch.set_num_threads(options.threads)
    texts = json.loads(options.texts.read_text(encoding="utf-8"))
    embed, precision = load_engine(options.worker, options.model)
    embed(texts[:32])
    begin, busy = time.perf_counter(), time.process_time()
    vectors = embed(texts)
    seconds, busy = time.perf_counter() - begin, time.process_time() - busy
    np.save(options.vectors, np.asarray(vectors, dtype=np.float32))
    status = Path("/proc/self/status").read_text().splitlines()
    peak = int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 1e6
    print(json.dumps({"seconds": seconds, "processor": busy, "peak": peak, "precision": precision}))


def one_run(engine: str, model: Path, folder: Path, threads: int) -> dict[str, float | str]:
    """One engine in a fresh process; its vectors are in FOLDER/vectors.npy afterwards."""
    files = ["--model", str(model), "--texts", str(folder / "texts.json"), "--vectors", str(folder / "vectors.npy")]
    words = [sys.executable, __file__, "--worker", engine, "--threads", str(threads), *files]
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "true", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        sys.exit(f"{engine} failed: {done.stderr.strip()[-2000:]}")
    found: dict[str, float | str] = json.loads(done.stdout.splitlines()[-1])
    return found


def farthest(a: np.ndarray, b: np.ndarray) -> float:
    """The largest cosine distance of rows."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float(np.max(1 - (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)))


def measure(model: Path, texts: list[str], rounds: int, threads: int) -> Table:
    """All engines, so many rounds, as a table."""
    runs: dict[str, list[dict[str, float | str]]] = {engine: [] for engine in ENGINES}
    distances: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
        reference = np.empty(0)
        for number in range(rounds):
            for engine in ENGINES:
                found = one_run(engine, model, folder, threads)
                vectors = np.load(folder / "vectors.npy")
                if number == 0:
                    reference = vectors if engine == RIVAL else reference
                    distances[engine] = farthest(vectors, reference)
                    limit = FARTHEST[str(found["precision"])]
                    if not distances[engine] <= limit:
                        sys.exit(f"{engine} is {distances[engine]:.1e} away from {RIVAL}, more than {limit}.")
                runs[engine].append(found)
            print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    slowest = median(float(each["seconds"]) for each in runs[RIVAL])
    rows = []
    for engine, found_runs in runs.items():
        wall = [float(each["seconds"]) for each in found_runs]
        busy = median(float(each["processor"]) for each in found_runs)
        peak = max(float(each["peak"]) for each in found_runs)
        speeds = [len(texts) / value for value in (median(wall), max(wall), min(wall))]
        cells = [f"{value:.1f}" for value in (*speeds, busy)]
        name = f"{engine} ({found_runs[0]['precision']})"
        rows.append((name, *cells, f"{slowest / median(wall):.2f}", f"{peak:.2f}", f"{distances[engine]:.0e}"))
    head = ("Engine", "Sentences/s", "Least", "Most", "Processor s", "Times the first", "Peak GB", "Distance")
    note = (
        f"{len(texts):,} sentences, {rounds} rounds in fresh processes taking turns, {threads} threads; sentences/s of "
        "the median, slowest and fastest round, without loading; Distance: largest cosine distance from the first row."
    )
    return Table("Embedding", head, tuple(rows), note)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, nargs="+", help="a sentence a line; of tab-separated lines the last cell")
    parser.add_argument("--sentences", type=int, default=1000)
    parser.add_argument("--shape", choices=SHAPES, default="base")
    parser.add_argument("--model", type=Path, help="a folder of an encoder, instead of random weights")
    parser.add_argument("--vocabulary", type=int, default=16_000, help="of the random encoder's tokenizer")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--out", type=Path, help="folder for embedding.md, .json and .html")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--texts", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--vectors", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(options)
        return
    if not options.text:
        parser.error("name files of text with --text")
    texts = read_text(options.text, options.sentences)
    with tempfile.TemporaryDirectory() as folder:
        model = options.model
        if model is None:
            model = Path(folder)
            write_model(model, options.shape, read_text(options.text, 20_000), options.vocabulary)
        table = measure(model, texts, options.rounds, options.threads)
    print(markdown_table(table))
    if options.out is not None:
        facts = provenance(command="python benchmarks/embedding/run.py").facts()
        write_report(options.out, Report("Embedding", (table.note,), (table,), facts=facts), "embedding")


if __name__ == "__main__":
    main()

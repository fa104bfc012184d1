"""How long does `anyglot analyze spectra` take on checkpoints of mBART-50's shapes, and how much memory?

    python benchmarks/spectra/run.py --out runs/spectra             # mBART-50: minutes, and 5 GB of disk
    python benchmarks/spectra/run.py --layers 2 --vocabulary 1000   # seconds: does it run?

Two checkpoints of random weights in mBART's names and shapes are written, the second a step away from the first, in
float32 and in several files as the hub has them. Then the command runs on both in a process of its own, whose peak of
memory is told; and the ways to singular values are timed and compared on matrices of these shapes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from anyglot.analysis.spectra import singular_values
from anyglot.reporting.elements import Report, Table
from anyglot.reporting.markdown import markdown_table
from anyglot.reporting.provenance import provenance
from anyglot.reporting.report import write_report

WIDTH, FEEDFORWARD = 1024, 4096
SHAPES = ((WIDTH, WIDTH), (FEEDFORWARD, WIDTH))


def write_checkpoint(folder: Path, layers: int, vocabulary: int, *, step: float) -> float:
    """Random weights under mBART's names, a file for each side; returns their size in MB.

    Args:
        step: How far from the weights of a step of 0: a share of their size.
    """
    folder.mkdir(parents=True, exist_ok=True)
    generator, other = torch.Generator().manual_seed(1), torch.Generator().manual_seed(2)

    def random(*shape: int) -> torch.Tensor:
        tensor = 0.03 * torch.randn(shape, generator=generator)
        return tensor * (1 + step) + 0.03 * step * torch.randn(shape, generator=other) if step else tensor

    places: dict[str, str] = {}
    size = 0
    for number, side in enumerate(("shared", "encoder", "decoder"), start=1):
        tensors = {"model.shared.weight": random(vocabulary, WIDTH)} if side == "shared" else {}
        for layer in range(0 if side == "shared" else layers):
            block = f"model.{side}.layers.{layer}."
            for attention in ("self_attn", "encoder_attn")[: 1 + (side == "decoder")]:
                for matrix in ("q_proj", "k_proj", "v_proj", "out_proj"):
                    tensors[f"{block}{attention}.{matrix}.weight"] = random(WIDTH, WIDTH)
                tensors[f"{block}{attention}_layer_norm.weight"] = torch.ones(WIDTH)
            tensors[block + "fc1.weight"] = random(FEEDFORWARD, WIDTH)
            tensors[block + "fc2.weight"] = random(WIDTH, FEEDFORWARD)
            tensors[block + "final_layer_norm.weight"] = torch.ones(WIDTH)
        name = f"model-{number:05d}-of-00003.safetensors"
        save_file(tensors, folder / name)
        size += (folder / name).stat().st_size
        places |= dict.fromkeys(tensors, name)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    config = {
        "model_type": "mbart",
        "vocab_size": vocabulary,
        "d_model": WIDTH,
        "encoder_layers": layers,
        "decoder_layers": layers,
        "encoder_attention_heads": 16,
        "decoder_attention_heads": 16,
        "encoder_ffn_dim": FEEDFORWARD,
        "decoder_ffn_dim": FEEDFORWARD,
        "max_position_embeddings": 1024,
        "activation_function": "gelu",
        "scale_embedding": True,
    }
    (folder / "config.json").write_text(json.dumps(config))
    return size / 1e6


# A process's own count: what the operating system tells of a child begins with the memory of the parent that made it.
WORKER = """
import re, sys
from pathlib import Path
from anyglot.cli.analyze import analyze
analyze(sys.argv[2:], standalone_mode=False)
Path(sys.argv[1]).write_text(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def timed_command(folders: list[Path], out: Path, *further: str) -> tuple[float, float]:
    """Seconds and peak MB of the command in a process of its own (Linux)."""
    told = out.with_name("peak.txt")
    words = [str(told), "spectra", *map(str, folders), "--out", str(out), *further]
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", WORKER, *words], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begun
    if done.returncode:
        raise SystemExit(done.stderr)
    return seconds, int(told.read_text()) / 1024


def methods() -> dict[str, Callable[[torch.Tensor], np.ndarray]]:
    """Ways to the singular values."""
    return {
        "eigvalsh of the Gram matrix, float64": singular_values,
        "torch svdvals, float32": lambda matrix: torch.linalg.svdvals(matrix).numpy(),
        "torch svdvals, float64": lambda matrix: torch.linalg.svdvals(matrix.double()).numpy(),
        "numpy svd (gesdd), float32": lambda matrix: np.linalg.svd(matrix.numpy(), compute_uv=False),
        "numpy svd (gesdd), float64": lambda matrix: np.linalg.svd(matrix.double().numpy(), compute_uv=False),
    }


def decaying(shape: tuple[int, int]) -> torch.Tensor:
    """A matrix whose singular values fall from 3 to 3e-6."""
    u, _, v = torch.linalg.svd(torch.randn(shape, generator=torch.Generator().manual_seed(4)), full_matrices=False)
    return (u * (3 * torch.logspace(0, -6, min(shape)))) @ v


def compare_methods(repeats: int) -> Table:
    """Seconds (the best of some) and the largest error, as a share of the largest value, against numpy in float64."""
    rows = []
    for shape in SHAPES:
        normal = torch.randn(shape, generator=torch.Generator().manual_seed(3))
        matrices = normal, decaying(shape)
        references = [np.linalg.svd(matrix.double().numpy(), compute_uv=False) for matrix in matrices]
        for name, values in methods().items():
            seconds, errors = [], []
            for matrix, reference in zip(matrices, references, strict=True):
                for _ in range(repeats):
                    begun = time.perf_counter()
                    found = values(matrix)
                    seconds.append(time.perf_counter() - begun)
                errors.append(float(np.abs(found - reference).max() / reference[0]))
            rows.append((f"{shape[0]} x {shape[1]}", name, min(seconds), *(f"{error:.0e}" for error in errors)))
    columns = ("Shape", "Method", "Seconds", "Error, normal entries", "Error, values from 3 to 3e-6")
    return Table("Ways to singular values", columns, tuple(rows), "", 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/spectra"))
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--vocabulary", type=int, default=250_054)
    parser.add_argument("--repeats", type=int, default=3, help="Of the ways to singular values; 0: leave them out.")
    parser.add_argument("--note", default="", help="Written below the table, e.g. that the machine was shared.")
    options = parser.parse_args()
    begun = time.monotonic()
    tables = []
    with tempfile.TemporaryDirectory(prefix="spectra-") as scratch:
        folders = [Path(scratch) / name for name in ("base", "continued")]
        sizes = [
            write_checkpoint(folder, options.layers, options.vocabulary, step=step)
            for folder, step in zip(folders, (0.0, 0.1), strict=True)
        ]
        rows = []
        for name, further in (("norms, d, spectral norm, stable rank", ()), ("norms only", ("--norms-only",))):
            out = Path(scratch) / "report"
            seconds, peak = timed_command(folders, out, *further, "--no-figures")
            rows.append((name, sum(sizes), seconds, peak))
            print(f"{name}: {seconds:.0f} s, {peak:.0f} MB", flush=True)
    title = f"analyze spectra on two checkpoints, {options.layers}+{options.layers} layers of width {WIDTH}"
    tables.append(Table(title, ("What", "MB on disk", "Seconds", "Peak MB"), tuple(rows), options.note))
    if options.repeats:
        tables.append(compare_methods(options.repeats))
    facts = provenance(seconds=time.monotonic() - begun).facts()
    write_report(options.out, Report("Spectra: time and memory", tables=tuple(tables), facts=facts))
    for each in tables:
        print(f"{each.title}\n\n{markdown_table(each)}\n")


if __name__ == "__main__":
    main()

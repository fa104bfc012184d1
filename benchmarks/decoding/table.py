"""The table of a decoding benchmark, as JSON and Markdown."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch


def machine() -> str:
    """The processor and what it has, as the system tells it."""
    text = Path("/proc/cpuinfo").read_text()
    model = next((line.split(":")[1].strip() for line in text.splitlines() if line.startswith("model name")), "unknown")
    has = [flag for flag in ("avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_int8") if f" {flag} " in text]
    return f"{model} ({', '.join(has)})"


def commit() -> str:
    """The commit of the working tree, marked when it has changes."""
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
        check=False,
    )
    return found.stdout.strip() or "unknown"


def write_table(
    out: Path, arguments: argparse.Namespace, rows: list[dict[str, Any]], equality: dict[str, dict[str, Any]]
) -> None:
    """Write decoding-SHAPE.json and decoding-SHAPE.md into a folder."""
    import ctranslate2
    import transformers

    facts = {
        "machine": machine(),
        "threads": arguments.threads,
        "commit": commit(),
        "command": " ".join(["python", "benchmarks/decoding/run.py", *sys.argv[1:]]),
        "versions": {
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "ctranslate2": ctranslate2.__version__,
        },
        "shape": arguments.shape,
        "steps": arguments.steps,
        "equal_in_fp32": equality,
    }
    (out / f"decoding-{arguments.shape}.json").write_text(json.dumps(facts | {"rows": rows}, indent=1) + "\n")
    lines = [f"{facts['machine']}, {arguments.threads} threads; commit {facts['commit']}; `{facts['command']}`", ""]
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())  # type: ignore[attr-defined]
    lines += [f"{versions}; shape {arguments.shape}, random weights, {arguments.steps} output steps.", ""]
    for count, shares in equality.items():
        found = ", ".join(f"{name}: {'-' if share is None else f'{share:.0%}'}" for name, share in shares.items())
        lines.append(f"Equal outputs in fp32, {int(count):,} rows: {found}.")
    for case in dict.fromkeys(row["case"] for row in rows):
        lines += ["", f"**{case}**", ""]
        lines += [
            "| engine | ms a step, median (fastest to slowest) | tokens/s | peak MiB | same best output as its fp32 |"
        ]
        lines += ["|---|---|---|---|---|"]
        for row in sorted((row for row in rows if row["case"] == case), key=lambda row: row["step_ms"]):
            equal = "-" if row["equal_to_fp32"] is None else f"{row['equal_to_fp32']:.0%}"
            lines.append(
                f"| {row['engine']} | {row['step_ms']:.1f} ({row['fastest_ms']:.1f} to {row['slowest_ms']:.1f}) "
                f"| {row['tokens_per_second']:.0f} | {row['peak_mib']:.0f} | {equal} |"
            )
    (out / f"decoding-{arguments.shape}.md").write_text("\n".join(lines) + "\n")

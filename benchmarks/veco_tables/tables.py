"""The translation table: scores over seeds, learning curves, and differences paired by seed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from anyglot.stats.seeds import over_seeds

METRICS = ("BLEU", "chrF++")
COMPARISONS = (
    ("VECO's last blocks against a random start", "veco_last", "random"),
    ("last blocks against first", "veco_last", "veco_first"),
    ("last blocks against a fresh decoder", "veco_last", "veco_fresh"),
    ("VECO against XLM, last blocks", "veco_last", "xlm_last"),
    ("VECO's last blocks against XLM with a fresh decoder", "veco_last", "xlm_fresh"),
    ("VECO against XLM on text alone, last blocks", "veco_text_last", "xlm_text_last"),
    ("with sentence pairs against without, VECO", "veco_last", "veco_text_last"),
)


def scores_of(folder: Path) -> dict[str, float]:
    """Metric -> score of the one test set, from a report of `anyglot evaluate translation`."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    table = next(table for table in report["tables"] if table["title"] == "Scores")
    cells = dict(zip(table["columns"], table["rows"][0], strict=True))
    return {name: cells[name]["value"] if isinstance(cells[name], dict) else float(cells[name]) for name in METRICS}


def curve_of(run: Path) -> dict[int, float]:
    """Update -> validation loss (negative log-likelihood per target token)."""
    lines = (json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    return {line["update"]: line["loss"] for line in lines if line["kind"] == "validation"}


def write_tables(out: Path, names: Sequence[str], seeds: Sequence[int]) -> str:
    """Write OUT/tables.md and OUT/tables.json and return the former."""
    found = {(name, seed): scores_of(out / "scores" / f"{name}-{seed}") for name in names for seed in seeds}
    curves = {(name, seed): curve_of(out / f"{name}-{seed}") for name in names for seed in seeds}
    updates = sorted(set.intersection(*(set(curve) for curve in curves.values())))
    lines = [
        "| decoder begins with | seeds |"
        + "".join(f" {metric} |" for metric in METRICS)
        + "".join(f" nll {u} |" for u in updates),
        "|---|---:|" + "---:|" * (len(METRICS) + len(updates)),
    ]
    for name in names:
        scores = [over_seeds([found[name, seed][metric] for seed in seeds]).spread for metric in METRICS]
        losses = [f"{over_seeds([curves[name, seed][update] for seed in seeds]).mean:.3f}" for update in updates]
        lines.append(f"| {name} | {len(seeds)} | {' | '.join([*scores, *losses])} |")
    lines += ["", "| comparison |" + "".join(f" {metric} |" for metric in METRICS), "|---|" + "---|" * len(METRICS)]
    for title, left, right in COMPARISONS:
        if left in names and right in names:
            pairs = [[found[left, seed][metric] - found[right, seed][metric] for seed in seeds] for metric in METRICS]
            lines.append(f"| {title} | {' | '.join(over_seeds(values).difference for values in pairs)} |")
    text = "\n".join(lines) + "\n"
    (out / "tables.md").write_text(text, encoding="utf-8")
    document = {f"{name}-{seed}": {**found[name, seed], "curve": curves[name, seed]} for name, seed in found}
    (out / "tables.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
    return text

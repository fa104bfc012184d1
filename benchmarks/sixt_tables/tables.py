"""From the scores of all runs to tables: mean and deviation over seeds, differences paired by seed with intervals."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev

from prepare import SUPERVISED, ZERO_SHOT

# Two-sided 95 % points of Student's t by degrees of freedom; three seeds have two.
STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
METRICS = ("BLEU", "chrF++")
COMPARISONS = (
    ("disentangling, four sources, all data", "sixt", "without_disentangling"),
    ("disentangling, one source", "one_source", "one_source_without_disentangling"),
    ("four sources against one, equal data", "four_sources", "one_source"),
    ("both stages against the first", "without_disentangling", "stage_1"),
    ("both stages with disentangling against the first", "sixt", "stage_1"),
    ("SixT+ against ft-all", "sixt", "finetune_all"),
    ("two stages without disentangling against ft-all", "without_disentangling", "finetune_all"),
)


def scores_of(folder: Path) -> dict[str, dict[str, float]]:
    """Metric -> language -> score, from a report of `anyglot evaluate`."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    table = next(table for table in report["tables"] if table["title"] == "Scores")
    columns = table["columns"]
    found: dict[str, dict[str, float]] = {metric: {} for metric in METRICS}
    for row in table["rows"]:
        cells = dict(zip(columns, row, strict=True))
        if cells["Test"] in (*SUPERVISED, *ZERO_SHOT):
            for metric in METRICS:
                cell = cells[metric]
                found[metric][cells["Test"]] = cell["value"] if isinstance(cell, dict) else float(cell)
    return found


def write_tables(out: Path, variants: Sequence[str], seeds: Sequence[int]) -> str:
    """Write OUT/tables.md and OUT/tables.json and return the former."""
    found = {(v, s): scores_of(out / "scores" / f"{v}-{s}") for v in variants for s in seeds}
    lines = [
        "| line | seeds |"
        + "".join(f" {metric} {kind} |" for metric in METRICS for kind in ("supervised", "zero-shot"))
    ]
    lines.append("|---|---|" + "---:|" * (2 * len(METRICS)))
    for variant in variants:
        cells = []
        for metric in METRICS:
            for languages in (SUPERVISED, ZERO_SHOT):
                values = [mean(found[variant, seed][metric][code] for code in languages) for seed in seeds]
                cells.append(f"{mean(values):.2f} ± {stdev(values) if len(values) > 1 else 0:.2f}")
        lines.append(f"| {variant} | {', '.join(map(str, seeds))} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "| comparison | metric | difference, supervised | difference, zero-shot | zero-shot languages better |",
        "|---|---|---|---|---|",
    ]
    for title, left, right in COMPARISONS:
        if left not in variants or right not in variants:
            continue
        for metric in METRICS:
            cells = []
            for languages in (SUPERVISED, ZERO_SHOT):
                values = [
                    mean(found[left, s][metric][c] - found[right, s][metric][c] for c in languages) for s in seeds
                ]
                cells.append(interval(values))
            better = sum(
                mean(found[left, s][metric][c] - found[right, s][metric][c] for s in seeds) > 0 for c in ZERO_SHOT
            )
            lines.append(f"| {title} | {metric} | " + " | ".join(cells) + f" | {better} of {len(ZERO_SHOT)} |")
    lines += [
        "",
        "| language | |" + "".join(f" {variant} |" for variant in variants),
        "|---|---|" + "---:|" * len(variants),
    ]
    for kind, languages in (("supervised", SUPERVISED), ("zero-shot", ZERO_SHOT)):
        for code in languages:
            cells = [
                " / ".join(f"{mean(found[v, s][metric][code] for s in seeds):.1f}" for metric in METRICS)
                for v in variants
            ]
            lines.append(f"| {code} | {kind} | " + " | ".join(cells) + " |")
    text = "\n".join(lines) + "\n"
    (out / "tables.md").write_text(text, encoding="utf-8")
    (out / "tables.json").write_text(
        json.dumps({f"{v}-{s}": scores for (v, s), scores in found.items()}, indent=1), encoding="utf-8"
    )
    return text


def interval(values: Sequence[float]) -> str:
    """Mean and 95 % interval of paired differences by Student's t over the seeds."""
    if len(values) < 2:
        return f"{mean(values):+.2f}"
    half = STUDENT[len(values) - 1] * stdev(values) / math.sqrt(len(values))
    return f"{mean(values):+.2f} [{mean(values) - half:+.2f}, {mean(values) + half:+.2f}]"

"""From the scores of all runs to tables: mean and deviation over seeds, differences paired by seed with intervals."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean

from settings import Setting

from anyglot.stats.seeds import over_seeds

METRICS = ("BLEU", "chrF++")
COMPARISONS = (
    ("disentangling, all data", "sixt", "without_disentangling"),
    ("disentangling, one source", "one_source", "one_source_without_disentangling"),
    ("disentangling, several sources, equal data", "several_sources", "several_sources_without_disentangling"),
    ("several sources against one, equal data, with disentangling", "several_sources", "one_source"),
    (
        "several sources against one, equal data, without disentangling",
        "several_sources_without_disentangling",
        "one_source_without_disentangling",
    ),
    ("both stages, without disentangling, against the first", "without_disentangling", "stage_1"),
    ("both stages, with disentangling, against the first", "sixt", "stage_1"),
    ("SixT+ against ft-all", "sixt", "finetune_all"),
    ("two stages, without disentangling, against ft-all", "without_disentangling", "finetune_all"),
)


def scores_of(folder: Path, languages: Sequence[str]) -> dict[str, dict[str, float]]:
    """Metric -> language -> score, from a report of `anyglot evaluate translation`."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    table = next(table for table in report["tables"] if table["title"] == "Scores")
    columns = table["columns"]
    found: dict[str, dict[str, float]] = {metric: {} for metric in METRICS}
    for row in table["rows"]:
        cells = dict(zip(columns, row, strict=True))
        if cells["Test"] in languages:
            for metric in METRICS:
                cell = cells[metric]
                found[metric][cells["Test"]] = cell["value"] if isinstance(cell, dict) else float(cell)
    return found


def write_tables(out: Path, setting: Setting, variants: Sequence[str], roots: Mapping[int, Path]) -> str:
    """Write OUT/tables.md and OUT/tables.json and return the former.

    Args:
        roots: Seed -> the folder with its scores.
    """
    seeds = list(roots)
    groups = {"supervised": setting.supervised, "zero-shot": setting.zero_shot}
    everything = (*setting.supervised, *setting.zero_shot)
    found = {(v, s): scores_of(roots[s] / "scores" / f"{v}-{s}", everything) for v in variants for s in seeds}
    lines = [
        "| line | seeds |"
        + "".join(f" {metric} {kind} |" for metric in METRICS for kind in ("supervised", "zero-shot"))
    ]
    lines.append("|---|---|" + "---:|" * (2 * len(METRICS)))
    for variant in variants:
        cells = []
        for metric in METRICS:
            for languages in groups.values():
                values = [mean(found[variant, seed][metric][code] for code in languages) for seed in seeds]
                cells.append(over_seeds(values).spread)
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
            for languages in groups.values():
                values = [
                    mean(found[left, s][metric][c] - found[right, s][metric][c] for c in languages) for s in seeds
                ]
                cells.append(over_seeds(values).difference)
            better = sum(
                mean(found[left, s][metric][c] - found[right, s][metric][c] for s in seeds) > 0
                for c in setting.zero_shot
            )
            lines.append(f"| {title} | {metric} | " + " | ".join(cells) + f" | {better} of {len(setting.zero_shot)} |")
    lines += [
        "",
        "| language | |" + "".join(f" {variant} |" for variant in variants),
        "|---|---|" + "---:|" * len(variants),
    ]
    for kind, languages in groups.items():
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

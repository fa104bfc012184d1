"""From the scores of all runs to tables: mean and deviation over seeds, differences paired by seed, speed."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from lines import Decoding, Step

from anyglot.reporting.provenance import provenance
from anyglot.stats.seeds import over_seeds

METRICS = ("BLEU", "chrF")
# Title, and two rows (line, decoding): the second is subtracted from the first.
COMPARISONS = (
    ("two rounds of denoising against alignment alone", ("sga", "rounds 2"), ("sga", "rounds 0")),
    ("SGA against SGA trained without denoising", ("sga", "rounds 2"), ("sga_without_denoising", "best path")),
    ("shared prompts against prompts a direction", ("sga", "rounds 2"), ("sga_directions", "rounds 2")),
    ("SGA against the Transformer", ("sga", "rounds 2"), ("transformer", "greedy")),
    ("SGA against NAT with CTC", ("sga", "rounds 2"), ("nat_ctc", "best path")),
    ("SGA against distilled NAT", ("sga", "rounds 2"), ("nat_ctc_distilled", "best path")),
    ("distillation of NAT", ("nat_ctc_distilled", "best path"), ("nat_ctc", "best path")),
    ("SGA against initialisation", ("sga", "rounds 2"), ("encoder_initialised", "greedy")),
    ("SGA against initialisation in two stages", ("sga", "rounds 2"), ("encoder_initialised_two_stage", "greedy")),
    ("SGA against mBART", ("sga", "rounds 2"), ("mbart", "greedy")),
    ("SGA against MSP", ("sga", "rounds 2"), ("msp", "greedy")),
    ("adapters against the Transformer", ("adapters", "greedy"), ("transformer", "greedy")),
)
Row = dict[str, Any]
Lines = dict[str, tuple[Step, Sequence[int]]]


def scores_of(folder: Path) -> dict[str, dict[str, float]]:
    """Metric -> language -> score, from a report of `anyglot evaluate translation`."""
    found: dict[str, dict[str, float]] = {metric: {} for metric in METRICS}
    for cells in _table(folder, "Scores") or []:
        if not str(cells["Test"]).startswith("mean of"):
            for metric in METRICS:
                cell = cells[metric]
                found[metric][cells["Test"]] = cell["value"] if isinstance(cell, dict) else float(cell)
    return found


def speed_of(folder: Path) -> Row | None:
    """Latency in milliseconds, throughput in sentences a second, precision, and how they were measured."""
    cells = (_table(folder, "Quality beside speed") or [None])[0]
    if cells is None:
        return None
    note = next(table["note"] for table in _report(folder)["tables"] if table["title"] == "Quality beside speed")
    return {
        "milliseconds": cells["ms a sentence"],
        "sentences_per_second": cells["Sentences/s by 32"],
        "precision": cells["Precision"],
        "note": note,
    }


def write_tables(out: Path, lines: Lines, scores: Callable[[str, int, Decoding], Path]) -> str:
    """Write OUT/tables.md and OUT/tables.json and return the former; a run that is not there is left out."""
    rows = [
        row
        for name, (step, seeds) in lines.items()
        for decoding in step.decodings
        if (row := _row(out, name, step, seeds, decoding, scores))["seeds"]
    ]
    facts = provenance(command=shlex.join(["benchmarks/sga_tables/run.py", *sys.argv[1:]])).facts()
    text = [f"{key}: {value}  " for key, value in facts.items()]
    for corpus, ablation in dict.fromkeys((row["corpus"], row["ablation"]) for row in rows):
        shown = [row for row in rows if (row["corpus"], row["ablation"]) == (corpus, ablation)]
        text += ["", f"## {corpus}{', SGA with one thing changed' if ablation else ''}", "", *_shown(shown)]
        if not ablation:
            text += ["", *_compared(shown)]
        text += ["", *_languages(shown)]
    text += sorted({f"\nSpeed: {row['speed']['note']}" for row in rows if row["speed"]})[:1]
    whole = "\n".join(text) + "\n"
    (out / "tables.md").write_text(whole, encoding="utf-8")
    (out / "tables.json").write_text(json.dumps({"facts": facts, "rows": rows}, indent=1), encoding="utf-8")
    return whole


def _row(
    out: Path,
    name: str,
    step: Step,
    seeds: Sequence[int],
    decoding: Decoding,
    scores: Callable[[str, int, Decoding], Path],
) -> Row:
    """What is known of a line decoded so."""
    folders = {seed: scores(name, seed, decoding) for seed in seeds}
    present = {seed: folder for seed, folder in folders.items() if (folder / "report.json").is_file()}
    runs = {seed: _run(out / f"{step.model or name}-{seed}") for seed in present}
    first = next(iter(runs.values()), {})
    speeds = [speed for folder in present.values() if (speed := speed_of(folder)) is not None]
    zero_shot = [code for code in step.languages if code in (*step.corpus.zero_shot, *step.unseen)]
    return {
        "line": name.rpartition("/")[2],
        "decoding": decoding.name,
        "corpus": step.corpus.name,
        "ablation": step.ablation,
        "supervised": [code for code in step.languages if code not in zero_shot],
        "zero_shot": zero_shot,
        "seeds": list(present),
        "scores": {seed: scores_of(folder) for seed, folder in present.items()},
        "signatures": {seed: _report(folder)["signatures"] for seed, folder in present.items()},
        "parameters": first.get("parameters"),
        "trained_parameters": first.get("trained_parameters"),
        "speed": speeds[0] if speeds else None,
        "runs": runs,
    }


def _run(folder: Path) -> Row:
    """What a run wrote of itself: no path is told."""
    told = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    kept = ("seed", "commit", "data", "recipe", "updates", "seconds", "precision", "parameters", "trained_parameters")
    return {key: told.get(key) for key in kept}


def _means(row: Row, metric: str, kind: str) -> list[float]:
    """One value a seed: the mean over the languages of a kind."""
    codes = row[kind]
    return [mean(found[metric][code] for code in codes) for found in row["scores"].values()] if codes else []


def _shown(rows: Sequence[Row]) -> list[str]:
    """The table of the lines."""
    kinds = [kind for kind in ("supervised", "zero_shot") if any(row[kind] for row in rows)]
    columns = [(metric, kind) for kind in kinds for metric in METRICS]
    timed = any(row["speed"] for row in rows)
    names = ["line", "decoding", "seeds", *(f"{metric} {kind.replace('_', '-')}" for metric, kind in columns)]
    names += ["trained parameters", "parameters", *(["ms a sentence", "sentences/s by 32"] if timed else [])]
    told = [_line(names), _line(["---"] * 2 + ["---:"] * (len(names) - 2))]
    for row in rows:
        cells = [row["line"], row["decoding"], str(len(row["seeds"]))]
        for metric, kind in columns:
            values = _means(row, metric, kind)
            cells.append(over_seeds(values).spread if values else "")
        cells += ["" if row[key] is None else f"{row[key]:,}" for key in ("trained_parameters", "parameters")]
        if timed:
            speed = row["speed"]
            told_speed = (speed["milliseconds"], speed["sentences_per_second"]) if speed else ()
            cells += [f"{value:.1f}" for value in told_speed] or ["", ""]
        told.append(_line(cells))
    return told


def _compared(rows: Sequence[Row]) -> list[str]:
    """Differences paired by seed over the languages both rows have."""
    found = {(row["line"], row["decoding"]): row for row in rows}
    told = [_line(["comparison", "seeds", *METRICS, *(f"{metric} zero-shot" for metric in METRICS)])]
    told.append(_line(["---", "---:", *["---"] * (2 * len(METRICS))]))
    for title, left, right in COMPARISONS:
        if left not in found or right not in found:
            continue
        one, other = found[left], found[right]
        seeds = [seed for seed in one["seeds"] if seed in other["seeds"]]
        cells = []
        for kind in ("supervised", "zero_shot"):
            codes = [code for code in one[kind] if code in other[kind]]
            for metric in METRICS:
                pairs = [
                    mean(one["scores"][seed][metric][code] - other["scores"][seed][metric][code] for code in codes)
                    for seed in seeds
                    if codes
                ]
                cells.append(over_seeds(pairs).difference if pairs else "")
        told.append(_line([title, str(len(seeds)), *cells]))
    return told if len(told) > 2 else []


def _languages(rows: Sequence[Row]) -> list[str]:
    """BLEU / chrF of each language, mean over seeds."""
    codes = list(dict.fromkeys(code for row in rows for code in (*row["supervised"], *row["zero_shot"])))
    told = [_line(["line", "decoding", *codes]), _line(["---"] * 2 + ["---:"] * len(codes))]
    for row in rows:
        cells = []
        for code in codes:
            values = [
                f"{mean(found[metric][code] for found in row['scores'].values()):.1f}"
                for metric in METRICS
                if all(code in found[metric] for found in row["scores"].values())
            ]
            cells.append(" / ".join(values))
        told.append(_line([row["line"], row["decoding"], *cells]))
    return told


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _report(folder: Path) -> Any:
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def _table(folder: Path, title: str) -> list[Row] | None:
    """The rows of a report's table, or None if it has no such table."""
    for table in _report(folder)["tables"]:
        if table["title"] == title:
            return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    return None

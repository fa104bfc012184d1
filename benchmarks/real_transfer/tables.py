"""From the scores of all lines to tables: by domain, supervised and zero-shot apart, and by language."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import mean
from typing import Any

from prepare import SUPERVISED

from anyglot.reporting.provenance import provenance
from anyglot.stats.seeds import over_seeds

METRICS = ("BLEU", "chrF++")
KINDS = ("supervised", "zero-shot")
COMPARISONS = (
    ("both", "stage_1"),
    ("disentangled", "both"),
    ("both", "ft_all"),
    ("both", "scratch"),
    ("six_sources", "one_source"),
    ("layers_6", "layers_2"),
)
# Lines that start from another's finished model.
AFTER = {"both": "stage_1", "disentangled": "stage_1", "free_both": "free"}
Rows = dict[str, dict[str, Any]]  # test set -> column -> cell of the scores
Mean = Callable[[Rows], float | None]


def write_tables(root: Path, data_hash: str, command: str) -> str:
    """Write ROOT/tables.md and ROOT/results.json from all scores under ROOT/scores, and return the former.

    Raises:
        ValueError: There are no scores.
    """
    reports = sorted((root / "scores").glob("*/report.json"))
    if not reports:
        raise ValueError(f"{root} holds no scores")
    lines: dict[str, dict[int, Rows]] = {}
    runs: dict[str, Any] = {}
    for path in reports:
        name, _, seed = path.parent.name.rpartition("-")
        report = json.loads(path.read_text(encoding="utf-8"))
        lines.setdefault(name, {})[int(seed)] = _rows(report)
        runs[path.parent.name] = {"facts": report["facts"], "training": training_of(root / path.parent.name)}
    text = "\n".join([*_training(runs), *_domains(lines), *_differences(lines), *_languages(lines)]) + "\n"
    facts = provenance(seed=None, data_hash=data_hash, seconds=None).facts() | {"Command": command}
    signatures = {cell["name"]: cell["signature"] for cell in _cells(lines)}
    scores = {f"{name}-{seed}": _numbers(rows) for name, seeds in lines.items() for seed, rows in seeds.items()}
    document = {"facts": facts, "signatures": signatures, "runs": runs, "scores": scores}
    text_of = json.dumps(document, ensure_ascii=False, indent=1)
    (root / "results.json").write_text(text_of + "\n", encoding="utf-8")
    (root / "tables.md").write_text(text, encoding="utf-8")
    return text


def _rows(report: Mapping[str, Any]) -> Rows:
    """The scores of every test set in an evaluation's report, with its off-target rate if that was counted."""
    found: Rows = {}
    for table in report["tables"]:
        if table["title"] not in ("Scores", "Off-target"):
            continue
        for row in table["rows"]:
            cells = dict(zip(table["columns"], row, strict=True))
            if cells["Test"] in found or (table["title"] == "Scores" and cells["Pair"] is not None):
                found.setdefault(cells["Test"], {}).update(cells)
    return found


def _cells(lines: Mapping[str, Mapping[int, Rows]]) -> list[dict[str, Any]]:
    return [
        cell
        for seeds in lines.values()
        for rows in seeds.values()
        for row in rows.values()
        for cell in row.values()
        if isinstance(cell, dict)
    ]


def _numbers(rows: Rows) -> dict[str, str]:
    """Test set -> each score with its 95 % interval, and the off-target rate, in a line."""
    told = {}
    for test, row in rows.items():
        cells = [cell for cell in row.values() if isinstance(cell, dict)]
        told[test] = "; ".join(f"{c['name']} {c['value']:.2f} [{c['low']:.2f}, {c['high']:.2f}]" for c in cells)
    return told


def training_of(folder: Path) -> dict[str, Any]:
    """What a run took, and its validation loss over target tokens."""
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    curve = []
    tokens = 0
    for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        tokens = event.get("tokens", tokens)
        if event["kind"] == "validation":
            curve.append({"update": event["update"], "tokens": tokens, "loss": round(event["loss"], 4)})
    kept = ("commit", "data", "updates", "target_tokens", "seconds", "precision", "parameters", "trained_parameters")
    return {key: run.get(key) for key in kept} | {"curve": curve}


def _domain(test: str) -> str:
    return test.rpartition(" ")[0]


def _language(test: str) -> str:
    return test.rpartition(" ")[2]


def _mean(domain: str, kind: str, metric: str) -> Mean:
    """The mean over a domain's languages of a kind, each counting alike; None where there is none."""

    def compute(rows: Rows) -> float | None:
        values = [
            _value(cells[metric]) for test, cells in rows.items() if matches(test, domain) and kind_of(test) == kind
        ]
        return mean(values) if values else None

    return compute


def kind_of(test: str) -> str:
    """Whether a test set's language has training pairs."""
    return KINDS[_language(test) not in SUPERVISED]


def matches(test: str, domain: str) -> bool:
    """Whether a test set is of this domain."""
    return _domain(test) == domain or (domain == "other tests" and _domain(test) not in ("everyday", "pud"))


def _value(cell: Any) -> float:
    return float(cell["value"] if isinstance(cell, dict) else cell)


DOMAINS = ("everyday", "pud", "other tests")


def _training(runs: Mapping[str, Any]) -> list[str]:
    text = [
        "| run | updates | target tokens | seconds | trained parameters | validation loss |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, run in runs.items():
        told = run["training"]
        loss = f"{told['curve'][-1]['loss']:.3f}" if told["curve"] else "-"
        numbers = (told["updates"], told["target_tokens"], round(told["seconds"]), told["trained_parameters"])
        text.append(f"| {name} | " + " | ".join(f"{number:,}" for number in numbers) + f" | {loss} |")
    return text


def _domains(lines: Mapping[str, Mapping[int, Rows]]) -> list[str]:
    names = [(domain, kind) for domain in DOMAINS for kind in KINDS]
    text = ["", "| line | seeds | metric |" + "".join(f" {domain}, {kind} |" for domain, kind in names)]
    text.append("|---|---|---|" + "---:|" * len(names))
    for line, seeds in lines.items():
        for metric in METRICS:
            cells = []
            for domain, kind in names:
                values = [value for rows in seeds.values() if (value := _mean(domain, kind, metric)(rows)) is not None]
                cells.append(over_seeds(values).spread if values else "-")
            text.append(f"| {line} | {', '.join(map(str, sorted(seeds)))} | {metric} | " + " | ".join(cells) + " |")
    return text


def _differences(lines: Mapping[str, Mapping[int, Rows]]) -> list[str]:
    """Differences of means, paired by seed; of one seed without an interval."""
    names = [(domain, kind) for domain in DOMAINS for kind in KINDS]
    text = ["", "| BLEU of | less that of | seeds |" + "".join(f" {domain}, {kind} |" for domain, kind in names)]
    text.append("|---|---|---:|" + "---:|" * len(names))
    for left, right in COMPARISONS:
        shared = sorted(set(lines.get(left, ())) & set(lines.get(right, ())))
        if not shared:
            continue
        cells = []
        for domain, kind in names:
            compute = _mean(domain, kind, "BLEU")
            pairs = [(compute(lines[left][seed]), compute(lines[right][seed])) for seed in shared]
            values = [one - other for one, other in pairs if one is not None and other is not None]
            cells.append(over_seeds(values).difference if values else "-")
        text.append(f"| {left} | {right} | {len(shared)} | " + " | ".join(cells) + " |")
    return text


def _languages(lines: Mapping[str, Mapping[int, Rows]]) -> list[str]:
    """BLEU and chrF++ of every test set; of a single seed with its bootstrap interval."""
    tests = list(dict.fromkeys(test for seeds in lines.values() for rows in seeds.values() for test in rows))
    tests.sort(key=lambda test: (_domain(test) != "everyday", _domain(test), _language(test) not in SUPERVISED, test))
    text = ["", "| test set | |" + "".join(f" {line} |" for line in lines), "|---|---|" + "---:|" * len(lines)]
    for test in tests:
        text.append(
            f"| {test} | {kind_of(test)} | " + " | ".join(_cell(seeds, test) for seeds in lines.values()) + " |"
        )
    return text


def _cell(seeds: Mapping[int, Rows], test: str) -> str:
    rows = [rows[test] for rows in seeds.values() if test in rows]
    if not rows:
        return "-"
    bleu, other = (mean(_value(row[metric]) for row in rows) for metric in METRICS)
    cell = rows[0]["BLEU"]
    between = f" [{cell['low']:.1f}, {cell['high']:.1f}]" if len(rows) == 1 and isinstance(cell, dict) else ""
    return f"{bleu:.1f}{between} / {other:.1f}"

"""Write a report as Markdown, JSON and one self-contained HTML page.

    write_report(folder, Report(title="...", tables=(...), curves=curves_from_metrics(run / "metrics.jsonl"), ...))

The parts are plain values (`elements.py`), so the demo, the benchmarks and `anyglot evaluate` use one writer.
"""

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyglot.reporting.elements import Report, signatures
from anyglot.reporting.html import render_page
from anyglot.reporting.markdown import render_markdown
from anyglot.runtime.files import write_text


@dataclass(frozen=True)
class ReportFiles:
    """Where a report was written."""

    markdown: Path
    json: Path
    html: Path


def write_report(folder: Path, report: Report, name: str = "report") -> ReportFiles:
    """Write `report.md`, `report.json` and `report.html` into a folder, each whole or not at all.

    Raises:
        UserError: The folder cannot be made or written to.
    """
    written = ReportFiles(folder / f"{name}.md", folder / f"{name}.json", folder / f"{name}.html")
    write_text(written.markdown, render_markdown(report))
    write_text(written.json, json.dumps(report_data(report), ensure_ascii=False, indent=1, allow_nan=False) + "\n")
    write_text(written.html, render_page(report))
    return written


def report_data(report: Report) -> dict[str, Any]:
    """Return the report as JSON data: its fields by name, and the signatures. Infinities and NaN become null."""
    data = {part.name: _plain(getattr(report, part.name)) for part in dataclasses.fields(report)}
    return {**data, "signatures": signatures(report)}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {part.name: _plain(getattr(value, part.name)) for part in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value

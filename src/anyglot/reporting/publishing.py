"""A report as files: one page, each table by itself, each chart as PNG and SVG, and every number as JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyglot.reporting.elements import Curves, HeatMap, Report, Table
from anyglot.reporting.figures import draw_bars, draw_curves, draw_maps
from anyglot.reporting.latex import latex_table
from anyglot.reporting.markdown import cell_text, escaped, markdown_table
from anyglot.reporting.report import ReportFiles, write_report
from anyglot.runtime.files import write_text


@dataclass(frozen=True)
class Panels:
    """Charts that stand in one figure.

    Attributes:
        name: Of the files.
        charts: All maps, or all line charts.
        vertical: Name of a map's rows.
    """

    name: str
    charts: Sequence[HeatMap] | Sequence[Curves]
    vertical: str = ""


def publish(
    folder: Path, report: Report, panels: Sequence[Panels], numbers: Any, *, figures: bool = True
) -> ReportFiles:
    """Write everything into a folder.

    report.html, report.md, report.json; numbers.json; tables/*.md, *.json, *.tex; figures/*.png, *.svg.

    Raises:
        UserError: The folder cannot be written to, or figures are wanted and matplotlib is not installed.
    """
    written = write_report(folder, report)
    write_text(folder / "numbers.json", json.dumps(_finite(numbers), ensure_ascii=False, indent=1) + "\n")
    for table in report.tables:
        write_table(folder / "tables", table)
    if figures:
        for panel in panels:
            if not panel.charts:
                continue
            if isinstance(panel.charts[0], HeatMap):
                draw_maps([each for each in panel.charts if isinstance(each, HeatMap)], _stem(folder, panel.name),
                          panel.vertical)  # fmt: skip
            else:
                draw_curves([each for each in panel.charts if isinstance(each, Curves)], _stem(folder, panel.name))
        for chart in report.bars:
            draw_bars(chart, _stem(folder, chart.title))
    return written


def write_table(folder: Path, table: Table) -> None:
    """A table as Markdown, JSON (rows as objects, with all digits) and LaTeX."""
    name = file_name(table.title)
    note = f"\n\n{escaped(table.note)}" if table.note else ""
    write_text(folder / f"{name}.md", f"## {escaped(table.title)}\n\n{markdown_table(table)}{note}\n")
    rows = [
        {column: cell if isinstance(cell, str | int | float | None) else cell_text(cell) for column, cell in
         zip(table.columns, row, strict=True)}
        for row in table.rows
    ]  # fmt: skip
    content = {"title": table.title, "note": table.note, "rows": _finite(rows)}
    write_text(folder / f"{name}.json", json.dumps(content, ensure_ascii=False, indent=1) + "\n")
    write_text(folder / f"{name}.tex", latex_table(table, f"tab:{name}"))


def file_name(title: str) -> str:
    """A title as a file's name: letters, digits and hyphens."""
    return re.sub(r"[^\w]+", "-", title.lower()).strip("-")[:80] or "table"


def _stem(folder: Path, title: str) -> Path:
    return folder / "figures" / file_name(title)


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity."""
    if isinstance(value, dict):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value

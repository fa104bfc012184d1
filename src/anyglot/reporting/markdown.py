"""A report as Markdown: tables that read well raw, every foreign text escaped."""

import re

from anyglot.reporting.elements import Cell, Report, Sample, Table, plain_number, printable, signatures
from anyglot.stats.scores import Score
from anyglot.stats.significance import Difference

_SPECIAL = re.compile(r"([\\`*_\[\]|~#])")


def escaped(value: str) -> str:
    """Escape a text so that Markdown shows it as it is, on one line."""
    one_line = " ".join(printable(value).split())
    return _SPECIAL.sub(r"\\\1", one_line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def cell_text(cell: Cell, decimals: int = 1) -> str:
    """Write a table cell for people: scores with their interval, a dash for nothing, floats with `decimals`."""
    if cell is None:
        return "–"
    if isinstance(cell, Difference):
        return str(cell)
    if isinstance(cell, Score):
        return str(cell) if cell.high > cell.low else f"{cell.value:.1f}"
    return printable(cell) if isinstance(cell, str) else plain_number(cell, decimals)


def markdown_table(table: Table) -> str:
    """Write one table, without its title. Columns that hold numbers only are aligned to the right."""
    numeric = [
        bool(table.rows) and all(not isinstance(row[column], str) for row in table.rows)
        for column in range(len(table.columns))
    ]
    head = "| " + " | ".join(map(escaped, table.columns)) + " |"
    rule = "|" + "|".join("---:" if right else "---" for right in numeric) + "|"
    rows = ["| " + " | ".join(escaped(cell_text(cell, table.decimals)) for cell in row) + " |" for row in table.rows]
    return "\n".join([head, rule, *rows])


def render_markdown(report: Report) -> str:
    """Write the whole report."""
    parts = [f"# {escaped(report.title)}", *map(escaped, report.summary)]
    for table in (*report.tables, *(chart.table() for chart in report.maps)):
        parts += [f"## {escaped(table.title)}", markdown_table(table)]
        if table.note:
            parts.append(escaped(table.note))
    if report.samples:
        parts += ["## Sample translations", *map(_sample, report.samples)]
    if found := signatures(report):
        lines = [f"- {escaped(name)}: `{signature}`" for name, known in found.items() for signature in known]
        parts += ["## Signatures", "\n".join(lines)]
    if report.facts:
        rows = tuple((name, value) for name, value in report.facts.items())
        parts += ["## Settings and provenance", markdown_table(Table("", ("What", "Value"), rows))]
    return "\n\n".join(parts) + "\n"


def _sample(sample: Sample) -> str:
    where = " ".join(part for part in (sample.language, sample.kind or "") if part)
    lines = [
        f"- **source**{f' ({escaped(where)})' if where else ''}: {escaped(sample.source)}",
        f"  - reference: {escaped(sample.reference)}",
        f"  - output{_chrf(sample.chrf)}: {escaped(sample.output)}",
    ]
    if sample.baseline is not None:
        lines.append(f"  - baseline{_chrf(sample.baseline_chrf)}: {escaped(sample.baseline)}")
    return "\n".join(lines)


def _chrf(value: float | None) -> str:
    return "" if value is None else f" (chrF++ {value:.0f})"

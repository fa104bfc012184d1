"""A report as one self-contained HTML page: style and charts inline, no script, no request to anywhere."""

from importlib.resources import files
from string import Template

from anyglot.reporting.elements import Cell, Report, Sample, Table, plain_number, signatures
from anyglot.reporting.heat_map import draw_map
from anyglot.reporting.svg import draw_bars, draw_curves, text
from anyglot.stats.scores import Score
from anyglot.stats.significance import Difference


def render_page(report: Report) -> str:
    """Write the whole page. Every text of the report is escaped; none of it can become markup."""
    parts = [
        f"<header><h1>{text(report.title)}</h1>",
        *(f"<p>{text(line)}</p>" for line in report.summary),
        "</header>",
    ]
    tables = [_table(table) for table in report.tables]
    above = len(tables) if report.tables_above is None else report.tables_above
    parts += tables[:above]
    if report.bars:
        parts.append(_charts(report.bars_title, [(c.title, draw_bars(c), c.note) for c in report.bars]))
    if report.curves:
        parts.append(_charts(report.curves_title, [(c.title, draw_curves(c), "") for c in report.curves]))
    if report.maps:
        parts.append(_charts("Maps", [(c.title, draw_map(c), c.note) for c in report.maps]))
    parts += tables[above:]
    if report.samples:
        parts.append(_samples(report.samples))
    if found := signatures(report):
        pairs = [(name, f"<code>{text(known)}</code>") for name, lines in found.items() for known in lines]
        parts.append(_definitions("Signatures", pairs))
    if report.facts:
        parts.append(_definitions("Settings and provenance", [(k, text(v)) for k, v in report.facts.items()]))
    template = files("anyglot.reporting").joinpath("report.html").read_text("utf-8")
    return Template(template).substitute(title=text(report.title), body="\n".join(parts))


def _table(table: Table) -> str:
    numeric = [
        bool(table.rows) and all(not isinstance(row[column], str) for row in table.rows)
        for column in range(len(table.columns))
    ]
    kinds = [' class="number"' if right else "" for right in numeric]
    head = "".join(f'<th scope="col"{kind}>{text(name)}</th>' for name, kind in zip(table.columns, kinds, strict=True))
    rows = "".join(
        "<tr>"
        + "".join(f"<td{kind}>{_cell(cell, table.decimals)}</td>" for cell, kind in zip(row, kinds, strict=True))
        + "</tr>"
        for row in table.rows
    )
    note = f'<p class="note">{text(table.note)}</p>' if table.note else ""
    return (
        f'<section><h2>{text(table.title)}</h2><div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{note}</section>"
    )


def _cell(cell: Cell, decimals: int) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, Score):
        interval = f'<span class="interval">{cell.low:.1f}–{cell.high:.1f}</span>' if cell.high > cell.low else ""
        return f"{cell.value:.1f}{interval}"
    if isinstance(cell, Difference):
        return f'{cell.value:+.1f}<span class="interval">{cell.low:+.1f} to {cell.high:+.1f}</span>'
    return _foreign(cell) if isinstance(cell, str) else plain_number(cell, decimals)


def _charts(title: str, charts: list[tuple[str, str, str]]) -> str:
    figures = "".join(
        f"<figure><figcaption>{text(name)}</figcaption>{drawing}"
        + (f'<p class="note">{text(note)}</p>' if note else "")
        + "</figure>"
        for name, drawing, note in charts
    )
    return f'<section><h2>{text(title)}</h2><div class="charts">{figures}</div></section>'


def _samples(samples: tuple[Sample, ...]) -> str:
    with_language = any(sample.language or sample.kind for sample in samples)
    with_baseline = any(sample.baseline is not None for sample in samples)
    names = ["Language"] * with_language + ["Source", "Reference", "Output"] + ["Baseline"] * with_baseline
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    rows = []
    for sample in samples:
        where = text(sample.language) + (f'<br><span class="tag">{text(sample.kind)}</span>' if sample.kind else "")
        cells = [where] if with_language else []
        cells += [_foreign(sample.source, sample.language), _foreign(sample.reference, sample.target)]
        cells.append(_foreign(sample.output, sample.target) + _chrf(sample.chrf))
        if with_baseline:
            shown = "–" if sample.baseline is None else _foreign(sample.baseline, sample.target)
            cells.append(shown + _chrf(sample.baseline_chrf))
        rows.append("".join(f'<td data-label="{n}">{c}</td>' for n, c in zip(names, cells, strict=True)))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return (
        '<section class="samples"><h2>Sample translations</h2><div class="scroll"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></section>"
    )


def _foreign(value: str, language: str = "") -> str:
    # dir="auto" sets right-to-left text right and keeps direction overrides in the text from leaking out of it.
    declared = f' lang="{text(language)}"' if language else ""
    return f'<bdi dir="auto"{declared}>{text(value)}</bdi>'


def _chrf(value: float | None) -> str:
    return "" if value is None else f'<span class="chrf">chrF++ {value:.0f}</span>'


def _definitions(title: str, pairs: list[tuple[str, str]]) -> str:
    rows = "".join(f"<dt>{text(name)}</dt><dd>{value}</dd>" for name, value in pairs)
    return f"<section><h2>{text(title)}</h2><dl>{rows}</dl></section>"

"""What a report is made of: plain frozen values that Markdown, JSON and the HTML page are all written from."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from anyglot.stats.scores import Score
from anyglot.stats.significance import Difference

Cell = str | int | float | Score | Difference | None

# Not allowed in HTML or a nuisance everywhere: controls but tab and newline, lone surrogates, noncharacters.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


@dataclass(frozen=True)
class Table:
    """A titled table. `Score` and `Difference` are shown with intervals, a float with `decimals`, None as a dash."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    decimals: int = 1

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"table {self.title!r} has {len(self.columns)} columns but a row of {len(row)} cells")


@dataclass(frozen=True)
class Line:
    """One line of a chart. `dotted` marks every point, for values measured now and then (validation)."""

    name: str
    points: tuple[tuple[float, float], ...]
    dotted: bool = False


@dataclass(frozen=True)
class Curves:
    """A line chart. `boundaries` are places on the horizontal axis with a name, such as the start of a stage."""

    title: str
    horizontal: str
    vertical: str
    lines: tuple[Line, ...]
    boundaries: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class Bar:
    """One bar. Bars of the same label stand together; the series decides the colour."""

    label: str
    series: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Bars:
    """A bar chart with confidence intervals.

    Colours go to the series in `order` first (the same colour in every report), then as they appear.
    """

    title: str
    unit: str
    bars: tuple[Bar, ...]
    note: str = ""
    order: tuple[str, ...] = ("supervised", "zero-shot")
    decimals: int = 1


@dataclass(frozen=True)
class HeatMap:
    """A table of numbers as colours: one cell for each row and column, None where nothing was measured.

    The colour goes from `low` to `high`, so that maps of one report can share a scale.
    """

    title: str
    horizontal: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    low: float
    high: float
    note: str = ""
    decimals: int = 1

    def __post_init__(self) -> None:
        if len(self.values) != len(self.rows) or any(len(row) != len(self.columns) for row in self.values):
            raise ValueError(f"map {self.title!r} needs {len(self.rows)} rows of {len(self.columns)} values")

    def table(self) -> Table:
        """Return the same numbers as a table, for where there are no colours."""
        rows = zip(self.rows, self.values, strict=True)
        return Table(
            self.title,
            (self.horizontal, *self.columns),
            tuple((row, *cells) for row, cells in rows),
            self.note,
            self.decimals,
        )


@dataclass(frozen=True)
class Sample:
    """A sentence with its translations. `chrf` and `baseline_chrf` are sentence chrF++, or None."""

    source: str
    reference: str
    output: str
    baseline: str | None = None
    language: str = ""
    target: str = ""
    kind: str | None = None
    chrf: float | None = None
    baseline_chrf: float | None = None


@dataclass(frozen=True)
class Report:
    """A whole report.

    Attributes:
        title: Headline.
        summary: Paragraphs below it: what was done and what came out.
        tables: Tables, in order; signatures of their `Score` cells are collected and shown.
        tables_above: How many of them stand above the charts on the page; None: all.
        bars: Bar charts.
        bars_title: Headline of the bar charts.
        curves: Line charts.
        curves_title: Headline of the line charts.
        maps: Maps of numbers as colours; Markdown has them as tables.
        samples: Sample translations.
        facts: Settings and provenance, name to value.
    """

    title: str
    summary: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    tables_above: int | None = None
    bars: tuple[Bars, ...] = ()
    bars_title: str = "Scores"
    curves: tuple[Curves, ...] = ()
    curves_title: str = "Learning curves"
    maps: tuple[HeatMap, ...] = ()
    samples: tuple[Sample, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


def signatures(report: Report) -> dict[str, list[str]]:
    """Collect the distinct signatures of a report's scores by metric, in order of appearance."""
    found: dict[str, list[str]] = {}
    for score in _scores(report):
        known = found.setdefault(score.name, [])
        if score.signature not in known:
            known.append(score.signature)
    return found


def _scores(report: Report) -> Iterator[Score]:
    for table in report.tables:
        for row in table.rows:
            yield from (cell for cell in row if isinstance(cell, Score))


def printable(text: str) -> str:
    """Replace characters that no document may hold (controls, lone surrogates, noncharacters) by U+FFFD."""
    return _UNPRINTABLE.sub("\ufffd", text)


def plain_number(value: int | float, decimals: int = 1) -> str:
    """Format a number for people: whole numbers with separators, others with so many decimals."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.{decimals}f}"

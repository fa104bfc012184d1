"""Charts of a report as PNG and SVG files, for papers: matplotlib, which only this file knows.

The charts are those the HTML page shows (`reporting/elements.py`). Colours: cividis for maps and the set of Okabe and
Ito (2008) for series, both safe for colour-blind readers; lines differ by dash and marker as well.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from anyglot.errors import UserError
from anyglot.reporting.elements import Bar, Bars, Curves, HeatMap, Line
from anyglot.runtime.files import write_bytes

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_MAP = "cividis"
_DOTS = 150
# The same file for the same numbers, wherever it is drawn.
_SETTINGS = {"svg.hashsalt": "anyglot", "font.size": 8, "axes.spines.top": False, "axes.spines.right": False}


def require_matplotlib() -> None:
    """Refuse to draw where matplotlib is not installed; asked before anything is computed.

    Raises:
        UserError: It is not; the sentence says how to install it or do without.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise UserError(
            "figures need matplotlib, which is not installed: pip install 'anyglot[plots]', or leave the PNG and SVG "
            "files out with `figures=False`"
        ) from None


def draw_maps(maps: Sequence[HeatMap], stem: Path, vertical: str = "") -> tuple[Path, Path]:
    """Several maps in one figure, two beside each other as in Ji et al.'s figures 1 and 2, with one colour bar.

    Args:
        maps: On one scale.
        stem: The files' name without suffix.
        vertical: Name of the rows.

    Returns:
        The PNG and the SVG.
    """
    low, high = min(each.low for each in maps), max(each.high for each in maps)
    across = min(2, len(maps))
    down = -(-len(maps) // across)
    columns, rows = max(len(each.columns) for each in maps), max(len(each.rows) for each in maps)
    size = (across * max(3.2, 0.42 * columns + 1.3) + 0.9, down * max(1.6, 0.3 * rows + 1.1))
    with _figure(size) as figure:
        panels = figure.subplots(down, across, squeeze=False)
        image = None
        for place, panel in enumerate(panels.flat):
            if place >= len(maps):
                panel.set_axis_off()
                continue
            image = _map(panel, maps[place], low, high)
            panel.set_ylabel(vertical)
        if image is not None:
            figure.colorbar(image, ax=panels.ravel().tolist(), shrink=0.8)
        return _save(figure, stem)


def draw_curves(charts: Sequence[Curves], stem: Path) -> tuple[Path, Path]:
    """Line charts in one figure, up to three beside each other, on one vertical scale and with one legend."""
    across = min(3, len(charts))
    down = -(-len(charts) // across)
    with _figure((2.6 * across + 0.4, 2.1 * down + 0.4)) as figure:
        panels = figure.subplots(down, across, squeeze=False, sharey=True)
        names: dict[str, Any] = {}
        for place, panel in enumerate(panels.flat):
            if place >= len(charts):
                panel.set_axis_off()
                continue
            for index, line in enumerate(charts[place].lines):
                names.setdefault(line.name, _plot(panel, index, line))
            panel.set_title(charts[place].title)
            panel.set_xlabel(charts[place].horizontal)
            panel.xaxis.get_major_locator().set_params(integer=True)
            # The scale is shared; a name for it in every row is enough.
            panel.set_ylabel(charts[place].vertical if place % across == 0 else "")
        if names:
            figure.legend(names.values(), names, loc="outside lower center", ncols=min(4, len(names)), frameon=False)
        return _save(figure, stem)


def draw_bars(chart: Bars, stem: Path) -> tuple[Path, Path]:
    """One bar chart with intervals; bars of a label stand together."""
    labels = list(dict.fromkeys(bar.label for bar in chart.bars))
    present = {bar.series for bar in chart.bars}
    series = list(dict.fromkeys([name for name in chart.order if name in present] + [b.series for b in chart.bars]))
    width = 0.8 / max(1, len(series))
    with _figure((max(3.5, 0.9 + 0.28 * len(labels) * (len(series) + 1)), 2.8)) as figure:
        panel = figure.subplots()
        for place, name in enumerate(series):
            chosen = [bar for bar in chart.bars if bar.series == name]
            panel.bar(
                [labels.index(bar.label) + (place - (len(series) - 1) / 2) * width for bar in chosen],
                [bar.value for bar in chosen],
                width,
                yerr=_whiskers(chosen),
                color=COLOURS[place % len(COLOURS)],
                hatch=("", "//", "..", "xx")[place % 4],
                edgecolor="white",
                label=name,
                error_kw={"linewidth": 0.8, "capsize": 2},
            )
        panel.set_xticks(range(len(labels)), labels)
        panel.set_ylabel(chart.unit)
        panel.set_title(chart.title)
        if len(series) > 1:
            figure.legend(loc="outside lower center", ncols=min(4, len(series)), frameon=False)
        return _save(figure, stem)


def _plot(panel: Any, index: int, line: Line) -> Any:
    points = [(x, y) for x, y in line.points if math.isfinite(y)]
    (drawn,) = panel.plot(
        [x for x, _ in points],
        [y for _, y in points],
        color=COLOURS[index % len(COLOURS)],
        linestyle=_DASHES[index % len(_DASHES)],
        marker=_MARKERS[index % len(_MARKERS)] if line.dotted else None,
        markersize=3.5,
        linewidth=1.3,
    )
    return drawn


def _map(panel: Any, chart: HeatMap, low: float, high: float) -> Any:
    values = [[math.nan if value is None else value for value in row] for row in chart.values]
    image = panel.imshow(values, cmap=_MAP, vmin=low, vmax=high, aspect="auto")
    panel.set_title(chart.title)
    panel.set_xlabel(chart.horizontal)
    panel.set_xticks(range(len(chart.columns)), [_short(name) for name in chart.columns], fontsize=7)
    panel.set_yticks(range(len(chart.rows)), chart.rows, fontsize=7)
    for row, cells in enumerate(chart.values):
        for column, value in enumerate(cells):
            if value is None:
                continue
            dark = high > low and (value - low) / (high - low) < 0.5
            told = f"{value:.{chart.decimals}f}"
            panel.text(column, row, told, ha="center", va="center", fontsize=6, color="white" if dark else "black")
    return image


def _short(name: str) -> str:
    return "emb" if name == "embeddings" else name


def _whiskers(bars: Sequence[Bar]) -> list[list[float]] | None:
    if all(bar.low is None or bar.high is None for bar in bars):
        return None
    edges = [
        (bar.value if b is None else b, bar.value if h is None else h) for bar in bars for b, h in [(bar.low, bar.high)]
    ]
    below = [max(0.0, bar.value - low) for bar, (low, _) in zip(bars, edges, strict=True)]
    above = [max(0.0, high - bar.value) for bar, (_, high) in zip(bars, edges, strict=True)]
    return [below, above]


@contextmanager
def _figure(size: tuple[float, float]) -> Iterator[Any]:
    """A figure without matplotlib's global state, so that nothing depends on a display or on other charts."""
    require_matplotlib()
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({**_SETTINGS, "axes.titlesize": _SETTINGS["font.size"]}):
        yield Figure(figsize=size, layout="constrained")


def _save(figure: Any, stem: Path) -> tuple[Path, Path]:
    paths = stem.with_name(stem.name + ".png"), stem.with_name(stem.name + ".svg")
    for path, metadata in zip(paths, ({"Software": None}, {"Date": None}), strict=True):
        buffer = io.BytesIO()
        figure.savefig(buffer, format=path.suffix[1:], dpi=_DOTS, metadata=metadata)
        write_bytes(path, buffer.getvalue())
    return paths

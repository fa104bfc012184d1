"""Line and bar charts as inline SVG, drawn here: no library, no script, colours from the page's style sheet.

Charts are 440 units wide so that 12-unit text stays readable on a phone. A series has a colour class `s0`, `s1`, ...;
the page defines them for light and dark: the colour-blind-safe set of Okabe and Ito (2008), and a brown. Lines differ
by dash and marker as well, bars by hatching, so that nothing rests on colour alone.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape

from anyglot.reporting.elements import Bar, Bars, Curves, Line, printable

WIDTH = 440
SERIES = 7
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 14, 22, 40
_HEIGHT = 270
_BAR, _GAP, _GROUP_GAP = 13, 2, 11
_LETTER = 6.2  # a letter's width in text of 11 units, rather more than less
_POINTS_AT_MOST = 300
# Beyond this a value is a run gone wrong, and would press every other one flat.
_LARGEST = 1e12


def text(value: str) -> str:
    """Escape a text for HTML or SVG, in elements and in quoted attributes."""
    return escape(printable(value), quote=True)


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Return about `wanted` round values inside [low, high], at steps of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    rough = (high - low) / max(1, wanted)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((factor * power for factor in (1, 2, 5) if factor * power >= rough * 0.999), 10 * power)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def tick_label(value: float) -> str:
    """Write a tick's value shortly: 20k, 1.5M, 0.25."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'k' else size):g}{letter}"
    return f"{value:g}"


def thinned(points: Sequence[tuple[float, float]], at_most: int = _POINTS_AT_MOST) -> list[tuple[float, float]]:
    """Average neighbours so that at most `at_most` points remain; the ends of a long line keep their place."""
    if len(points) <= at_most:
        return list(points)
    kept = []
    for index in range(at_most):
        group = points[index * len(points) // at_most : (index + 1) * len(points) // at_most]
        kept.append((sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group)))
    return kept


def legend(names: Iterable[str], *, bars: bool) -> str:
    """Draw the legend as a list above the chart, so that it wraps where the page is narrow."""
    items = []
    for index, name in enumerate(names):
        mark = (
            f'<rect class="bar s{index % SERIES}" x="1" y="2" width="22" height="10" rx="2"/>'
            if bars
            else f'<line class="line s{index % SERIES}" x1="1" y1="7" x2="23" y2="7"/>{_marker(index, 12, 7)}'
        )
        items.append(f'<li><svg viewBox="0 0 24 14" aria-hidden="true">{mark}</svg>{text(name)}</li>')
    return f'<ul class="legend">{"".join(items)}</ul>'


def draw_curves(chart: Curves) -> str:
    """Draw a line chart with axis ticks, legend and stage boundaries."""
    lines = [Line(line.name, tuple(_finite(line.points)), line.dotted) for line in chart.lines]
    points = [point for line in lines for point in line.points]
    if not points:
        return '<p class="note">Nothing was measured yet.</p>'
    x_low, x_high = _span([x for x, _ in points] + [x for x, _ in chart.boundaries])
    y_low, y_high = _span([y for _, y in points], margin=0.05)
    right, bottom = WIDTH - _RIGHT, _HEIGHT - _BOTTOM

    def across(x: float) -> float:
        return _LEFT + (x - x_low) / (x_high - x_low) * (right - _LEFT)

    def up(y: float) -> float:
        return bottom - (y - y_low) / (y_high - y_low) * (bottom - _TOP)

    parts = []
    for value in ticks(y_low, y_high):
        y = up(value)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{tick_label(value)}</text>')
    for value in ticks(x_low, x_high):
        x = across(value)
        parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom + 4}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 17}" text-anchor="middle">{tick_label(value)}</text>')
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>')
    parts += _boundaries([(across(x), name) for x, name in chart.boundaries], bottom)
    parts += [_line(line, index, across, up) for index, line in enumerate(lines) if line.points]
    parts.append(
        f'<text class="label" x="{(_LEFT + right) / 2:.0f}" y="{_HEIGHT - 5}" text-anchor="middle">'
        f"{text(chart.horizontal)}</text>"
        f'<text class="label" x="{-(_TOP + bottom) / 2:.0f}" y="12" text-anchor="middle" transform="rotate(-90)">'
        f"{text(chart.vertical)}</text>"
    )
    return legend((line.name for line in lines), bars=False) + svg(_HEIGHT, chart.title, parts)


def draw_bars(chart: Bars) -> str:
    """Draw horizontal bars with intervals, grouped by label, from an axis at zero to either side."""
    if not chart.bars:
        return '<p class="note">Nothing was measured yet.</p>'
    groups: dict[str, list[Bar]] = {}
    present = {bar.series for bar in chart.bars}
    series = {name: place for place, name in enumerate(name for name in chart.order if name in present)}
    for bar in chart.bars:
        groups.setdefault(bar.label, []).append(bar)
        series.setdefault(bar.series, len(series))
    # The label column is as wide as its longest label needs, within limits.
    left = min(150, max(52, 14 + 7 * max(len(label) for label in groups)))
    right = WIDTH - 42
    edges = [_number(edge) for bar in chart.bars for edge in (bar.value, bar.low, bar.high)]
    lowest, highest = min(0.0, *edges), max(0.0, *edges)
    if lowest == highest:
        highest = 1.0
    scale = (right - left) / (highest - lowest)
    zero = left - lowest * scale
    heights = {label: len(bars) * (_BAR + _GAP) + _GROUP_GAP for label, bars in groups.items()}
    bottom = _TOP + sum(heights.values())
    parts = []
    for value in ticks(lowest, highest):
        x = zero + value * scale
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 6}" y2="{bottom}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 15}" text-anchor="middle">{tick_label(value)}</text>')
    y = float(_TOP)
    for label, bars in groups.items():
        middle = y + (heights[label] - _GROUP_GAP) / 2 + 4
        shown = label if len(label) <= 20 else label[:19] + "…"
        parts.append(f'<text class="name" x="{left - 8}" y="{middle:.1f}" text-anchor="end">{text(shown)}</text>')
        for bar in bars:
            parts.append(_bar(bar, series[bar.series], zero, y, scale, chart.decimals))
            y += _BAR + _GAP
        y += _GROUP_GAP
    parts.append(f'<line class="axis" x1="{zero:.1f}" x2="{zero:.1f}" y1="{_TOP - 6}" y2="{bottom}"/>')
    parts.append(
        f'<text class="label" x="{(left + right) / 2:.0f}" y="{bottom + 33}" text-anchor="middle">'
        f"{text(chart.unit)}</text>"
    )
    return legend(series, bars=True) + svg(bottom + 40, chart.title, parts)


def _bar(bar: Bar, series: int, zero: float, y: float, scale: float, decimals: int) -> str:
    value = _number(bar.value)
    width = max(1.0, abs(value) * scale)
    left = zero if value >= 0 else zero - width
    told = f"{bar.label}, {bar.series}: {value:.{decimals}f}"
    end, whisker = left + width, ""
    if bar.low is not None and bar.high is not None and bar.high > bar.low:
        low, high = (zero + _number(edge) * scale for edge in (bar.low, bar.high))
        middle = y + _BAR / 2
        told += f" (95 % interval {bar.low:.{decimals}f} to {bar.high:.{decimals}f})"
        end = max(end, high)
        whisker = (
            f'<path class="whisker" d="M{low:.1f} {middle:.1f}H{high:.1f}'
            f'M{low:.1f} {middle - 3:.1f}v6M{high:.1f} {middle - 3:.1f}v6"/>'
        )
    return (
        f'<g><title>{text(told)}</title><rect class="bar s{series % SERIES}" x="{left:.1f}" y="{y:.1f}" '
        f'width="{width:.1f}" height="{_BAR}" rx="2"/>{whisker}'
        f'<text class="value" x="{end + 5:.1f}" y="{y + _BAR - 2.5:.1f}">{value:.{decimals}f}</text></g>'
    )


def _line(line: Line, index: int, across: Callable[[float], float], up: Callable[[float], float]) -> str:
    points = list(line.points) if line.dotted else thinned(line.points)
    path = "M" + "L".join(f"{across(x):.1f} {up(y):.1f}" for x, y in points)
    marks = "".join(
        f"<g><title>{text(line.name)}: {y:.4g} at {tick_label(x)}</title>{_marker(index, across(x), up(y))}</g>"
        for x, y in (points if line.dotted or len(points) == 1 else [])
    )
    return f'<path class="line s{index % SERIES}" d="{path}"/>{marks}'


def _marker(index: int, x: float, y: float) -> str:
    name = f'class="mark s{index % SERIES}"'
    if index % 3 == 0:
        return f'<circle {name} cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
    if index % 3 == 1:
        return f'<rect {name} x="{x - 3:.1f}" y="{y - 3:.1f}" width="6" height="6"/>'
    return f'<path {name} d="M{x:.1f} {y - 4:.1f}l4 7h-8z"/>'


def _boundaries(places: Sequence[tuple[float, str]], bottom: int) -> Iterator[str]:
    """Lines with names above; a name that would run into the one before it stands below, within the chart."""
    free = -math.inf
    for x, name in sorted(places):
        anchor, shift = ("end", -4) if x > WIDTH * 0.75 else ("start", 4)
        length = len(name) * _LETTER
        begin = x + shift - (length if anchor == "end" else 0)
        y = _TOP - 9 if begin >= free else _TOP + 6
        free = max(free, begin + length)
        yield (
            f'<line class="boundary" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 8}" y2="{bottom}"/>'
            f'<text class="stage" x="{x + shift:.1f}" y="{y}" text-anchor="{anchor}">{text(name)}</text>'
        )


def svg(height: float, title: str, parts: Iterable[str]) -> str:
    """Put the parts of a drawing together, `WIDTH` units wide."""
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{text(title)}">'
        f"{''.join(parts)}</svg>"
    )


def _finite(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(x, y) for x, y in points if abs(x) <= _LARGEST and abs(y) <= _LARGEST]  # NaN is not <= either


def _number(value: float | None) -> float:
    return value if value is not None and math.isfinite(value) else 0.0


def _span(values: Sequence[float], margin: float = 0.0) -> tuple[float, float]:
    low, high = min(values), max(values)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        room = 0.5 + 1e-6 * abs(low)
        return low - room, high + room
    return low - margin * (high - low), high + margin * (high - low)

"""A map of numbers as colours, drawn as inline SVG like the charts of `drawing`.

A cell is the first series' colour, more opaque for a higher value, so that the map works on light and dark paper; its
exact value is the cell's title, and stands in the cell where there is room.
"""

from anyglot.reporting.elements import HeatMap
from anyglot.reporting.svg import WIDTH, svg, text, tick_label

_TOP, _BOTTOM, _RIGHT, _ROW = 8, 66, 8, 16
# Narrower cells cannot hold a number of 9 units' height.
_ROOM_FOR_NUMBER = 24
_ROOM_FOR_LABEL = 20
# Beyond three quarters a number in the cell would be hard to read.
_FAINTEST, _FULLEST = 0.04, 0.75
_SHADES = 8


def draw_map(chart: HeatMap) -> str:
    """Draw the cells, the names of rows and columns, and the scale below."""
    if not chart.rows or not chart.columns:
        return '<p class="note">Nothing was measured yet.</p>'
    left = min(150, max(30, 12 + 7 * max(map(len, chart.rows))))
    width = (WIDTH - _RIGHT - left) / len(chart.columns)
    bottom = _TOP + _ROW * len(chart.rows)
    parts = []
    for row, (name, values) in enumerate(zip(chart.rows, chart.values, strict=True)):
        y = _TOP + row * _ROW
        shown = name if len(name) <= 20 else name[:19] + "…"
        parts.append(f'<text class="name" x="{left - 6}" y="{y + 12}" text-anchor="end">{text(shown)}</text>')
        for column, value in enumerate(values):
            told = f"{name}, {chart.horizontal} {chart.columns[column]}"
            parts.append(_cell(chart, told, value, left + column * width, y, width))
    every = max(1, -(-_ROOM_FOR_LABEL // max(1, int(width))))
    for column in range(0, len(chart.columns), every):
        x = left + (column + 0.5) * width
        parts.append(f'<text x="{x:.1f}" y="{bottom + 14}" text-anchor="middle">{text(chart.columns[column])}</text>')
    middle = (left + WIDTH - _RIGHT) / 2
    parts.append(
        f'<text class="label" x="{middle:.0f}" y="{bottom + 30}" text-anchor="middle">{text(chart.horizontal)}</text>'
    )
    parts += _scale(chart, left, bottom + 42)
    return svg(bottom + _BOTTOM, chart.title, parts)


def opacity(value: float, low: float, high: float) -> float:
    """Return how opaque a cell of this value is: faint at `low` and below, three quarters at `high` and above."""
    share = (value - low) / (high - low) if high > low else 1.0
    return round(_FAINTEST + (_FULLEST - _FAINTEST) * min(1.0, max(0.0, share)), 3)


def _cell(chart: HeatMap, told: str, value: float | None, x: float, y: int, width: float) -> str:
    place = f'x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_ROW}"'
    if value is None:
        return f'<g><title>{text(told)}: –</title><rect class="cell none" {place}/></g>'
    figure, number = f"{value:.{chart.decimals}f}", ""
    if width >= _ROOM_FOR_NUMBER:
        number = f'<text class="value" x="{x + width / 2:.1f}" y="{y + 12}" text-anchor="middle">{figure}</text>'
    shade = opacity(value, chart.low, chart.high)
    return f'<g><title>{text(told)}: {figure}</title><rect class="cell" {place} fill-opacity="{shade}"/>{number}</g>'


def _scale(chart: HeatMap, left: float, y: int) -> list[str]:
    step = 14
    parts = [f'<text x="{left}" y="{y + 11}">{tick_label(round(chart.low, 2))}</text>']
    start = left + 34
    for shade in range(_SHADES):
        value = chart.low + (chart.high - chart.low) * shade / (_SHADES - 1)
        parts.append(
            f'<rect class="cell" x="{start + shade * step:.1f}" y="{y}" width="{step}" height="14" '
            f'fill-opacity="{opacity(value, chart.low, chart.high)}"/>'
        )
    parts.append(f'<text x="{start + _SHADES * step + 6}" y="{y + 11}">{tick_label(round(chart.high, 2))}</text>')
    return parts

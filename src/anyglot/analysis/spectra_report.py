"""Spectra as a report: tables like Ji et al.'s 2 and 5, spectrum curves, maps and bars of distances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anyglot.analysis.spectra import Comparison, Gains, ModelSpectra
from anyglot.analysis.weights import MATRICES, Side
from anyglot.reporting.elements import Bar, Bars, Cell, Curves, HeatMap, Line, Report, Table
from anyglot.reporting.publishing import Panels

SIDES: tuple[Side, ...] = ("encoder", "decoder")
_ATTENTION = MATRICES[:4]
_POINTS = 128


def build_spectra_report(
    base: ModelSpectra, comparisons: Sequence[Comparison], facts: Mapping[str, str]
) -> tuple[Report, list[Panels]]:
    """Put the report together; `comparisons` are of all models but the base, with it."""
    models = [base, *(each.model for each in comparisons)]
    tables, maps, curves, bars = list[Table](), list[HeatMap](), list[Curves](), list[Bars]()
    sides = [side for side in SIDES if any(place.side == side for model in models for place in model.spectra)]
    for side in sides:
        tables += [last_layer_table(base, comparisons, side), layer_table(base, comparisons, side)]
    tables += [shape_table(models, sides), gains_table(models, sides)]
    highest = max((d for each in comparisons for d in _distances(each)), default=0.0)
    for side in sides:
        curves += spectrum_curves(models, side)
        bars.append(distance_bars(comparisons, side))
        maps += [distance_map(each, side, highest) for each in comparisons]
    kept = [chart for chart in bars if chart.bars]
    kept_maps = [chart for chart in maps if chart.columns]
    report = Report(
        title=f"Singular values of {', '.join(model.label for model in models)}",
        summary=tuple(summary_of(base, comparisons)),
        tables=tuple(table for table in tables if table.rows),
        bars=tuple(kept),
        curves=tuple(curves),
        curves_title="Spectra of the last layer",
        maps=tuple(kept_maps),
        facts=facts,
    )
    panels = [Panels("distances-by-layer", kept_maps, "matrix")]
    panels += [Panels(f"spectra-{side}", [c for c in curves if c.title.startswith(side)]) for side in sides]
    return report, panels


def summary_of(base: ModelSpectra, comparisons: Sequence[Comparison]) -> list[str]:
    """One sentence a model: how many norms grew, how far spectra moved; and what could not be compared."""
    told = []
    for each in comparisons:
        pairs = [change for change in each.changes.values() if change.base is not None]
        if not pairs:
            told.append(f"{each.model.label} has no matrix that could be compared with {base.label}.")
        else:
            grown = sum(change.own.norm > change.base.norm for change in pairs if change.base is not None)
            ratio = sum(c.own.norm / c.base.norm for c in pairs if c.base is not None and c.base.norm > 0) / len(pairs)
            line = (
                f"{each.model.label}: the norm ‖σ‖ is larger than in {base.label} in {grown} of {len(pairs)} matrices, "
                f"the mean ratio {ratio:.3f}"
            )
            distances = _distances(each)
            told.append(line + (f"; mean d {sum(distances) / len(distances):.2f}." if distances else "."))
            if distances and not any(distances):
                told.append(f"{each.model.label} and {base.label} have the same singular values: are they one model?")
        told += [f"{remark}." for remark in each.remarks]
    if not comparisons and base.missing:
        told.append(f"{base.label} lacks {', '.join(base.missing)}: only the matrices in its other files were read.")
    return told


def last_layer_table(base: ModelSpectra, comparisons: Sequence[Comparison], side: Side) -> Table:
    """The paper's table 2: norm and d of every matrix of the last layer, a model a row."""
    columns = _columns(base, comparisons, side)
    layer = max((place.layer for place in base.spectra if place.side == side), default=-1)
    rows: list[tuple[Cell, ...]] = []
    if layer >= 0:
        rows = [(base.label, *_base_cells(base, side, layer, columns))]
        rows += [
            (each.model.label, *_cells(each, side, layer, columns))
            for each in comparisons
            if _has(each.model, side, layer)
        ]
    return Table(
        f"Last layer of the {side} (layer {layer})", ("Model", *_headings(columns)), tuple(rows), _note(base), 2
    )


def layer_table(base: ModelSpectra, comparisons: Sequence[Comparison], side: Side) -> Table:
    """The paper's table 5: the same for every layer."""
    columns = _columns(base, comparisons, side)
    models = [base, *(each.model for each in comparisons)]
    layers = sorted({place.layer for model in models for place in model.spectra if place.side == side})
    rows: list[tuple[Cell, ...]] = []
    for layer in layers:
        if _has(base, side, layer):
            rows.append((str(layer), base.label, *_base_cells(base, side, layer, columns)))
        rows += [
            (str(layer), each.model.label, *_cells(each, side, layer, columns))
            for each in comparisons
            if _has(each.model, side, layer)
        ]
    return Table(f"Every layer of the {side}", ("Layer", "Model", *_headings(columns)), tuple(rows), _note(base), 2)


def shape_table(models: Sequence[ModelSpectra], sides: Sequence[Side]) -> Table:
    """Spectral norm and stable rank of every matrix, the mean over layers."""
    columns = [*MATRICES, *(f"cross {name}" for name in _ATTENTION)]
    rows: list[tuple[Cell, ...]] = []
    for side in sides:
        for model in models:
            for what in ("spectral", "stable_rank"):
                cells = [_mean_of(model, side, column, what) for column in columns]
                if any(cell is not None for cell in cells):
                    rows.append(
                        (side, model.label, what.replace("_", " ").replace("spectral", "spectral norm"), *cells)
                    )
    note = "Means over layers. The spectral norm is the largest singular value; stable rank is (‖σ‖ / largest)²."
    return Table("Spectral norm and stable rank", ("Side", "Model", "What", *columns), tuple(rows), note, 2)


def gains_table(models: Sequence[ModelSpectra], sides: Sequence[Side]) -> Table:
    """Gains of the layer norms: they rescale what a matrix reads, so a norm of Q or K alone says little."""
    parts = ("embeddings", "self", "cross", "feedforward", "final")
    rows: list[tuple[Cell, ...]] = []
    for side in sides:
        for model in models:
            found = {part: [g for place, g in model.gains.items() if (place.side, place.part) == (side, part)]
                     for part in parts}  # fmt: skip
            if any(found.values()):
                rows.append((side, model.label, *(_mean_gain(found[part]) for part in parts)))
    note = "Root mean square of a norm's gains, the mean over layers: 1 in a fresh layer norm."
    return Table("Gains of layer norms", ("Side", "Model", *parts), tuple(rows), note, 3)


def distance_map(found: Comparison, side: Side, highest: float) -> HeatMap:
    """d by matrix and layer; all maps of a report have one scale."""
    places = [place for place, change in found.changes.items() if place.side == side and change.distance is not None]
    layers = sorted({place.layer for place in places})
    names = [name for name in _order() if any(place.column == name for place in places)]
    by_place = {(place.column, place.layer): found.changes[place].distance for place in places}
    values = tuple(tuple(by_place.get((name, layer)) for layer in layers) for name in names)
    title = f"d of {found.model.label} to {found.base}, {side}"
    return HeatMap(title, "layer", tuple(map(str, layers)), tuple(names), values, 0.0, highest, decimals=2)


def distance_bars(comparisons: Sequence[Comparison], side: Side) -> Bars:
    """Mean d over layers, by matrix and model."""
    bars = []
    for name in _order():
        for each in comparisons:
            found = [
                change.distance
                for place, change in each.changes.items()
                if (place.side, place.column) == (side, name) and change.distance is not None
            ]
            if found:
                bars.append(Bar(name, each.model.label, sum(found) / len(found)))
    base = comparisons[0].base if comparisons else ""
    return Bars(f"Distance of spectra, {side}", f"d to {base}, mean over layers", tuple(bars), order=(), decimals=2)


def spectrum_curves(models: Sequence[ModelSpectra], side: Side) -> list[Curves]:
    """Singular values of the last layer, largest first, a line for each model."""
    charts = []
    last = max((place.layer for model in models for place in model.spectra if place.side == side), default=-1)
    for name in _order():
        lines = []
        for model in models:
            for place, spectrum in model.spectra.items():
                if (place.side, place.layer, place.column) == (side, last, name) and spectrum.values is not None:
                    # Ranks count from 1; the last one is always drawn.
                    count = len(spectrum.values)
                    ranks = {*range(0, count, max(1, count // _POINTS)), count - 1}
                    points = tuple((rank + 1.0, float(spectrum.values[rank])) for rank in sorted(ranks))
                    lines.append(Line(model.label, points))
        if lines:
            charts.append(Curves(f"{side} layer {last}, {name}", "rank", "singular value", tuple(lines)))
    return charts


def _order() -> tuple[str, ...]:
    return (*MATRICES, *(f"cross {name}" for name in _ATTENTION))


def _has(model: ModelSpectra, side: Side, layer: int) -> bool:
    return any((place.side, place.layer) == (side, layer) for place in model.spectra)


def _columns(base: ModelSpectra, comparisons: Sequence[Comparison], side: Side) -> list[str]:
    present = {
        place.column
        for model in (base, *(each.model for each in comparisons))
        for place in model.spectra
        if place.side == side
    }
    return [name for name in _order() if name in present]


def _headings(columns: Sequence[str]) -> tuple[str, ...]:
    return tuple(heading for name in columns for heading in (f"{name} ‖σ‖", f"{name} d"))


def _base_cells(base: ModelSpectra, side: Side, layer: int, columns: Sequence[str]) -> tuple[Cell, ...]:
    found = {
        place.column: each.norm for place, each in base.spectra.items() if (place.side, place.layer) == (side, layer)
    }
    return tuple(cell for name in columns for cell in (found.get(name), None))


def _cells(each: Comparison, side: Side, layer: int, columns: Sequence[str]) -> tuple[Cell, ...]:
    found = {
        place.column: change for place, change in each.changes.items() if (place.side, place.layer) == (side, layer)
    }
    return tuple(
        cell
        for name in columns
        for cell in ((found[name].own.norm, found[name].distance) if name in found else (None, None))
    )


def _mean_of(model: ModelSpectra, side: Side, column: str, what: str) -> float | None:
    values = [
        value
        for place, spectrum in model.spectra.items()
        if (place.side, place.column) == (side, column) and (value := getattr(spectrum, what)) is not None
    ]
    return sum(values) / len(values) if values else None


def _mean_gain(gains: Sequence[Gains]) -> float | None:
    return sum(each.root_mean_square for each in gains) / len(gains) if gains else None


def _distances(each: Comparison) -> list[float]:
    return [change.distance for change in each.changes.values() if change.distance is not None]


def _note(base: ModelSpectra) -> str:
    return f"‖σ‖: norm of the singular values (the Frobenius norm). d: distance of the sorted values to {base.label}'s."

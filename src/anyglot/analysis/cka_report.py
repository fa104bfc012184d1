"""CKA as a report: maps like Ji et al.'s figures 1 and 2, curves with their control, tables with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from anyglot.analysis.similarity import LayerGrid, LayerSimilarities, Similarity
from anyglot.reporting.elements import Cell, Curves, HeatMap, Line, Report, Table
from anyglot.reporting.publishing import Panels

DECIMALS = 3


def build_cka_report(
    models: Sequence[LayerSimilarities],
    languages: Sequence[LayerSimilarities],
    grids: Sequence[LayerGrid],
    facts: Mapping[str, str],
) -> tuple[Report, list[Panels]]:
    """Put the report together.

    Args:
        models: Comparisons of two models (figure 1).
        languages: Comparisons of the languages of one (figure 2).
        grids: Every layer against every layer.
    """
    both = (*models, *languages)
    tables = [value_table(each) for each in both] + [detail_table(each) for each in both]
    figure_1, figure_2 = [similarity_map(each) for each in models], [similarity_map(each) for each in languages]
    every = [grid_map(each) for each in grids]
    curves = [control_curves(each) for each in both]
    report = Report(
        title=f"Similarity of states: {', '.join(each.title for each in both)}",
        summary=tuple(line for each in both for line in summary_of(each)),
        tables=tuple(tables),
        curves=tuple(curves),
        curves_title="CKA by layer, beside its control",
        maps=(*figure_1, *figure_2, *every),
        facts=facts,
    )
    panels = [
        Panels("cka-between-models", figure_1, "language"),
        Panels("cka-between-languages", figure_2, "languages"),
        Panels("cka-every-layer", every, "layer"),
        Panels("cka-by-layer", curves),
    ]
    return report, panels


def summary_of(found: LayerSimilarities) -> list[str]:
    """What came out, in a sentence, and what is to be known about it."""
    means = [(layer, mean) for layer, mean in zip(found.layers, found.means(), strict=True) if mean is not None]
    if not means:
        return [f"{found.title}: no layer varies, so there is no CKA.", *found.remarks]
    lowest, highest = min(means, key=lambda each: each[1]), max(means, key=lambda each: each[1])
    control = [abs(each.shuffled) for row in found.values.values() for each in row if each.shuffled is not None]
    told = (
        f"{found.title}: unbiased CKA is {means[-1][1]:.2f} at the last layer, the mean over "
        f"{len(found.values)} {'pairs' if '–' in next(iter(found.values)) else 'languages'} and {found.sentences:,} "
        f"sentences; lowest at layer {lowest[0]} ({lowest[1]:.2f}), highest at {highest[0]} ({highest[1]:.2f})."
    )
    if control:
        told += f" With sentences shuffled it is at most {max(control):.2f} from 0."
    return [told, *(f"{remark}." for remark in found.remarks)]


def value_table(found: LayerSimilarities) -> Table:
    """Unbiased CKA by layer (rows) and language or pair of languages (columns)."""
    rows: list[tuple[Cell, ...]] = [
        (name, *(row[layer].value for row in found.values.values()), found.means()[layer])
        for layer, name in enumerate(found.layers)
    ]
    note = f"Unbiased linear CKA of {found.sentences:,} sentences ({found.estimator})."
    return Table(f"CKA, {found.title}", ("Layer", *found.values, "Mean"), tuple(rows), note, DECIMALS)


def detail_table(found: LayerSimilarities) -> Table:
    """Every value with its interval, the paper's biased form, and both on shuffled rows."""
    columns = ("What", "Layer", "Unbiased", "Low", "High", "Biased", "Shuffled", "Shuffled, biased")
    rows: list[tuple[Cell, ...]] = []
    for row, values in found.values.items():
        for layer, each in zip(found.layers, values, strict=True):
            rows.append((row, layer, each.value, each.low, each.high, each.biased, each.shuffled, each.shuffled_biased))
    note = (
        "Low and High: 95 % of bootstrap resamples of sentences. Biased: the formula of Ji et al. (2024) with columns "
        "centered. Shuffled: the same estimates when the sentences of one side are in another order."
    )
    return Table(f"Intervals and controls, {found.title}", columns, tuple(rows), note, DECIMALS)


def similarity_map(found: LayerSimilarities) -> HeatMap:
    """Unbiased CKA as colours; all maps go from 0 to 1."""
    values = tuple(tuple(each.value for each in row) for row in found.values.values())
    columns = tuple("emb" if layer == "embeddings" else layer for layer in found.layers)
    return HeatMap(found.title, "layer", columns, tuple(found.values), values, 0.0, 1.0, decimals=2)


def grid_map(grid: LayerGrid) -> HeatMap:
    """Every layer against every layer, from 0 to 1."""
    return HeatMap(grid.title, "layer", grid.columns, grid.rows, grid.values, 0.0, 1.0, decimals=2)


def control_curves(found: LayerSimilarities) -> Curves:
    """Means over rows by layer: both estimators, and both on shuffled rows. The embeddings stand at -1."""
    picks: dict[str, Callable[[Similarity], float | None]] = {
        "unbiased": lambda each: each.value,
        "biased": lambda each: each.biased,
        "unbiased, shuffled": lambda each: each.shuffled,
        "biased, shuffled": lambda each: each.shuffled_biased,
    }
    lines = []
    for name, pick in picks.items():
        points = []
        for layer in range(len(found.layers)):
            known = [value for row in found.values.values() if (value := pick(row[layer])) is not None]
            if known:
                points.append((layer - 1.0, sum(known) / len(known)))
        lines.append(Line(name, tuple(points), dotted=True))
    return Curves(found.title, "layer (-1: embeddings)", "CKA", tuple(line for line in lines if line.points))

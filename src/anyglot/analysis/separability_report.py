"""Separability as a report: shares and probes by layer, and how they go with transfer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anyglot.analysis.correlation import Correlation, TransferScore, by_language, by_model, correlate
from anyglot.analysis.separability import ModelSeparability
from anyglot.analysis.similarity import LayerSimilarities
from anyglot.reporting.elements import Bar, Bars, Cell, Curves, HeatMap, Line, Report, Table
from anyglot.reporting.publishing import Panels


def build_separability_report(
    models: Sequence[ModelSeparability],
    languages: Mapping[str, LayerSimilarities],
    scores: tuple[TransferScore, ...],
    facts: Mapping[str, str],
    *,
    pivot: str = "en",
    seed: int = 1,
) -> tuple[Report, list[Panels]]:
    """Put the report together.

    Args:
        languages: By model, CKA between its languages; may be empty.
        scores: Of transfer; may be empty.
        pivot: The language that was trained on: its scores are no transfer, and languages are compared with it.
    """
    tables = [share_table(models), probe_table(models)]
    if scores:
        tables.append(correlation_table(models, languages, scores, pivot=pivot, seed=seed))
    curves = [share_curves(models), probe_curves(models)]
    maps = [share_map(models)]
    report = Report(
        title=f"Separability of languages: {', '.join(each.label for each in models)}",
        summary=tuple(line for each in models for line in summary_of(each)),
        tables=tuple(tables),
        bars=(last_layer_bars(models),),
        curves=tuple(curves),
        curves_title="By layer",
        maps=tuple(maps),
        facts=facts,
    )
    return report, [Panels("separability-by-layer", curves), Panels("share-of-variance", maps, "model")]


def summary_of(each: ModelSeparability) -> list[str]:
    """What came out for a model, in a sentence."""
    last = each.values[-1]
    share = "no variance" if last.variance is None else f"{100 * last.variance.language:.1f} % of the variance"
    told = (
        f"{each.label}: at the last layer {share} is between languages, and a linear probe tells the "
        f"{len(each.languages)} languages apart in {last.accuracy:.1f} % (chance {each.chance:.1f} %, shuffled "
        f"languages {last.control:.1f} %; {each.sentences:,} sentences of each)."
    )
    return [told, *(f"{remark}." for remark in each.remarks)]


def share_table(models: Sequence[ModelSeparability]) -> Table:
    """Shares of variance, per cent, with interval and control."""
    columns = ("Model", "Layer", "Language", "Low", "High", "Shuffled", "Meaning", "Between / within")
    rows: list[tuple[Cell, ...]] = []
    for model in models:
        for layer, each in zip(model.layers, model.values, strict=True):
            known = each.variance
            rows.append(
                (
                    model.label,
                    layer,
                    None if known is None else 100 * known.language,
                    _hundred(each.low),
                    _hundred(each.high),
                    _hundred(each.shuffled),
                    None if known is None else 100 * known.meaning,
                    None if known is None else known.over_within,
                )
            )
    note = (
        "Per cent of the variance of centered states that is between languages' means, and between sentences' means "
        "over languages. Low and High: 95 % of bootstrap resamples of sentences. Shuffled: states dealt to languages "
        "anew."
    )
    return Table("Variance between languages", columns, tuple(rows), note, 2)


def probe_table(models: Sequence[ModelSeparability]) -> Table:
    """Accuracy of the probe, per cent, with interval and control."""
    columns = ("Model", "Layer", "Accuracy", "Low", "High", "Shuffled", "Chance", "States")
    rows: list[tuple[Cell, ...]] = []
    for model in models:
        for layer, each in zip(model.layers, model.values, strict=True):
            rows.append(
                (
                    model.label,
                    layer,
                    each.accuracy,
                    each.accuracy_low,
                    each.accuracy_high,
                    each.control,
                    model.chance,
                    model.sentences * len(model.languages),
                )
            )
    note = (
        "A ridge classifier of the language, cross-validated over sentences. Shuffled: trained on shuffled languages."
    )
    return Table("Linear probe of the language", columns, tuple(rows), note)


def correlation_table(
    models: Sequence[ModelSeparability],
    languages: Mapping[str, LayerSimilarities],
    scores: tuple[TransferScore, ...],
    *,
    pivot: str,
    seed: int,
) -> Table:
    """Spearman's rho of what was measured with transfer: over models, and over models' languages."""
    columns = ("Measure", "Points", "rho", "p", "n")
    mean_scores, fine_scores = by_model(scores, without=pivot), by_language(scores, without=pivot)
    rows: list[tuple[Cell, ...]] = []
    for name, values in _measures(models, languages).items():
        rows.append(_row(name, "models", correlate(values, mean_scores, seed=seed)))
    if fine_scores:
        for name, pairs in _pair_measures(languages, pivot).items():
            rows.append(_row(name, "models' languages", correlate(pairs, fine_scores, seed=seed)))
    note = (
        f"Scores are means over languages without {pivot}. p: two-sided, by permutation, exact up to 8 points; several "
        "measures are tried here, so a p near 0.05 proves nothing. Languages of one model are not independent points."
    )
    return Table("Does it go with transfer?", columns, tuple(rows), note, 3)


def share_curves(models: Sequence[ModelSeparability]) -> Curves:
    """The language's share of variance by layer."""
    lines = [_line(model.label, [_hundred(share) for share in model.shares()]) for model in models]
    return Curves("Variance between languages", "layer (-1: embeddings)", "per cent", tuple(lines))


def probe_curves(models: Sequence[ModelSeparability]) -> Curves:
    """The probe's accuracy by layer, and that of the first model's control."""
    lines = [_line(model.label, [each.accuracy for each in model.values]) for model in models]
    lines.append(_line("shuffled languages", [each.control for each in models[0].values]))
    return Curves("Linear probe of the language", "layer (-1: embeddings)", "accuracy (%)", tuple(lines))


def share_map(models: Sequence[ModelSeparability]) -> HeatMap:
    """The language's share of variance by model and layer."""
    layers = max((model.layers for model in models), key=len)
    values = tuple(
        tuple(_hundred(share) for share in (*model.shares(), *[None] * (len(layers) - len(model.layers))))
        for model in models
    )
    columns = tuple("emb" if layer == "embeddings" else layer for layer in layers)
    highest = max((value for row in values for value in row if value is not None), default=1.0)
    title = "Variance between languages (per cent)"
    return HeatMap(title, "layer", columns, tuple(model.label for model in models), values, 0.0, highest)


def last_layer_bars(models: Sequence[ModelSeparability]) -> Bars:
    """The language's share of variance at the last layer, with its interval."""
    bars = []
    for model in models:
        each = model.values[-1]
        if each.variance is not None:
            low, high = _hundred(each.low), _hundred(each.high)
            bars.append(Bar(model.label, "languages", 100 * each.variance.language, low, high))
            if each.shuffled is not None:
                bars.append(Bar(model.label, "shuffled languages", 100 * each.shuffled))
    unit = "per cent of variance between languages"
    return Bars("Separability at the last layer", unit, tuple(bars), order=())


def _measures(
    models: Sequence[ModelSeparability], languages: Mapping[str, LayerSimilarities]
) -> dict[str, dict[str, float]]:
    """By name of a measure: model -> value."""
    found: dict[str, dict[str, float]] = {
        "variance between languages, last layer": {},
        "variance between languages, mean over layers": {},
        "probe accuracy, last layer": {},
        "CKA between languages, last layer": {},
        "CKA between languages, mean over layers": {},
    }
    for model in models:
        shares = [share for share in model.shares() if share is not None]
        if shares:
            found["variance between languages, last layer"][model.label] = shares[-1]
            found["variance between languages, mean over layers"][model.label] = sum(shares) / len(shares)
        found["probe accuracy, last layer"][model.label] = model.values[-1].accuracy
        if model.label in languages:
            means = [mean for mean in languages[model.label].means() if mean is not None]
            if means:
                found["CKA between languages, last layer"][model.label] = means[-1]
                found["CKA between languages, mean over layers"][model.label] = sum(means) / len(means)
    return {name: values for name, values in found.items() if values}


def _pair_measures(languages: Mapping[str, LayerSimilarities], pivot: str) -> dict[str, dict[tuple[str, str], float]]:
    """By name of a measure: (model, language) -> CKA of the language with the pivot."""
    last: dict[tuple[str, str], float] = {}
    mean: dict[tuple[str, str], float] = {}
    for model, found in languages.items():
        for pair, row in found.values.items():
            codes = pair.split("–")
            values = [each.value for each in row if each.value is not None]
            if pivot in codes and values:
                other = codes[1 - codes.index(pivot)]
                last[model, other], mean[model, other] = values[-1], sum(values) / len(values)
    names = f"CKA with {pivot}, last layer", f"CKA with {pivot}, mean over layers"
    return {name: values for name, values in zip(names, (last, mean), strict=True) if values}


def _row(name: str, points: str, found: Correlation) -> tuple[Cell, ...]:
    return name, points, found.rho, found.p, found.points


def _line(name: str, values: Sequence[float | None]) -> Line:
    points = ((layer - 1.0, value) for layer, value in enumerate(values) if value is not None)
    return Line(name, tuple(points), dotted=True)


def _hundred(share: float | None) -> float | None:
    return None if share is None else 100 * share

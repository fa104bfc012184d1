"""Tatoeba's scores as a report: tables with intervals and signatures, curves over layers, maps of layer by language."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anyglot.evaluation.retrieval.protocol import TATOEBA_PRESETS, Direction
from anyglot.evaluation.retrieval.sweep import LanguageResult, ModelResult, in_common, never_read, shared_languages
from anyglot.evaluation.translation.breakdown import mean_score
from anyglot.reporting.elements import Cell, Curves, HeatMap, Line, Report, Table
from anyglot.stats.scores import SEED, Score, Statistics, mean_statistics
from anyglot.stats.significance import compare

ARROWS: dict[Direction, str] = {"from-english": "en→xx", "to-english": "xx→en"}
TUNED = "layer chosen on half of the pairs, scored on the others"
ALL = "all pairs"


def statistics_of(
    model: ModelResult, result: LanguageResult, layer: int, direction: Direction | None, seed: int, *, halved: bool
) -> Statistics:
    """Return accuracy's sufficient statistics on one language: of a direction, or of the mean of the directions.

    Args:
        model: Whose protocol signs.
        result: The language.
        layer: Scored.
        direction: None for the mean of all directions asked.
        seed: Of the halves.
        halved: Of the half that no layer was chosen on only.
    """
    values = result.values(layer, ~result.tuning if halved else None)
    rows = np.mean(list(values.values()), axis=0) if direction is None else values[direction]
    further = {"ways": "+".join(model.protocol.directions) if direction is None else direction}
    if halved:
        further["tuned"] = f"half-1(seed-{seed})"
        further["pairs"] = "half-2"
    else:
        further["pairs"] = "all"
    signature = model.protocol.signature(layer=layer, **further)

    def sign(resamples: int, drawn: int | None) -> str:
        return f"{signature}|bs:{resamples}|seed:{drawn}" if resamples else signature

    return mean_statistics("accuracy", rows.tolist(), sign)


def build_report(results: Sequence[ModelResult], *, seed: int, resamples: int, facts: Mapping[str, str]) -> Report:
    """Put the report of one or more models together; differences are to the first of them.

    Args:
        results: By model. A language that one of them cannot be told is a hole in its row, and in no mean.
        seed: Of the halves.
        resamples: Of the bootstrap; 0 leaves intervals and comparisons out.
        facts: Settings and provenance.
    """
    every = tuple(dict.fromkeys(code for model in results for code in model.languages))
    codes, whole = shared_languages(results), results
    results = in_common(whole)
    tables = [score_table(results, seed, resamples), language_table(whole, every, seed, resamples)]
    if len(results) > 1 and resamples:
        tables += [difference_table(results[0], other, codes, seed, resamples) for other in results[1:]]
    if any(len(model.layers) > 1 for model in results):
        tables.append(layer_table(results))
    return Report(
        title=f"Tatoeba retrieval: {', '.join(model.label for model in results)}",
        summary=tuple(_summary(results, codes)),
        tables=tuple(tables),
        curves=tuple(_curves(results)),
        curves_title="Accuracy by layer",
        maps=tuple(_maps(results)),
        facts=facts,
    )


def score_table(results: Sequence[ModelResult], seed: int, resamples: int) -> Table:
    """The models' mean accuracies over languages: at the layer chosen, at each preset's, and at the best one."""
    ways = results[0].protocol.directions
    columns = ("Model", "Layer", "How", *(ARROWS[way] for way in ways), *(("Mean",) if len(ways) > 1 else ()))
    rows: list[tuple[Cell, ...]] = []
    for model in results:
        for layer, how, halved in _layers_told(model):
            scores = [
                mean_over_languages(model, layer, way, seed, resamples, halved=halved)
                for way in (*ways, *((None,) if len(ways) > 1 else ()))
            ]
            rows.append((model.label, f"{layer} of {model.depth}", how, *scores))
    note = (
        f"Per cent of sentences whose nearest sentence on the other side is their translation: the mean over "
        f"{len(results[0].languages)} languages, each counting alike. Layers are counted from 0. In brackets: 95 % "
        "bootstrap intervals. Only rows of one kind can be compared: a layer chosen on the scored pairs is too good."
    )
    return Table("Scores", columns, tuple(rows), note)


def mean_over_languages(
    model: ModelResult, layer: int, direction: Direction | None, seed: int, resamples: int, *, halved: bool
) -> Score:
    """Score the mean over languages, each counting alike."""
    parts = [
        statistics_of(model, result, layer, direction, seed, halved=halved)
        for result in model.languages.values()
        if not halved or not result.tuning.all()
    ]
    return mean_score(parts, resamples=resamples, seed=SEED)


def language_table(results: Sequence[ModelResult], codes: Sequence[str], seed: int, resamples: int) -> Table:
    """Each language at each model's layer."""
    ways = results[0].protocol.directions
    several = len(results) > 1
    layers = [_headline(model) for model in in_common(results)]
    columns = ["Language", "Sentences"]
    for model in results:
        columns += [f"{model.label} {ARROWS[way]}" if several else ARROWS[way] for way in ways]
    rows = []
    for code in codes:
        cells: list[Cell] = [code, 0]
        for model, (layer, halved) in zip(results, layers, strict=True):
            result = model.languages.get(code)
            if result is None or (halved and result.tuning.all()):
                cells += [None] * len(ways)
                continue
            for way in ways:
                counted = statistics_of(model, result, layer, way, seed, halved=halved)
                score = mean_score([counted], resamples=resamples, seed=SEED)
                cells.append(score)
                cells[1] = score.sentences
        unread = [model.label for model in results if code in never_read([model]).get(model.label, ())]
        cells[0] = code + (f" (never read by {', '.join(unread)})" if unread else "")
        rows.append(tuple(cells))
    told = "; ".join(f"{model.label}: layer {layer}" for model, (layer, _) in zip(results, layers, strict=True))
    note = f"{TUNED if layers[0][1] else ALL} ({told})."
    return Table("By language", tuple(columns), tuple(rows), note[0].upper() + note[1:])


def difference_table(
    baseline: ModelResult, model: ModelResult, codes: Sequence[str], seed: int, resamples: int
) -> Table:
    """A model against the first one on the same sentences, each at its own layer."""
    (own_layer, halved), (other_layer, _) = _headline(model), _headline(baseline)
    pairs = [
        (
            code,
            statistics_of(model, model.languages[code], own_layer, None, seed, halved=halved),
            statistics_of(baseline, baseline.languages[code], other_layer, None, seed, halved=halved),
        )
        for code in codes
        if not halved or not model.languages[code].tuning.all()
    ]
    pairs.append(("all sentences", _pooled([own for _, own, _ in pairs]), _pooled([other for *_, other in pairs])))
    rows = []
    for name, own, other in pairs:
        found = compare(own, other, resamples=resamples, seed=SEED)
        sentences = len(own.sums_per_sentence)
        rows.append((name, sentences, found, f"{found.p_bootstrap:.4f}", f"{found.p_randomisation:.4f}"))
    note = (
        f"Mean of the directions; {TUNED if halved else ALL}. Paired over sentences: bootstrap (Koehn, 2004) and "
        "approximate randomisation (Riezler and Maxwell, 2005). In the last row every sentence counts alike."
    )
    columns = ("Language", "Sentences", "Difference", "p bootstrap", "p randomisation")
    return Table(f"{model.label} minus {baseline.label}", columns, tuple(rows), note)


def _pooled(parts: Sequence[Statistics]) -> Statistics:
    values = np.concatenate([part.sums_per_sentence[:, 0] for part in parts])
    return mean_statistics(parts[0].name, values.tolist(), parts[0].sign)


def layer_table(results: Sequence[ModelResult]) -> Table:
    """Mean accuracy over languages and directions at every layer."""
    deepest = max(max(model.layers) for model in results)
    rows = []
    for layer in range(deepest + 1):
        cells = [
            float(model.mean_accuracies()[model.layers.index(layer)]) if layer in model.layers else None
            for model in results
        ]
        rows.append((str(layer), *cells))
    note = "Mean over languages and directions, all pairs."
    return Table("Every layer", ("Layer", *(model.label for model in results)), tuple(rows), note)


def scores_data(results: Sequence[ModelResult]) -> dict[str, Any]:
    """Return every accuracy as JSON data: by model, language and direction, at each layer, of all pairs and halves."""
    return {
        model.label: {
            "layers": list(model.layers),
            "depth": model.depth,
            "languages": {
                code: {
                    "sentences": len(result.tuning),
                    "read": result.read,
                    **{
                        way: {
                            "all": result.accuracies(way).tolist(),
                            **_halves(result, way),
                        }
                        for way in result.right
                    },
                }
                for code, result in model.languages.items()
            },
        }
        for model in results
    }


def _halves(result: LanguageResult, way: Direction) -> dict[str, list[float]]:
    halves: dict[str, NDArray[np.bool_]] = {"half 1": result.tuning, "half 2": ~result.tuning}
    return {name: result.accuracies(way, rows).tolist() for name, rows in halves.items() if rows.any()}


def _headline(model: ModelResult) -> tuple[int, bool]:
    """The layer of the tables, and whether it is scored on half of the pairs."""
    return (model.chosen_layer(), True) if model.swept else (model.layers[0], False)


def _layers_told(model: ModelResult) -> Iterator[tuple[int, str, bool]]:
    """Layers of the first table, how each came about, and whether it is scored on half of the pairs."""
    if not model.swept:
        name = model.protocol.name
        yield model.layers[0], f"{ALL}, layer {f'of the preset {name}' if name else 'as asked'}", False
        return
    chosen = model.chosen_layer()
    yield chosen, TUNED, True
    yield chosen, f"{ALL}, the same layer", False
    named: dict[int, list[str]] = {}
    for name, known in TATOEBA_PRESETS.items():
        if known.depth == model.depth and known.layer is not None:
            named.setdefault(known.layer, []).append(name)
    for layer, names in named.items():
        yield layer, f"{ALL}, the layer of {', '.join(names)}", False
    yield model.best_layer(), f"{ALL}, oracle layer", False


def _summary(results: Sequence[ModelResult], codes: Sequence[str]) -> Iterator[str]:
    for model in results:
        layer, halved = _headline(model)
        every = [
            np.mean(list(result.values(layer, ~result.tuning if halved else None).values()))
            for result in model.languages.values()
            if not halved or not result.tuning.all()
        ]
        yield (
            f"{model.label}: {np.mean(every):.1f} over {len(codes)} languages at layer {layer} of {model.depth} "
            f"({TUNED if halved else ALL})."
        )
    for label, unread in never_read(results).items():
        yield f"{label} has never read {', '.join(unread)}."


def _curves(results: Sequence[ModelResult]) -> Iterator[Curves]:
    if not any(len(model.layers) > 1 for model in results):
        return
    for way in results[0].protocol.directions:
        lines = []
        for model in results:
            mean = np.mean([result.accuracies(way) for result in model.languages.values()], axis=0)
            lines.append(Line(model.label, tuple(zip(map(float, model.layers), mean.tolist(), strict=True)), True))
        yield Curves(f"{ARROWS[way]}, mean over languages", "layer", "accuracy, %", tuple(lines))


def _maps(results: Sequence[ModelResult]) -> Iterator[HeatMap]:
    swept = [model for model in results if len(model.layers) > 1]
    every = [
        found.max() for model in swept for result in model.languages.values() for found in _accuracies(result).values()
    ]
    # One scale for all maps of the report, so that a colour means one accuracy.
    high = 10.0 * math.ceil(max(1.0, *every) / 10) if every else 100.0
    for model in swept:
        for way in model.protocol.directions:
            yield HeatMap(
                f"{model.label}, {ARROWS[way]}, all pairs",
                "layer",
                tuple(map(str, model.layers)),
                tuple(model.languages),
                tuple(tuple(_accuracies(result)[way].tolist()) for result in model.languages.values()),
                0.0,
                high,
                "Accuracy in per cent.",
            )


def _accuracies(result: LanguageResult) -> dict[Direction, NDArray[np.float64]]:
    return {way: result.accuracies(way) for way in result.right}

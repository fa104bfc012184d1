"""BUCC's scores as a report: every F1 with what its threshold was tuned on, precision-recall curves, F1 by layer."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anyglot.evaluation.retrieval.bucc import Split
from anyglot.evaluation.retrieval.margin import Margin
from anyglot.evaluation.retrieval.protocol import RetrievalProtocol
from anyglot.evaluation.retrieval.tuning import Mined, Outcome, across_halves_at
from anyglot.reporting.elements import Cell, Curves, Line, Report, Table
from anyglot.stats.scores import SEED, Statistics, score_statistics
from anyglot.stats.significance import compare


@dataclass(frozen=True, eq=False)
class BuccResult:
    """One model on one split by one margin.

    Attributes:
        label: Of the model.
        depth: Its layers.
        protocol: What it was scored with, this margin included.
        split: The texts.
        mined: The pairs found.
        outcomes: The scores; the last one but the oracle is the one that models are compared by.
    """

    label: str
    depth: int
    protocol: RetrievalProtocol
    split: Split
    mined: Mined
    outcomes: tuple[Outcome, ...]

    @property
    def margin(self) -> Margin:
        """What scored the pairs."""
        return self.protocol.margin

    @property
    def compared(self) -> Outcome:
        """The fairest score there is: all pairs with thresholds tuned on others; the oracle where there is no other."""
        tuned = [outcome for outcome in self.outcomes if outcome.tuned_on != "oracle"]
        return tuned[-1] if tuned else self.outcomes[-1]

    def statistics(self, outcome: Outcome, seed: int) -> Statistics:
        """Return F1's sufficient statistics of one of the outcomes."""
        further = {"tuned": outcome.tuned_on.replace(" ", "-"), "pairs": outcome.scored_on.replace(" ", "-")}
        if "half" in outcome.tuned_on:
            further["halves"] = f"seed-{seed}"
        signature = self.protocol.signature(layer=outcome.layer, **further)
        return outcome.statistics(signature)


def build_report(results: Sequence[BuccResult], *, seed: int, resamples: int, facts: Mapping[str, str]) -> Report:
    """Put the report of some models, splits and margins together; differences are to the first model.

    Args:
        results: In the order of the table.
        seed: Of the halves.
        resamples: Of the bootstrap; 0 leaves intervals and comparisons out.
        facts: Settings and provenance.
    """
    labels = list(dict.fromkeys(result.label for result in results))
    tables = [score_table(results, seed, resamples)]
    if len(labels) > 1 and resamples:
        tables.append(difference_table(results, labels[0], seed, resamples))
    if any(len(result.mined.layers) > 1 for result in results):
        tables.append(layer_table(results))
    tables.append(data_table(results))
    return Report(
        title=f"BUCC: {', '.join(labels)}",
        summary=tuple(_summary(results)),
        tables=tuple(tables),
        curves=tuple(_curves(results)),
        curves_title="Precision, recall and layers",
        facts=facts,
    )


def score_table(results: Sequence[BuccResult], seed: int, resamples: int) -> Table:
    """Every score with what its threshold was tuned on."""
    columns = (
        "Model", "Margin", "Layer", "Threshold tuned on", "Scored on", "Threshold", "Pairs", "Precision", "Recall", "F1"
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    for result in results:
        for outcome in result.outcomes:
            cut = outcome.cut
            score = score_statistics(result.statistics(outcome, seed), resamples=resamples, seed=SEED)
            layer = "two" if outcome.layer is None else f"{outcome.layer} of {result.depth}"
            tuned = f"{outcome.scored_on} (oracle)" if outcome.tuned_on == "oracle" else outcome.tuned_on
            what = (result.label, result.margin, layer, tuned, outcome.scored_on, threshold_text(cut.threshold))
            rows.append((*what, cut.taken, cut.precision, cut.recall, score))
    note = (
        "An oracle threshold (and layer, where layers are swept) was chosen on the pairs that are scored, so it is too "
        "good; others never saw them. Half 1 and 2: by a hash of the first text's ids; mining runs over the whole "
        "texts. In brackets: 95 % bootstrap intervals over the first text's sentences."
    )
    return Table("Scores", columns, tuple(rows), note)


def threshold_text(threshold: float) -> str | None:
    """Write a threshold; None where two halves have two."""
    if math.isnan(threshold):
        return "two"
    return "none right" if math.isinf(threshold) else f"{threshold:.5f}"


def difference_table(results: Sequence[BuccResult], baseline: str, seed: int, resamples: int) -> Table:
    """Models against the first one on the same split by the same margin."""
    rows: list[tuple[Cell, ...]] = []
    for own in results:
        if own.label == baseline:
            continue
        same = (baseline, own.split.name, own.margin)
        other = next((each for each in results if (each.label, each.split.name, each.margin) == same), None)
        if other is None:  # the first model cannot be told this split's language
            continue
        found = compare(
            own.statistics(own.compared, seed), other.statistics(other.compared, seed), resamples=resamples, seed=SEED
        )
        rows.append(
            (own.label, own.split.name, own.margin, found, f"{found.p_bootstrap:.4f}", f"{found.p_randomisation:.4f}")
        )
    tuned = results[0].compared.tuned_on
    note = (
        f"F1 minus {baseline}'s, thresholds tuned on {'the scored pairs (oracle)' if tuned == 'oracle' else tuned}. "
        "Paired over the first text's sentences: bootstrap (Koehn, 2004), approximate randomisation (Riezler and "
        "Maxwell, 2005)."
    )
    return Table("Differences", ("Model", "On", "Margin", "F1", "p bootstrap", "p randomisation"), tuple(rows), note)


def layer_table(results: Sequence[BuccResult]) -> Table:
    """F1 at every layer: with an oracle threshold, and with each half's threshold applied to the other."""
    rows: list[tuple[Cell, ...]] = []
    for result in results:
        tuned = across_halves_at(result.mined)
        for layer, judged in zip(result.mined.layers, result.mined.judged, strict=True):
            rows.append((result.label, result.split.name, result.margin, str(layer), judged.best().f1, tuned[layer]))
    columns = ("Model", "On", "Margin", "Layer", "F1, oracle threshold", "F1, the other half's threshold")
    return Table("Every layer", columns, tuple(rows))


def data_table(results: Sequence[BuccResult]) -> Table:
    """What the texts hold."""
    splits = {result.split.name: result.split for result in results}
    rows: list[tuple[Cell, ...]] = []
    for name, split in splits.items():
        for code, side in zip(split.languages, (split.source, split.target), strict=True):
            rows.append((name, code, len(side.all_ids()), len(side.texts), side.repeated, side.empty, len(split.gold)))
    note = "A sentence with several ids is searched once; see `duplicates` in the signature for how it is scored."
    columns = ("Split", "Text", "Sentences", "Different ones", "With several ids", "Empty", "Gold pairs")
    return Table("Data", columns, tuple(rows), note)


def scores_data(results: Sequence[BuccResult]) -> list[dict[str, Any]]:
    """Return every score as JSON data."""
    return [
        {
            "model": result.label,
            "split": result.split.name,
            "margin": result.margin,
            "layer": outcome.layer,
            "tuned on": outcome.tuned_on,
            "scored on": outcome.scored_on,
            "threshold": outcome.cut.threshold if math.isfinite(outcome.cut.threshold) else None,
            "taken": outcome.cut.taken,
            "right": outcome.cut.right,
            "gold": outcome.cut.gold,
            "precision": outcome.cut.precision,
            "recall": outcome.cut.recall,
            "F1": outcome.cut.f1,
        }
        for result in results
        for outcome in result.outcomes
    ]


def _summary(results: Sequence[BuccResult]) -> Iterator[str]:
    for result in results:
        outcome = result.compared
        layer = "the halves' layers" if outcome.layer is None else f"layer {outcome.layer} of {result.depth}"
        tuned = "an oracle threshold" if outcome.tuned_on == "oracle" else f"thresholds tuned on {outcome.tuned_on}"
        what = f"{result.label}, {result.split.name}, margin {result.margin}"
        yield f"{what}: F1 {outcome.cut.f1:.1f} at {layer} with {tuned}."


def _curves(results: Sequence[BuccResult]) -> Iterator[Curves]:
    for kind in dict.fromkeys((result.split.name, result.margin) for result in results):
        chosen = [result for result in results if (result.split.name, result.margin) == kind]
        lines = []
        for result in chosen:
            layer = result.outcomes[-1].layer
            judged = result.mined.judged[result.mined.layers.index(layer if layer is not None else 0)]
            points = tuple((cut.recall, cut.precision) for cut in judged.curve())
            lines.append(Line(f"{result.label}, layer {layer}", points))
        yield Curves(f"{kind[0]}, margin {kind[1]}", "recall, %", "precision, %", tuple(lines))
    for kind in dict.fromkeys((result.split.name, result.margin) for result in results):
        chosen = [
            result for result in results if (result.split.name, result.margin) == kind and len(result.mined.layers) > 1
        ]
        if chosen:
            lines = [
                Line(
                    result.label,
                    tuple((float(at), found.best().f1) for at, found in zip(*_by_layer(result), strict=True)),
                    True,
                )
                for result in chosen
            ]
            yield Curves(f"{kind[0]}, margin {kind[1]}, by layer", "layer", "F1, oracle threshold", tuple(lines))


def _by_layer(result: BuccResult) -> tuple[Sequence[int], Sequence[Any]]:
    return result.mined.layers, result.mined.judged

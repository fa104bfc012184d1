"""The conclusion in plain words, made from intervals: no sentence says more than its numbers do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from anyglot.analysis.correlation import Correlation, correlate
from anyglot.experiments.study.effects import (
    Effect,
    Measure,
    average,
    effect,
    effects,
    language_share,
    language_similarity,
    norm_growth,
    probe_accuracy,
    spectral_distance,
    trained_language,
    transfer,
)
from anyglot.experiments.study.results import Results, mean

# Fewer points than these give no correlation that would mean anything.
_FEWEST_POINTS = 5
_LEVEL = 0.05
_ORDER = ("lower", "higher", "not distinguishable", "too few runs")
_UNTOLD = "cannot tell"
_RELATIONS = {"agrees": "agree", "contradicts": "contradict it", _UNTOLD: "cannot be told"}


def conclusion(results: Results) -> list[str]:
    """Sentences: the question, the paper's findings, transfer, what else changes, and the limits of it all."""
    told = [headline(results), findings(results)]
    told += sentences(effects(results, transfer(results), further=True), results)
    for measure in (trained_language(results), *explanations(results)):
        told += sentences(effects(results, measure), results, figures=False)
    told += [_farthest(spectral_distance(results), results), *_prediction(results), limits(results)]
    return [each for each in told if each]


def headline(results: Results) -> str:
    """How many of the conditions continued on translation transfer better or worse, by their intervals."""
    if not results.continued:
        return ""
    measure, told = transfer(results), []
    for against in (results.base, *([results.control] if results.control else [])):
        found = [effect(measure, condition, against, results.seeds) for condition in results.continued]
        verdicts = [each.verdict for each in found if each.verdict is not None]
        if not verdicts:
            continue
        counts = [
            f"{verdicts.count(name)} of {len(verdicts)} {_at_sample(name)}" for name in _ORDER if name in verdicts
        ]
        trained = ", trained for as long" if against == results.control else ""
        told.append(f"Against {_quoted(against, results)}{trained}: {', '.join(counts)}.")
    if not told:
        return "Nothing is known of transfer: no understanding task was scored."
    return " ".join(["Zero-shot transfer of the models continued on translation.", *told])


def findings(results: Results) -> str:
    """How many of the conditions continued on translation bear out each finding of the paper, or contradict it.

    Empty where of none either can be told.
    """
    told = []
    for (claim, says), group in groupby(claims(results), key=lambda row: (row.claim, row.says)):
        relations = [row.relation for row in group]
        parts = [
            f"{relations.count(name)} of {len(relations)} {words}"
            for name, words in _RELATIONS.items()
            if name in relations
        ]
        told.append(f"{claim} {says}; here {', '.join(parts)}")
    if all(row.relation == _UNTOLD for row in claims(results)):
        return ""
    return " ".join(
        ["The paper finds, for such models beside the one they come from:", *(f"{_capital(each)}." for each in told)]
    )


def sentences(found: Sequence[Effect], results: Results, *, figures: bool = True) -> list[str]:
    """What effects in one measure allow to say, a sentence for each condition they are compared with.

    Args:
        figures: Differences and intervals too; without them the sentence only says which conditions.
    """
    told = []
    for against, group in groupby(sorted(found, key=lambda each: _rank(each, found)), key=lambda each: each.against):
        members = list(group)
        measure, runs = members[0].measure, sorted({len(each.differences) for each in members})
        seeds = f"{' or '.join(map(str, runs))} seed{'' if runs == [1] else 's'}"
        parts = [f"{_capital(measure.name)} ({measure.unit}) against {_quoted(against, results)}, {seeds}."]
        for name in _ORDER:
            chosen = [each for each in members if each.verdict == name]
            names = "; ".join(
                _told(each, results) if figures else results.conditions[each.condition] for each in chosen
            )
            if chosen and not figures and len(chosen) == len(members) > 1:
                names = f"all {len(members)}"
            if chosen:
                parts.append(f"{_capital(_at_sample(name))}: {names}.")
        told.append(" ".join(parts))
    return told


def limits(results: Results) -> str:
    """What the sample is, said at the end of every conclusion."""
    measures = (trained_language(results), *explanations(results))
    compared = len(effects(results, transfer(results), further=True))
    compared += sum(len(effects(results, measure)) for measure in measures)
    tasks = f"{len(results.tasks)} task{'' if len(results.tasks) == 1 else 's'}" if results.tasks else "no task"
    seeds = f"{len(results.seeds)} seed{'' if len(results.seeds) == 1 else 's'}"
    return (
        f"The sample: {seeds} of each condition, {tasks}, one corpus and one size of model. Intervals are Student's t "
        f"over seeds, 95 %; {compared} comparisons were made and none is corrected for their number: where nothing "
        "differs, about one interval in twenty lies beside 0 all the same."
    )


def explanations(results: Results) -> tuple[Measure, ...]:
    """What the paper explains its findings by (sections 3.2 and 3.3), as far as it was measured."""
    found = (norm_growth(results), language_share(results), probe_accuracy(results), language_similarity(results))
    return tuple(measure for measure in found if measure.values)


def correlations(results: Results) -> list[tuple[Measure, Correlation]]:
    """Spearman's rho of the measures of separability with transfer, over conditions (the mean of their seeds)."""
    scores = _by_condition(transfer(results), results)
    found = []
    for measure in (language_share(results), probe_accuracy(results), language_similarity(results)):
        values = _by_condition(measure, results)
        shared = {name: value for name, value in values.items() if name in scores}
        if len(shared) >= _FEWEST_POINTS:
            found.append((measure, correlate(shared, scores)))
    return found


@dataclass(frozen=True)
class Claim:
    """A finding of the paper beside this study's.

    Attributes:
        says: What the paper says of models continued on translation, beside the one they come from.
        here: The verdict against the base.
        relation: agrees, contradicts or cannot tell: of `here` with `says`.
        control: The verdict against the control of equal compute; None where there is none.
    """

    claim: str
    condition: str
    says: str
    here: str
    relation: str
    control: str | None


def claims(results: Results) -> list[Claim]:
    """The paper's findings beside this study's.

    Ji et al. (2024): table 1 (averages), table 2 (norms), figure 2 (similarity of languages).
    """
    expected = (
        ("average of the tasks (table 1)", average(results), "lower"),
        ("norms of singular values (tables 2 and 5)", norm_growth(results), "higher"),
        ("CKA between languages (figure 2)", language_similarity(results), "lower"),
    )
    rows = []
    for claim, measure, says in expected:
        for condition in results.continued:
            found = effect(measure, condition, results.base, results.seeds).verdict
            if found is None:
                continue
            opposite = {"lower": "higher", "higher": "lower"}[says]
            relation = {says: "agrees", opposite: "contradicts"}.get(found, _UNTOLD)
            equal = None
            if results.control is not None:
                equal = effect(measure, condition, results.control, results.seeds).verdict
            rows.append(Claim(claim, results.conditions[condition], says, found, relation, equal))
    return rows


def _told(found: Effect, results: Results) -> str:
    summary, decimals = found.summary, found.measure.decimals
    assert summary is not None
    told = f"{results.conditions[found.condition]} ({summary.mean:+.{decimals}f}"
    if summary.low is None or summary.high is None:
        return f"{told}, no interval)"
    return f"{told}, {summary.low:+.{decimals}f} to {summary.high:+.{decimals}f})"


def _at_sample(name: str) -> str:
    return {
        "not distinguishable": "not distinguishable at this sample",
        "too few runs": "known from too few runs to conclude anything",
    }.get(name, name)


def _rank(each: Effect, found: Sequence[Effect]) -> int:
    order = list(dict.fromkeys(other.against for other in found))
    return order.index(each.against)


def _farthest(measure: Measure, results: Results) -> str:
    """Whether one condition's spectra lie farther from the base's than every other's."""
    means = _by_condition(measure, results)
    if len(means) < 2:
        return ""
    first = max(means, key=lambda name: means[name])
    others = [effect(measure, first, name, results.seeds) for name in means if name != first]
    if all(each.verdict == "higher" for each in others):
        return f"Spectra: those of {_quoted(first, results)} lie farther from the base's than every other condition's."
    return "Spectra: which condition's lie farthest from the base's is not distinguishable at this sample."


def _prediction(results: Results) -> list[str]:
    told = []
    for measure, found in correlations(results):
        if found.rho is None or found.p is None:
            continue
        numbers = f"(Spearman's rho {found.rho:+.2f}, p {found.p:.3f}, {found.points} conditions)"
        if found.p < _LEVEL:
            way = "higher" if found.rho > 0 else "lower"
            told.append(f"Conditions with a larger {measure.name} transfer {way} {numbers}; this shows no cause.")
        else:
            told.append(f"No relation of {measure.name} with transfer is distinguishable {numbers}.")
    return told


def _by_condition(measure: Measure, results: Results) -> dict[str, float]:
    found = {}
    for condition in results.conditions:
        value = mean(measure.values.get((condition, seed)) for seed in results.seeds)
        if value is not None:
            found[condition] = value
    return found


def _quoted(condition: str, results: Results) -> str:
    return f"\u201c{results.conditions[condition]}\u201d"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

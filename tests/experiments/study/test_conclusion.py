"""The conclusion says lower, higher or not distinguishable strictly by intervals; known numbers, every verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import mean, stdev

import pytest

from anyglot.experiments.study.conclusion import (
    claims,
    conclusion,
    correlations,
    findings,
    headline,
    limits,
    sentences,
)
from anyglot.experiments.study.effects import (
    Measure,
    average,
    effect,
    effects,
    norm_growth,
    task_transfer,
    trained_language,
    transfer,
)
from anyglot.experiments.study.results import Apart, Model, Results, Scale, Score

CONDITIONS = {"lm": "base", "lm_long": "longer", "m2m": "many", "o2m": "out", "sixt": "careful"}
SEEDS = ("1", "2", "3")


def results(transfers: Mapping[str, Sequence[float]], seeds: tuple[str, ...] = SEEDS, **others: object) -> Results:
    """Two tasks with English and two other languages, whose means are the transfers given."""
    scores = []
    for condition, values in transfers.items():
        for seed, value in zip(seeds, values, strict=False):
            for task, spread in (("nli", 1), ("pos", 3)):
                for language, shift in (("en", 20), ("de", spread), ("ru", -spread)):
                    scores.append(Score((condition, seed), task, language, "accuracy", value + shift, 100))
    return Results("A study", CONDITIONS, "en", seeds, ("m2m", "o2m"), "lm_long", scores=tuple(scores), **others)  # type: ignore[arg-type]


FOUND = results(
    {
        "lm": (60.0, 61.0, 62.0),
        "lm_long": (62.0, 63.1, 63.9),  # always about 2 above the base
        "m2m": (55.0, 56.2, 56.9),  # always about 5 below it
        "o2m": (58.0, 64.0, 61.0),  # -2, +3, -1
        "sixt": (61.0, 61.0, 62.0),  # +1, 0, 0
    }
)


def test_measures_are_plain_means_with_english_apart() -> None:
    assert transfer(FOUND).values["m2m", "1"] == pytest.approx(55.0)
    assert trained_language(FOUND).values["m2m", "1"] == pytest.approx(75.0)
    assert average(FOUND).values["m2m", "1"] == pytest.approx((55 + 55 + 75) / 3)  # the paper's: English counts
    assert task_transfer(FOUND, "pos").values["lm", "2"] == pytest.approx(61.0)


def test_a_model_that_lacks_a_task_has_no_mean_over_tasks() -> None:
    kept = tuple(score for score in FOUND.scores if (score.model, score.task) != (("m2m", "1"), "pos"))
    lacking = Results("A study", CONDITIONS, "en", SEEDS, scores=kept)
    assert ("m2m", "1") not in transfer(lacking).values and ("m2m", "2") in transfer(lacking).values


def test_differences_are_paired_by_seed_with_students_interval() -> None:
    found = effect(transfer(FOUND), "m2m", "lm", SEEDS)
    differences = [-5.0, -4.8, -5.1]
    assert found.differences == pytest.approx(differences) and found.summary is not None
    half = 4.303 * stdev(differences) / math.sqrt(3)
    assert (found.summary.low, found.summary.high) == pytest.approx(
        (mean(differences) - half, mean(differences) + half)
    )


@pytest.mark.parametrize(
    "condition, expected",
    [("m2m", "lower"), ("lm_long", "higher"), ("o2m", "not distinguishable"), ("sixt", "not distinguishable")],
)
def test_the_verdict_is_the_intervals(condition: str, expected: str) -> None:
    assert effect(transfer(FOUND), condition, "lm", SEEDS).verdict == expected


def test_the_sentence_groups_conditions_by_verdict_and_names_the_seeds() -> None:
    [told] = sentences(effects(FOUND, transfer(FOUND)), FOUND)
    assert told.startswith(
        "Zero-shot transfer (points) against “base”, 3 seeds. Lower: many (-5.0, -5.3 to -4.6). Higher: longer (+2.0, "
    )
    assert told.index("Not distinguishable at this sample: out (") < told.index("; careful (+0.3, ")


def test_equal_conditions_are_not_distinguishable() -> None:
    same = results({"lm": (60.0, 61.0, 62.0), "m2m": (60.0, 61.0, 62.0)})
    assert effect(transfer(same), "m2m", "lm", SEEDS).verdict == "not distinguishable"


def test_one_seed_concludes_nothing() -> None:
    single = results({"lm": (60.0,), "m2m": (20.0,)}, seeds=("1",))
    text = " ".join(conclusion(single))
    assert "Known from too few runs to conclude anything: many (-40.0, no interval)" in text
    assert "lower" not in text.lower() and "higher" not in text.lower() and "1 seed " in text


def test_two_seeds_conclude_nothing_and_neither_do_equal_differences() -> None:
    two = results({"lm": (60.0, 61.0), "m2m": (50.0, 51.1)}, seeds=("1", "2"))
    assert effect(transfer(two), "m2m", "lm", ("1", "2")).verdict == "too few runs"
    equal = results({"lm": (60.0, 61.0, 62.0), "m2m": (60.5, 61.5, 62.5)})
    assert effect(transfer(equal), "m2m", "lm", SEEDS).verdict == "too few runs"


def test_the_headline_counts_verdicts_against_the_base_and_against_equal_compute() -> None:
    assert headline(FOUND) == (
        "Zero-shot transfer of the models continued on translation. Against “base”: 1 of 2 lower, 1 of 2 not "
        "distinguishable at this sample. Against “longer”, trained for as long: 1 of 2 lower, 1 of 2 not "
        "distinguishable at this sample."
    )
    assert "Nothing is known of transfer" in headline(Results("A study", CONDITIONS, "en", SEEDS, ("m2m",)))


def test_the_limits_name_seeds_tasks_and_the_number_of_comparisons() -> None:
    told = limits(FOUND)
    assert "3 seeds of each condition, 2 tasks" in told
    assert f"{7 + 4} comparisons were made" in told  # transfer: 4 with the base, 3 with the control; English: 4
    assert conclusion(FOUND)[-1] == told


SPREAD = {"1": 0.98, "2": 1.0, "3": 1.02}


def spectra(growth: Mapping[str, float]) -> dict[Model, dict[tuple[str, int, str], Scale]]:
    place, other = ("encoder", 0, "K"), ("decoder", 0, "K")
    return {
        (condition, seed): {
            place: Scale(10 * (1 + factor * SPREAD[seed] / 100), None if condition == "lm" else factor * SPREAD[seed]),
            other: Scale(1, 9),
        }
        for condition, factor in growth.items()
        for seed in SEEDS
    }


def test_the_papers_findings_agree_contradict_or_cannot_be_told() -> None:
    grown = spectra({"lm": 0.0, "m2m": 10.0, "o2m": -5.0})
    found = results({"lm": (60.0, 61.0, 62.0), "m2m": (50.0, 51.0, 52.5), "o2m": (58.0, 64.0, 61.0)}, spectra=grown)
    assert norm_growth(found).values["m2m", "2"] == pytest.approx(10.0)
    rows = {(row.claim.split(" (")[0], row.condition): (row.says, row.here, row.relation) for row in claims(found)}
    assert rows["average of the tasks", "many"] == ("lower", "lower", "agrees")
    assert rows["average of the tasks", "out"] == ("lower", "not distinguishable", "cannot tell")
    assert rows["norms of singular values", "many"] == ("higher", "higher", "agrees")
    assert rows["norms of singular values", "out"] == ("higher", "lower", "contradicts")
    told = findings(found)
    assert "Average of the tasks (table 1) lower; here 1 of 2 agree, 1 of 2 cannot be told." in told
    assert "Norms of singular values (tables 2 and 5) higher; here 1 of 2 agree, 1 of 2 contradict it." in told
    assert told in conclusion(found) and findings(Results("A study", CONDITIONS, "en", SEEDS, ("m2m",))) == ""


def test_claims_are_set_beside_the_control_of_equal_compute_too() -> None:
    averages = {row.condition: row for row in claims(FOUND)}
    assert (averages["many"].here, averages["many"].control) == ("lower", "lower")
    # 2 above the base as the control is: higher than the one, no different from the other
    scores = {"lm": (60.0, 61.0, 62.0), "lm_long": (62.1, 63.0, 64.0), "m2m": (62.0, 63.1, 64.1)}
    [row] = claims(results(scores))
    assert (row.here, row.relation, row.control) == ("higher", "contradicts", "not distinguishable")


def test_what_else_changes_is_told_without_figures() -> None:
    [told] = sentences(effects(FOUND, trained_language(FOUND)), FOUND, figures=False)
    assert told == (
        "Score in en (points) against “base”, 3 seeds. Lower: many. Higher: longer. Not distinguishable at this "
        "sample: out; careful."
    )
    same = results({name: (60.0, 61.0, 62.0) for name in CONDITIONS})
    assert sentences(effects(same, transfer(same)), same, figures=False)[0].endswith("at this sample: all 4.")


def test_the_farthest_spectra_are_named_only_where_all_intervals_say_so() -> None:
    scores = {name: (60.0, 61.0, 62.0) for name in CONDITIONS}
    apart = results(scores, spectra=spectra({"lm": 0.0, "m2m": 1.0, "o2m": 8.0}))
    assert any("those of “out” lie farther" in told for told in conclusion(apart))
    alike = results(scores, spectra=spectra({"lm": 0.0, "m2m": 8.0, "o2m": 8.0}))
    assert any("which condition's lie farthest" in told and "not distinguishable" in told for told in conclusion(alike))


def test_a_relation_with_transfer_is_told_by_its_p_over_conditions() -> None:
    values = {"lm": 70.0, "lm_long": 72.0, "m2m": 60.0, "o2m": 50.0, "sixt": 65.0}
    shares = {"lm": 10.0, "lm_long": 8.0, "m2m": 20.0, "o2m": 30.0, "sixt": 15.0}
    states = {(name, seed): (Apart(share, 99.0 - share),) for name, share in shares.items() for seed in SEEDS}
    found = results({name: (value, value, value) for name, value in values.items()}, apart=states)
    related = {measure.name: correlation for measure, correlation in correlations(found)}
    share = related["variance between languages, last layer"]
    assert share.rho == pytest.approx(-1) and share.points == 5  # conditions, not models: seeds are no further points
    told = " ".join(conclusion(found))
    assert "larger variance between languages, last layer transfer lower" in told and "shows no cause" in told


def test_nothing_to_compare_is_no_effect() -> None:
    assert effects(FOUND, Measure("empty", "points", {})) == []

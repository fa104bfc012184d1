"""Averages are those of the papers; corrections of p-values are Holm's; a search looks at dev scores alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyglot.errors import UserError
from anyglot.evaluation.finetuning.averages import Measure, Values, measures, suite_deviation, suite_mean
from anyglot.evaluation.finetuning.comparing import compare, holm
from anyglot.evaluation.finetuning.search import GRIDS, Grid, best, chosen_score, grid_named, search
from anyglot.evaluation.finetuning.settings import TuningSettings
from anyglot.evaluation.tasks.catalogue import TASKS
from anyglot.evaluation.tasks.task import Protocol

RESAMPLES = 200


def values(points: dict[str, list[float]], task: str = "xnli", seed: int = 0, data: str = "same") -> Values:
    """A language's score with each seed, and resamples around it."""
    generator = np.random.default_rng(seed)
    table = np.array(list(points.values())).T[:, :, None]
    drawn = np.concatenate([table, table + generator.normal(0, 1, (*table.shape[:2], RESAMPLES))], axis=2)
    languages = tuple(points)
    return Values(
        "model",
        task,
        Measure("accuracy", "accuracy"),
        languages,
        tuple(range(1, table.shape[0] + 1)),
        dict.fromkeys(languages, 100),
        dict.fromkeys(languages, data),
        drawn,
    )


def test_a_tasks_mean_is_over_languages_english_included() -> None:
    found = values({"en": [80.0], "de": [70.0], "sw": [30.0]})
    assert found.mean()[0] == pytest.approx(60.0)
    assert found.gap("en")[0] == pytest.approx(80.0 - 50.0)  # type: ignore[index]
    assert found.gap("fr") is None and values({"en": [80.0]}).gap("en") is None


def test_seeds_have_a_mean_and_a_deviation() -> None:
    found = values({"en": [80.0, 84.0], "de": [60.0, 68.0]})
    assert found.mean()[0] == pytest.approx(73.0)
    assert found.by_seed().tolist() == pytest.approx([70.0, 76.0])
    assert found.deviation() == pytest.approx(np.std([70.0, 76.0], ddof=1))
    assert values({"en": [80.0]}).deviation() is None


def test_a_suites_mean_is_over_tasks_whatever_their_languages() -> None:
    many = values({"en": [90.0, 90.0], "de": [80.0, 82.0], "fr": [70.0, 68.0]})
    few = values({"en": [20.0, 40.0]}, "panx")
    assert suite_mean([many, few])[0] == pytest.approx((80.0 + 30.0) / 2)
    by_seed = [(80.0 + 20.0) / 2, (80.0 + 40.0) / 2]
    assert suite_deviation([many, few]) == pytest.approx(np.std(by_seed, ddof=1))
    assert suite_deviation([values({"en": [1.0]})]) is None


def test_each_benchmark_averages_its_own_measure_of_parts_of_speech() -> None:
    assert measures(TASKS["udpos"], "xtreme")[0] == Measure("legacy_pos", "f1")
    assert measures(TASKS["pos"], "xglue")[0] == Measure("legacy_pos", "precision")
    for suite, task in (("xtreme", "udpos"), ("xglue", "pos")):
        assert Measure("tag_accuracy", "accuracy") in measures(TASKS[task], suite)


def test_questions_are_averaged_by_the_mean_of_f1_and_exact_match() -> None:
    from anyglot.evaluation.tasks.metrics import METRICS

    for name in ("xquad", "mlqa"):
        headline, *others = measures(TASKS[name], "xtreme")
        metric = METRICS[headline.metric](TASKS[name], "en")
        assert metric.values.index(headline.value) == 0 and len(others) == 2
        found = metric.value(np.array([10.0, 3.0, 2.0])[: len(metric.statistics)])
        assert found[0] == pytest.approx((found[1] + found[2]) / 2)


def test_equal_systems_do_not_differ() -> None:
    own = values({"en": [80.0], "de": [60.0]})
    for part in compare([(own, own)]):
        assert part.difference.value == 0 and part.difference.p == 1 and part.holm == 1


def test_systems_are_compared_on_all_languages_and_on_each() -> None:
    own, other = values({"en": [80.0], "de": [60.0]}), values({"de": [50.0], "en": [79.9]}, seed=1)
    found = {part.language: part for part in compare([(own, other)])}
    assert found[""].difference.value == pytest.approx((0.1 + 10.0) / 2)
    assert found["de"].difference.value == pytest.approx(10.0)
    assert found["de"].holm < 0.05 < found["en"].holm
    assert found["de"].holm >= found["de"].difference.p


def test_other_test_sets_and_other_resamples_are_not_compared() -> None:
    own = values({"en": [80.0]})
    with pytest.raises(UserError, match="different test sets of xnli in en"):
        compare([(own, values({"en": [80.0]}, data="other"))])
    with pytest.raises(UserError, match="same resamples"):
        compare([(own, replace(own, vectors=own.vectors[:, :, :50]))])


def _holm_by_definition(found: list[float]) -> list[float]:
    """Reject in order while p <= level / (n - rank): the corrected p is the smallest level at which one is rejected."""
    order = sorted(range(len(found)), key=lambda place: found[place])
    corrected = [0.0] * len(found)
    for rank, place in enumerate(order):
        needed = [(len(found) - k) * found[order[k]] for k in range(rank + 1)]
        corrected[place] = min(1.0, max(needed))
    return corrected


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holms_correction(found: list[float]) -> None:
    assert holm(found) == pytest.approx(_holm_by_definition(found))
    assert all(corrected >= p for corrected, p in zip(holm(found), found, strict=True))


def test_a_search_chooses_the_best_dev_score() -> None:
    grid = Grid((1e-5, 2e-5), (3, 5), (16,), "here")
    base = TuningSettings(Protocol(9e-9, 1, max_length=77), seed=4)
    seen: list[TuningSettings] = []

    def dev_score(settings: TuningSettings) -> float:
        seen.append(settings)
        return {(1e-5, 3): 10.0, (1e-5, 5): 40.0, (2e-5, 3): 40.0, (2e-5, 5): 20.0}[
            settings.protocol.learning_rate, settings.protocol.epochs
        ]

    trials = search(grid, base, dev_score)
    chosen = best(trials)
    assert len(trials) == 4 and (chosen.learning_rate, chosen.epochs) == (1e-5, 5)
    assert chosen.of(base.protocol) == replace(base.protocol, learning_rate=1e-5, epochs=5, batch=16)
    assert all(settings.seed == 4 and settings.protocol.max_length == 77 for settings in seen)


def test_vecos_grid_is_the_papers() -> None:
    grid = GRIDS["veco"]
    assert (grid.learning_rates, grid.epochs, grid.batches) == ((1e-5, 2e-5, 3e-5), (3, 5, 10), (16, 32, 64))
    assert GRIDS["veco-translate"].learning_rates == (3e-6, 5e-6, 1e-5)
    with pytest.raises(UserError, match=r"no grid 'x'.*veco"):
        grid_named("x")


def test_the_score_of_the_epoch_that_was_kept_counts() -> None:
    scores = ({"score": 10.0, "score.en": 10.0}, {"score": 30.0, "score.en": 30.0}, {"score": 20.0, "score.en": 20.0})
    assert chosen_score(scores, 2) == 30.0
    with pytest.raises(UserError, match="needs a dev set"):
        chosen_score((), 2)

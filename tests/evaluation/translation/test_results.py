"""Tables: supervised and zero-shot apart, models side by side, differences to a baseline."""

import pytest

from anyglot.evaluation.translation.results import Result, difference_table, kind_of, mean_of, score_bars, score_table
from anyglot.reporting.markdown import markdown_table
from anyglot.stats.scores import Score
from anyglot.stats.significance import Difference


def result(test, model, kind, bleu, differences=None):
    score = Score("BLEU", bleu, bleu - 1, bleu + 1, "signature", 10)
    return Result(test, model, test[:2], "en", kind, 10, {"BLEU": score}, differences or {})


RESULTS = (
    result("hi-en", "ours", "zero-shot", 20.0, {"BLEU": Difference(15.0, 12.0, 18.0, 0.001, 0.0001)}),
    result("hi-en", "scratch", None, 5.0),
    result("de-en", "ours", "supervised", 90.0, {"BLEU": Difference(-1.0, -2.0, 0.5, 0.3, 0.091)}),
    result("de-en", "scratch", None, 91.0),
    result("tr-en", "ours", "zero-shot", 30.0),
    result("tr-en", "scratch", None, 6.0),
)


def test_means_of_supervised_and_zero_shot_are_apart_and_share_the_groups():
    assert mean_of(RESULTS, "ours", "BLEU", "supervised") == 90.0
    assert mean_of(RESULTS, "ours", "BLEU", "zero-shot") == 25.0
    assert mean_of(RESULTS, "scratch", "BLEU", "zero-shot") == 5.5
    assert mean_of(RESULTS, "ours", "BLEU") == pytest.approx(140 / 3)
    assert mean_of(RESULTS, "other", "BLEU") is None and mean_of(RESULTS, "ours", "chrF") is None


def test_the_table_puts_models_side_by_side_and_supervised_rows_first():
    table = score_table(RESULTS, ["BLEU"])
    assert table.columns == ("Test", "Pair", "Kind", "Sentences", "BLEU ours", "BLEU scratch", "BLEU ours − baseline")
    assert [row[0] for row in table.rows] == ["de-en", "hi-en", "tr-en", "mean of 1", "mean of 2"]
    assert str(table.rows[1][6]) == "+15.0 [+12.0, +18.0]" and table.rows[2][6] is None
    assert table.rows[3][2:6] == ("supervised", None, 90.0, 91.0)
    assert table.rows[4][2:6] == ("zero-shot", None, 25.0, 5.5)
    assert "| de-en | de-en | supervised | 10 | 90.0 \\[89.0, 91.0\\] |" in markdown_table(table)


def test_without_known_kinds_there_is_one_mean_and_no_kind_column():
    table = score_table([found for found in RESULTS if found.model == "scratch"], ["BLEU"])
    assert table.columns == ("Test", "Pair", "Sentences", "BLEU")
    assert table.rows[-1] == ("mean of 3", None, None, 34.0)


def test_bars_show_kinds_for_the_system_and_the_baseline_by_name():
    bars = score_bars(RESULTS, "BLEU", baseline="scratch").bars
    assert [(bar.label, bar.series, bar.value) for bar in bars] == [
        ("de-en", "supervised", 90.0),
        ("de-en", "scratch", 91.0),
        ("hi-en", "zero-shot", 20.0),
        ("hi-en", "scratch", 5.0),
        ("tr-en", "zero-shot", 30.0),
        ("tr-en", "scratch", 6.0),
    ]
    assert (bars[0].low, bars[0].high) == (89.0, 91.0)


def test_a_direction_is_supervised_if_it_had_pairs_itself():
    pairs = {("de", "en"), ("en", "fr")}
    assert kind_of("de", "en", pairs) == kind_of("en", "fr", pairs) == "supervised"
    assert kind_of("hi", "en", pairs) == kind_of("en", "de", pairs) == kind_of("de", "fr", pairs) == "zero-shot"


def test_differences_are_told_with_both_p_values():
    table = difference_table(RESULTS)
    assert "| de-en | de-en | ours | BLEU | 10 | -1.0 \\[-2.0, +0.5\\] | 0.30 | 0.091 |" in markdown_table(table)
    assert "| hi-en | hi-en | ours | BLEU | 10 | +15.0 \\[+12.0, +18.0\\] | 0.001 | 0.0001 |" in markdown_table(table)
    assert "Of 2 comparisons" in table.note
    assert difference_table([found for found in RESULTS if found.model == "scratch"]) is None

"""Paired tests against sacrebleu's own, and the properties a test of significance has to have."""

import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.significance import PairedTest

from anyglot.errors import UserError
from anyglot.evaluation.translation import metrics
from anyglot.stats import significance
from anyglot.stats.scores import score_statistics
from support.evaluation_corpora import corpus


def systems(language, sentences, better=0.0, seed=1):
    """References with two damaged copies; the first has a share of its lines put right."""
    lines, references = corpus(language, sentences)
    # Both have a third of the lines backwards, at different places: they differ without one being better.
    first, second = (
        [" ".join(reversed(line.split())) if place % 3 == third else line for place, line in enumerate(lines)]
        for third in (0, 1)
    )
    for place in np.random.default_rng(seed).permutation(sentences)[: int(better * sentences)]:
        first[place] = references[place]
    return first, second, references


def counted(name, lines, references, target="de"):
    return metrics.statistics(name, lines, references, target=target)


@pytest.mark.parametrize("better", [0.0, 0.05])
@pytest.mark.parametrize(("name", "oracle"), [("BLEU", BLEU()), ("chrF++", CHRF(word_order=2))])
def test_p_values_are_sacrebleus_with_the_same_seed(name, oracle, better):
    first, second, references = systems("de", 90, better)
    found = significance.compare(*(counted(name, lines, references) for lines in (first, second)), resamples=300)
    named = [("baseline", second), ("system", first)]
    for kind, trials, ours in (("bs", 300, found.p_bootstrap), ("ar", 3000, found.p_randomisation)):
        _, results = PairedTest(named, {name: oracle}, [references], test_type=kind, n_samples=trials)()
        theirs = next(values for metric, values in results.items() if metric != "System")
        assert theirs[1].score - theirs[0].score == pytest.approx(found.value)
        # float32 sums on their side may move a single trial across the line.
        assert ours == pytest.approx(theirs[1].p_value, abs=1.5 / trials)


def test_exchanges_drawn_in_parts_are_those_of_one_go(monkeypatch):
    first, second, references = systems("ru", 37)
    pair = [counted("BLEU", lines, references) for lines in (first, second)]
    whole = significance.exchanged_differences(*pair, trials=500)
    monkeypatch.setattr("anyglot.stats.significance._SWAPS_AT_ONCE", 37 * 70)
    assert np.array_equal(significance.exchanged_differences(*pair, trials=500), whole)


def test_randomisation_of_three_sentences_is_the_share_of_all_eight_exchanges():
    first, second, references = systems("en", 3, better=0.7)
    system, baseline = (counted("chrF", lines, references) for lines in (first, second))
    value = system.point - baseline.point
    every = []
    for mask in range(8):
        swapped = [(mask >> place) & 1 == 1 for place in range(3)]
        one = [second[place] if swapped[place] else first[place] for place in range(3)]
        two = [first[place] if swapped[place] else second[place] for place in range(3)]
        every.append(counted("chrF", one, references).point - counted("chrF", two, references).point)
    exact = np.mean(np.abs(every) >= abs(value) - 1e-9)
    trials = 8000
    drawn = significance.exchanged_differences(system, baseline, trials=trials)
    # Four standard errors of a share.
    assert significance.randomisation_p_value(drawn, value) == pytest.approx(exact, abs=4 * 0.5 / trials**0.5)


def test_a_system_does_not_differ_from_itself():
    lines, _, references = systems("hi", 40)
    same = counted("BLEU", lines, references)
    found = significance.compare(same, same, resamples=100)
    assert found == significance.Difference(0.0, 0.0, 0.0, 1.0, 1.0)


def test_one_changed_sentence_is_never_significant_by_randomisation():
    """Every exchange leaves the same difference; sacrebleu's strict comparison would call it p = 1 / (trials + 1)."""
    _, lines, references = systems("de", 40)
    changed = [references[0], *lines[1:]]
    found = significance.compare(counted("chrF", changed, references), counted("chrF", lines, references))
    assert found.value > 0 and found.p_randomisation == 1.0


def test_p_falls_with_the_difference_and_the_number_of_sentences():
    def p(sentences, better):
        first, second, references = systems("de", sentences, better)
        found = significance.compare(*(counted("chrF++", x, references) for x in (first, second)), resamples=200)
        return found.p_bootstrap, found.p_randomisation

    for few, many in zip(p(30, 0.06), p(600, 0.06), strict=True):
        assert few > many
    for small, large in zip(p(150, 0.0), p(150, 0.4), strict=True):
        assert small > large and large < 0.01


def test_under_the_null_hypothesis_small_p_values_are_as_rare_as_they_say():
    """Systems that are exchangeable by construction: each sentence's two outputs are shuffled."""
    first, second, references = systems("en", 2000)
    draw = np.random.default_rng(3)
    small = {"bootstrap": 0, "randomisation": 0}
    for start in range(0, 2000, 20):
        part = slice(start, start + 20)
        swap = draw.random(20) < 0.5
        one = [b if s else a for a, b, s in zip(first[part], second[part], swap, strict=True)]
        two = [a if s else b for a, b, s in zip(first[part], second[part], swap, strict=True)]
        pair = [counted("chrF++", lines, references[part], target="en") for lines in (one, two)]
        found = significance.compare(*pair, resamples=50, seed=start)
        small["bootstrap"] += found.p_bootstrap < 0.1
        small["randomisation"] += found.p_randomisation < 0.1
    # 100 draws at 0.1: 10 expected, 19 or more happens once in 250 times.
    assert small["randomisation"] < 19
    assert small["bootstrap"] < 25


def test_a_paired_comparison_is_sharper_than_the_two_intervals():
    hypotheses, references = corpus("en", 200)
    pairs = list(zip(hypotheses, references, strict=True))
    better = [reference if index % 10 == 0 else text for index, (text, reference) in enumerate(pairs)]
    system, baseline = (counted("chrF++", lines, references, "en") for lines in (better, hypotheses))
    difference = significance.compare(system, baseline)
    assert difference.value == system.point - baseline.point > 0
    assert difference.low > 0 and difference.p_bootstrap < 0.01 and difference.p_randomisation < 0.01
    alone = score_statistics(baseline)
    assert difference.high - difference.low < alone.high - alone.low
    with pytest.raises(UserError, match="cannot be compared"):
        significance.compare(system, counted("chrF", hypotheses, references))

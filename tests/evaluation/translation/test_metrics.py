"""Scores are sacrebleu's to the last bit; the interval is its bootstrap, computed another way."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.significance import _bootstrap_resample

from anyglot.errors import UserError
from anyglot.evaluation.translation import metrics
from anyglot.stats.scores import bootstrap_values
from anyglot.text.bleu_tokenizer import tokenizer_for
from support.evaluation_corpora import REFERENCES, corpus

OF_SACREBLEU = [name for name in metrics.METRIC_NAMES if name != "ROUGE-L"]
LINES = some.lists(
    some.tuples(
        some.text(alphabet=some.sampled_from("ab Ж你।.,!0 \t\u200b"), max_size=25),
        some.text(alphabet=some.sampled_from("ab Ж你।.,!0 \t\u200b"), max_size=25),
    ),
    min_size=1,
    max_size=8,
)


def reference_metric(name, tokenizer="13a"):
    return {"BLEU": lambda: BLEU(tokenize=tokenizer), "chrF": CHRF, "chrF++": lambda: CHRF(word_order=2)}[name]()


@pytest.mark.parametrize("name", OF_SACREBLEU)
@pytest.mark.parametrize("language", REFERENCES)
def test_the_point_score_and_signature_are_sacrebleus(name, language):
    hypotheses, references = corpus(language, 60)
    expected = reference_metric(name, "zh" if language == "zh" else "13a")
    theirs = expected.corpus_score(hypotheses, [references])
    plain = metrics.score(name, hypotheses, references, target=language, resamples=0)
    assert plain.value == theirs.score
    assert plain.signature == str(expected.get_signature())
    assert (plain.low, plain.high, plain.sentences) == (plain.value, plain.value, 60)
    expected.corpus_score(hypotheses, [references], n_bootstrap=1000)
    assert metrics.score(name, hypotheses, references, target=language).signature == str(expected.get_signature())


@settings(max_examples=60, deadline=None)
@given(LINES, some.sampled_from(OF_SACREBLEU))
def test_any_text_scores_exactly_as_in_sacrebleu(lines, name):
    hypotheses, references = [pair[0] for pair in lines], [pair[1] for pair in lines]
    theirs = reference_metric(name).corpus_score(hypotheses, [references]).score
    ours = metrics.score(name, hypotheses, references, target="en", resamples=20)
    assert ours.value == theirs
    assert ours.low <= ours.value <= ours.high


@settings(max_examples=60, deadline=None)
@given(LINES, some.sampled_from(OF_SACREBLEU))
def test_the_vectorised_formulas_agree_with_sacrebleus_on_single_sentences(lines, name):
    """One "resample" per sentence: short and empty sentences reach every branch of smoothing and effective order."""
    counted = metrics.statistics(name, [p[0] for p in lines], [p[1] for p in lines], target="en")
    rows = counted.sums_per_sentence
    ours = metrics.bleu_from_statistics(rows) if name == "BLEU" else metrics.chrf_from_statistics(rows)
    theirs = [reference_metric(name)._compute_score_from_stats([int(x) for x in row]).score for row in rows]
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", OF_SACREBLEU)
@pytest.mark.parametrize("sentences", [1, 7, 150])
def test_every_resample_scores_as_in_sacrebleus_bootstrap(name, sentences):
    hypotheses, references = corpus("de", sentences)
    counted = metrics.statistics(name, hypotheses, references, target="de")
    _, theirs = _bootstrap_resample(counted.sums_per_sentence.tolist(), reference_metric(name), 200)
    ours = bootstrap_values(counted, resamples=200, seed=12345)
    np.testing.assert_allclose(ours, [score.score for score in theirs], rtol=1e-5, atol=1e-9)


def test_resampling_in_parts_draws_what_one_go_draws(monkeypatch):
    counted = metrics.statistics("BLEU", *corpus("ru", 40), target="ru")
    whole = bootstrap_values(counted, resamples=50)
    monkeypatch.setattr("anyglot.stats.bootstrap._INDICES_AT_ONCE", 130)
    assert np.array_equal(bootstrap_values(counted, resamples=50), whole)


@pytest.mark.parametrize("name", OF_SACREBLEU)
def test_the_interval_narrows_with_more_sentences_and_holds_the_score(name):
    widths = []
    for sentences in (25, 100, 400):
        score = metrics.score(name, *corpus("en", sentences), target="en", resamples=300)
        assert score.low < score.value < score.high
        widths.append(score.high - score.low)
    assert widths[0] > 1.4 * widths[1] > 1.4 * 1.4 * widths[2]


def test_the_interval_covers_the_population_score_about_as_often_as_it_says():
    hypotheses, references = corpus("en", 2000)
    truth = metrics.bleu(hypotheses, references, target="en")
    covered = 0
    for start in range(0, 2000, 50):
        part = slice(start, start + 50)
        score = metrics.score("BLEU", hypotheses[part], references[part], target="en", resamples=200)
        covered += score.low <= truth <= score.high
    assert 32 <= covered <= 40


def test_the_seed_decides_the_interval_and_stands_in_the_signature():
    lines = corpus("en", 30)
    one, same = (metrics.score("BLEU", *lines, target="en", seed=1) for _ in range(2))
    other = metrics.score("BLEU", *lines, target="en", seed=2)
    assert one == same
    assert (one.low, one.high) != (other.low, other.high) and one.value == other.value
    assert "seed:1|" in one.signature and "bs:1000|" in one.signature


def test_a_perfect_translation_scores_a_hundred_and_an_empty_one_zero():
    _, references = corpus("hi", 10)
    for name in OF_SACREBLEU:
        assert metrics.score(name, references, references, target="hi").value == pytest.approx(100.0)
        assert metrics.score(name, [""] * 10, references, target="hi").value == 0.0


@pytest.mark.parametrize(
    ("code", "tokenizer"),
    [
        ("zh", "zh"),
        ("zho_Hans", "zh"),
        ("zh_CN", "zh"),
        ("cmn", "zh"),
        ("de", "13a"),
        ("deu_Latn", "13a"),
        ("hi", "13a"),
    ],
)
def test_the_tokenizer_follows_the_language_in_any_code_scheme(code, tokenizer):
    assert tokenizer_for(code) == tokenizer


@pytest.mark.parametrize("code", ["ja", "jpn_Jpan", "ko-KR"])
def test_without_mecab_japanese_and_korean_are_cut_by_character_with_a_warning(code, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda module: None)
    with pytest.warns(UserWarning, match="pip install 'sacrebleu"):
        assert tokenizer_for(code) == "char"


def test_with_mecab_they_are_cut_by_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda module: module)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (tokenizer_for("ja_XX"), tokenizer_for("kor_Hang")) == ("ja-mecab", "ko-mecab")


def test_the_tokenizer_stands_in_the_signature():
    lines = corpus("zh", 5)
    assert "tok:zh|" in metrics.score("BLEU", *lines, target="zh").signature
    assert "tok:char|" in metrics.score("BLEU", *lines, target="zh", tokenizer="char").signature


def test_mistakes_are_named():
    with pytest.raises(UserError, match="2 hypotheses but 1 references"):
        metrics.score("BLEU", ["a", "b"], ["a"], target="en")
    with pytest.raises(UserError, match="test set is empty"):
        metrics.score("BLEU", [], [], target="en")
    with pytest.raises(UserError, match="no BLEU tokenizer 'mosses'"):
        metrics.score("BLEU", ["a"], ["a"], target="en", tokenizer="mosses")
    with pytest.raises(UserError, match="no metric 'rouge'"):
        metrics.metric_names(["bleu", "rouge"])
    assert metrics.metric_names(["bleu", "CHRF++"]) == ("BLEU", "chrF++")


def test_sentence_chrf_is_sacrebleus():
    for hypothesis, reference in zip(*corpus("ru", 10), strict=True):
        assert (
            metrics.sentence_chrf(hypothesis, reference)
            == CHRF(word_order=2).sentence_score(hypothesis, [reference]).score
        )

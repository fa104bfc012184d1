"""BLEU, chrF and chrF++ through sacrebleu, and ROUGE-L: score, signature and bootstrap interval of a whole test set.

Of the first three, point score and signature are sacrebleu's own, to the last bit. The bootstrap is ours: it resamples
the sentences' sufficient statistics as one matrix instead of a thousand Python calls (`stats/bootstrap.py`).

Sources: BLEU (Papineni et al., 2002), chrF (Popovic, 2015), chrF++ (Popovic, 2017), signatures (Post, 2018),
bootstrap intervals (Koehn, 2004).
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import numpy as np

from anyglot.errors import UserError
from anyglot.evaluation.translation.rouge import VERSION, rouge_l
from anyglot.runtime.arguments import text, texts
from anyglot.stats.bootstrap import bleu_from_statistics, chrf_from_statistics
from anyglot.stats.scores import RESAMPLES, SEED, Score, Statistics, mean_statistics, score_statistics
from anyglot.text.bleu_tokenizer import tokenizer_for
from anyglot.text.languages import language

MetricName = Literal["BLEU", "chrF", "chrF++", "ROUGE-L"]
METRIC_NAMES: tuple[MetricName, ...] = get_args(MetricName)

TOKENIZERS = ("13a", "intl", "zh", "char", "ja-mecab", "ko-mecab", "none", "spm", "flores101", "flores200")


def statistics(
    name: MetricName,
    hypotheses: Sequence[str],
    references: Sequence[str],
    *,
    target: str,
    tokenizer: str | None = None,
) -> Statistics:
    """Count what a metric needs from every sentence, once, for scores, intervals and comparisons.

    Args:
        name: "BLEU", "chrF", "chrF++" or "ROUGE-L".
        hypotheses: The system's lines.
        references: As many reference lines.
        target: Code of the language they are in; it chooses BLEU's tokenizer.
        tokenizer: A sacrebleu tokenizer's name in place of the language's own. Only BLEU reads it. "spm", "flores101"
            and "flores200" fetch a SentencePiece model on first use.

    Raises:
        UserError: No such metric or language; something that is no text among the lines (a TypeError too); the counts
            differ, there are no sentences, or the tokenizer is unknown or cannot be loaded.
    """
    (name,) = metric_names([name])
    hypotheses, references = texts("hypotheses", hypotheses), texts("references", references)
    language(target)
    if len(hypotheses) != len(references):
        raise UserError(
            f"there are {len(hypotheses)} hypotheses but {len(references)} references; "
            "they must be the same sentences, one a line, in the same order"
        )
    if not hypotheses:
        raise UserError("the test set is empty; give at least one sentence with its reference")
    if name == "ROUGE-L":
        scores = [rouge_l(*pair) for pair in zip(hypotheses, references, strict=True)]
        return mean_statistics(name, scores, _sign_rouge)
    metric = _metric(name, target, tokenizer)
    counts = metric._extract_corpus_statistics(list(hypotheses), [list(references)])
    point = float(metric._aggregate_and_compute(counts).score)
    formula = bleu_from_statistics if name == "BLEU" else chrf_from_statistics
    return Statistics(name, np.asarray(counts, dtype=np.float64), point, formula, _signer(metric))


def _signer(metric: Any) -> Callable[[int, int | None], str]:
    """sacrebleu writes the signature from fields of its metric object."""

    def sign(resamples: int, seed: int | None) -> str:
        metric.n_bootstrap, metric.seed = (resamples, seed) if resamples else (None, None)
        return str(metric.get_signature())

    return sign


def _sign_rouge(resamples: int, seed: int | None) -> str:
    drawn = f"bs:{resamples}|seed:{seed}|" if resamples else ""
    return f"nrefs:1|{drawn}case:lc|tok:unicode|beta:1|mean:sentences|version:anyglot-{VERSION}"


def _metric(name: MetricName, target: str, tokenizer: str | None) -> Any:
    from sacrebleu.metrics import BLEU, CHRF

    if name == "chrF":
        return CHRF()
    if name == "chrF++":
        return CHRF(word_order=2)
    if name != "BLEU":
        raise UserError(f"there is no metric {name!r}; choose from {', '.join(METRIC_NAMES)}")
    chosen = tokenizer_for(target) if tokenizer is None else tokenizer
    if chosen not in TOKENIZERS:
        raise UserError(f"there is no BLEU tokenizer {chosen!r}; choose from {', '.join(TOKENIZERS)}")
    try:
        # `force` only silences a warning about lines that end in " .", which languages may rightly do.
        return BLEU(tokenize=chosen, force=True)
    except (OSError, ImportError, RuntimeError, SystemExit) as error:  # sacrebleu exits when a download fails
        told = " ".join(str(error).split())
        raise UserError(f"the BLEU tokenizer {chosen!r} could not be loaded ({told}); choose another") from error


def check_metrics(names: Sequence[MetricName], *, target: str, tokenizer: str | None = None) -> None:
    """Load what the metrics need, so that a tokenizer that is not there is told before hours of translating.

    Raises:
        UserError: As `statistics`.
    """
    for name in names:
        if name != "ROUGE-L":
            _metric(name, target, tokenizer)


def score(
    name: MetricName,
    hypotheses: Sequence[str],
    references: Sequence[str],
    *,
    target: str,
    tokenizer: str | None = None,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Score:
    """Score a test set with one metric: `statistics`, then `score_statistics`.

    Raises:
        UserError: As `statistics`.
    """
    counted = statistics(name, hypotheses, references, target=target, tokenizer=tokenizer)
    return score_statistics(counted, resamples=resamples, seed=seed)


def bleu(hypotheses: Sequence[str], references: Sequence[str], *, target: str, resamples: int = 0) -> float:
    """Return corpus BLEU as a number, without an interval unless resamples are asked for. For validation in a run."""
    return score("BLEU", hypotheses, references, target=target, resamples=resamples).value


def chrf_plus_plus(hypotheses: Sequence[str], references: Sequence[str], *, target: str) -> float:
    """Return corpus chrF++ as a number. For validation in a run."""
    return score("chrF++", hypotheses, references, target=target, resamples=0).value


def sentence_chrf(hypothesis: str, reference: str) -> float:
    """Return chrF++ of a single sentence, 0 to 100: it stays meaningful where sentence BLEU is mostly zero."""
    return float(_sentence_metric().sentence_score(hypothesis, [reference]).score)


@functools.cache
def _sentence_metric() -> Any:
    return _metric("chrF++", "", None)


def metric_names(names: Sequence[str]) -> tuple[MetricName, ...]:
    """Check metric names given by a user.

    Raises:
        UserError: One is not among `METRIC_NAMES`.
    """
    known = {name.lower(): name for name in METRIC_NAMES}
    for name in names:
        if text("a metric", name).lower() not in known:
            raise UserError(f"there is no metric {name!r}; choose from {', '.join(METRIC_NAMES)}")
    return tuple(known[name.lower()] for name in names)

"""How predictions are scored: one file a family of metrics, all with the official scorers' numbers.

| Name | Official scorer |
|---|---|
| accuracy | sklearn's `accuracy_score` |
| tag_accuracy | the share of words with the right tag |
| span_f1 | seqeval's `f1_score`, `precision_score`, `recall_score` |
| legacy_pos | the same over bare part-of-speech tags, as XTREME and XGLUE score them |
| ndcg, ndcg_expected | XGLUE's WPR: sklearn's `ndcg_score` of each query; by class index, or by expected grade |
| squad | SQuAD 1.1's |
| mlqa | MLQA's, for a language |
"""

from __future__ import annotations

from collections.abc import Callable

from anyglot.evaluation.tasks.metrics.accuracy import Accuracy, TagAccuracy
from anyglot.evaluation.tasks.metrics.answering import mlqa, squad
from anyglot.evaluation.tasks.metrics.legacy_pos import legacy_pos
from anyglot.evaluation.tasks.metrics.metric import Metric
from anyglot.evaluation.tasks.metrics.ranking import Ndcg
from anyglot.evaluation.tasks.metrics.spans import Spans
from anyglot.evaluation.tasks.task import Task

METRICS: dict[str, Callable[[Task, str], Metric]] = {
    "accuracy": lambda task, language: Accuracy(task.labels),
    "tag_accuracy": lambda task, language: TagAccuracy(),
    "span_f1": lambda task, language: Spans(),
    "legacy_pos": lambda task, language: legacy_pos(),
    "ndcg": lambda task, language: Ndcg(task.labels),
    "ndcg_expected": lambda task, language: Ndcg(task.labels, expected=True),
    "squad": lambda task, language: squad(),
    "mlqa": lambda task, language: mlqa(language),
}
"""Each makes a metric for one pass over the test set of a task in a language (canonical code)."""

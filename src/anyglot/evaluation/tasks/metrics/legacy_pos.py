"""The score that XTREME and XGLUE report for part-of-speech tags: seqeval's span scores of bare tags.

seqeval cuts off the first character of a tag and takes runs of equal types as spans: NOUN NOUN VERB is two of them, so
that one wrong word breaks a longer run, and SCONJ is read as a single-word CONJ, of the same type as CCONJ. "X" alone
has the type of O. XTREME reports the F1 (method card 6.1), XGLUE the precision, which it calls accuracy (4.3): it is
several points below the share of right tags, `tag_accuracy`, which stands beside it.
"""

from __future__ import annotations

from anyglot.evaluation.tasks.metrics.spans import Spans


def legacy_pos() -> Spans:
    """Spans of bare tags, XGLUE's precision first."""
    return Spans(name="legacy_pos", values=("precision", "f1", "recall"))

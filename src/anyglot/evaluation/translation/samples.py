"""Sample translations with their sentence scores."""

from anyglot.evaluation.translation.metrics import sentence_chrf
from anyglot.reporting.elements import Sample


def scored_sample(
    source: str,
    reference: str,
    output: str,
    *,
    baseline: str | None = None,
    language: str = "",
    target: str = "",
    kind: str | None = None,
) -> Sample:
    """Build a sample with the sentence chrF++ of the output and of the baseline's."""
    return Sample(
        source=source,
        reference=reference,
        output=output,
        baseline=baseline,
        language=language,
        target=target,
        kind=kind,
        chrf=sentence_chrf(output, reference),
        baseline_chrf=None if baseline is None else sentence_chrf(baseline, reference),
    )

"""Scoring translations as a Python function, as `anyglot evaluate translation` is from a shell."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

from anyglot.errors import UserError
from anyglot.evaluation.translation.metrics import metric_names
from anyglot.evaluation.translation.opening import opened, opener
from anyglot.evaluation.translation.report_builder import Request, carry_out
from anyglot.evaluation.translation.run import System, unique_labels
from anyglot.evaluation.translation.scoring import Scoring
from anyglot.evaluation.translation.table import TestSet, parse_tests, read_tests
from anyglot.inference.translation import SearchSettings, Translator
from anyglot.inference.translation.loading import check_translator
from anyglot.runtime import arguments
from anyglot.runtime.files import write_text
from anyglot.runtime.locks import held
from anyglot.stats.scores import RESAMPLES, SEED, Score

logger = logging.getLogger(__name__)

Sentences = tuple[Sequence[str], Sequence[str], str, str]
"""Sources, as many references, source language, target language."""


@dataclass(frozen=True, repr=False)
class EvaluationResult:
    """What a model's translations of some test sets score.

    Attributes:
        model: The model's label.
        scores: By test set and metric; a score has `value`, `low` and `high` from 0 to 100, and a `signature`.
        hypotheses: By test set: the translations, one for each pair of which neither side is blank.
        skipped: Test sets that were left out because the model cannot be told their languages.
    """

    model: str
    scores: Mapping[str, Mapping[str, Score]]
    hypotheses: Mapping[str, tuple[str, ...]]
    skipped: tuple[str, ...] = ()

    def __repr__(self) -> str:
        metrics = dict.fromkeys(metric for found in self.scores.values() for metric in found)
        if len(self.scores) == 1:
            (test, scores), *_ = self.scores.items()
            return f"EvaluationResult({self.model!r}, {test}: {', '.join(f'{m} {scores[m]}' for m in metrics)})"
        means = ", ".join(f"{m} {mean(found[m].value for found in self.scores.values()):.1f}" for m in metrics)
        return f"EvaluationResult({self.model!r}, mean of {len(self.scores)} test sets: {means})"

    def to_dict(self) -> dict[str, Any]:
        """Everything as values that JSON can hold."""
        keys = ("value", "low", "high", "signature", "sentences")
        return {
            "model": self.model,
            "scores": {
                test: {metric: {key: getattr(score, key) for key in keys} for metric, score in found.items()}
                for test, found in self.scores.items()
            },
            "hypotheses": {test: list(lines) for test, lines in self.hypotheses.items()},
            "skipped": list(self.skipped),
        }


def evaluate(
    model: str | Path | Translator,
    test_sets: str | Path | Mapping[str, Sentences],
    *,
    metrics: Sequence[str] = ("BLEU", "chrF++"),
    settings: SearchSettings | None = None,
    tokenizer: str | None = None,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    device: str | None = None,
    precision: str = "auto",
    out: str | Path | None = None,
    say: Callable[[str], None] = logger.info,
) -> EvaluationResult:
    """Score a model's translations, as `anyglot evaluate translation` does.

    Args:
        model: A model folder, a name on the hub, or a `Translator`.
        test_sets: A table of test sets (docs/evaluate.md), or by name: sources, as many references, the language of
            the sources and that of the references. Pairs with a blank side are left out.
        metrics: Of "BLEU", "chrF", "chrF++" and "ROUGE-L".
        settings: How to search; None: the model's own defaults.
        tokenizer: BLEU's tokenizer for all languages; None: each language's own.
        resamples: Of the bootstrap that `low` and `high` are taken from; with 0 both are the score itself.
        seed: Of the bootstrap.
        device: Of a model that is opened here: "cpu", "cuda", "cuda:1"; None takes a GPU if there is one.
        precision: Likewise; see `Translator.from_pretrained`.
        out: A folder for the report and the translations, which are used again when the same model would translate the
            same lines. None keeps nothing.
        say: Is told what happens.

    Raises:
        UserError: No such model, metric or file; a mistake in the table; languages the model cannot be told; a device
            or precision for a model that is open already. Of another type than stands here, a TypeError too.

    Example:
        >>> anyglot.evaluate("runs/mine", {"news": (["Das Haus ist alt."], ["The house is old."], "de", "en")})
        ... # doctest: +SKIP
        EvaluationResult('mine', news: BLEU 100.0 [100.0, 100.0], chrF++ 100.0 [100.0, 100.0])
    """
    chosen = metric_names(arguments.texts("metrics", metrics))
    if not chosen:
        raise UserError("metrics names no metric; name some of BLEU, chrF, chrF++ and ROUGE-L")
    label, open_system = _system(model, settings or SearchSettings(), device, precision, say)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()) if out is None else out).expanduser()
        stack.enter_context(held(folder))
        request = Request(
            systems={label: open_system},
            folders={} if isinstance(model, Translator) else {label: Path(model)},
            tests=_test_sets(test_sets, folder),
            out=folder,
            scoring=Scoring(chosen, tokenizer, resamples, seed),
            baseline=None,
            samples=10,
        )
        evaluation, _ = carry_out(request, say)
    hypotheses = {test: tuple(lines) for test, lines in evaluation.outputs[label].items()}
    return EvaluationResult(
        model=label,
        scores=MappingProxyType({each.test: MappingProxyType(dict(each.scores)) for each in evaluation.results}),
        hypotheses=MappingProxyType(hypotheses),
        skipped=tuple(test.name for test in evaluation.tests if test.name not in hypotheses),
    )


def _system(
    model: str | Path | Translator,
    settings: SearchSettings,
    device: str | None,
    precision: str,
    say: Callable[[str], None],
) -> tuple[str, Callable[[], System]]:
    if isinstance(model, Translator):
        if device is not None or precision != "auto":
            raise UserError(
                "device and precision are for a model that is opened here; a Translator has its own: leave them out"
            )
        (label,) = unique_labels([model.name or "model"])
        return label, lambda: opened(model, label, settings, say)
    name = str(arguments.place("model", model))
    (label,) = unique_labels([name])
    check_translator(name)
    return label, opener(name, label, settings, device, precision, say)


def _test_sets(given: str | Path | Mapping[str, Sentences], folder: Path) -> tuple[TestSet, ...]:
    """The table's, or those in memory, which are put into files of the evaluation's folder like any other."""
    if not isinstance(given, Mapping):
        return read_tests(Path(arguments.place("test_sets", given)))
    if not given:
        raise UserError("test_sets has no test set; name at least one: its sources, references and two languages")
    entries = []
    for number, (name, test) in enumerate(given.items(), start=1):
        where = f"test set {arguments.text('the name of a test set', name)!r}"
        if isinstance(test, str) or not isinstance(test, Sequence) or len(test) != 4:
            raise UserError(f"{where} must be (sources, references, source language, target language)")
        sources = arguments.texts(f"sources of {where}", test[0])
        references = arguments.texts(f"references of {where}", test[1])
        if len(sources) != len(references):
            raise UserError(f"{where} has {len(sources)} sources but {len(references)} references; give one a source")
        file = folder / "given" / f"{number}.jsonl"
        lines = (json.dumps({"source": s, "target": t}) for s, t in zip(sources, references, strict=True))
        write_text(file, "".join(line + "\n" for line in lines))
        entry = {"source": test[2], "target": test[3], "file": file.name, "fields": ["source", "target"]}
        entries.append({"name": name, **entry})
    return parse_tests(entries, folder=folder / "given", where="test_sets")

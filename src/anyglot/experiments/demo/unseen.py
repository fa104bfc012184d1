"""Languages beyond: sentences in languages that are in no pair and not in the phrasebook, translated and scored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import groupby
from pathlib import Path

from anyglot.evaluation.translation.hypotheses import translated
from anyglot.evaluation.translation.metrics import score
from anyglot.evaluation.translation.run import System
from anyglot.reporting.elements import Cell, Table
from anyglot.stats.scores import Score


@dataclass(frozen=True)
class UnseenSentence:
    """A sentence of `unseen.tsv`: its language, the sentence, and what it is in English."""

    language: str
    text: str
    reference: str


@dataclass(frozen=True)
class Unseen:
    """What the systems made of them.

    Attributes:
        outputs: By label, a translation a sentence, in the order of the file.
        bleu, chrf: By label, over all sentences together.
    """

    sentences: tuple[UnseenSentence, ...]
    outputs: Mapping[str, tuple[str, ...]]
    bleu: Mapping[str, Score]
    chrf: Mapping[str, Score]

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(sentence.language for sentence in self.sentences))

    def exact(self, label: str) -> int:
        """How many translations are the reference, letter by letter."""
        pairs = zip(self.sentences, self.outputs[label], strict=True)
        return sum(output == sentence.reference for sentence, output in pairs)

    def score_table(self) -> Table:
        """A row per system."""
        rows: list[tuple[Cell, ...]] = [
            (label, self.bleu[label], self.chrf[label], self.exact(label), len(self.sentences))
            for label in self.outputs
        ]
        title = f"Sentences in {len(self.languages)} languages beyond"
        note = (
            "In no pair and not in the phrasebook: "
            + ", ".join(self.languages)
            + ". A few sentences each, written for "
            "this demo and scored together; exact are those that equal the reference letter by letter."
        )
        return Table(title, ("System", "BLEU", "chrF", "Exact", "Sentences"), tuple(rows), note)

    def sentence_table(self, label: str) -> Table:
        """A row per sentence, right or wrong, with the translation of one system."""
        rows: list[tuple[Cell, ...]] = [
            (
                sentence.language,
                sentence.text,
                sentence.reference,
                output,
                "yes" if output == sentence.reference else "no",
            )
            for sentence, output in zip(self.sentences, self.outputs[label], strict=True)
        ]
        columns = ("Language", "Source", "Reference", label, "Exact")
        return Table(f"All sentences in languages beyond, as {label} translates them", columns, tuple(rows))


@lru_cache(maxsize=1)
def unseen_sentences() -> tuple[UnseenSentence, ...]:
    """The sentences of the package's file, those of a language together."""
    text = resources.files("anyglot.experiments.demo").joinpath("unseen.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    return tuple(UnseenSentence(*row) for row in rows)


def translate_unseen(
    systems: Mapping[str, Callable[[], System]], sentences: Sequence[UnseenSentence], target: str, out: Path, seed: int
) -> Unseen:
    """Translate the sentences with every system and score them; translations made before are kept.

    Args:
        systems: By label: opens the system.
        sentences: Those of a language together.
        out: For `hypotheses/`.
        seed: Of the bootstrap intervals.

    Raises:
        UserError: The translations cannot be written.
    """
    outputs = {}
    for label, opened in systems.items():
        system = opened()
        made: list[str] = []
        for language, group in groupby(sentences, key=lambda sentence: sentence.language):
            made += _translated(system, language, [sentence.text for sentence in group], target, out)
        outputs[label] = tuple(made)
    references = [sentence.reference for sentence in sentences]

    def scored(metric: str) -> dict[str, Score]:
        return {
            label: score(metric, lines, references, target=target, seed=seed)  # type: ignore[arg-type]
            for label, lines in outputs.items()
        }

    return Unseen(tuple(sentences), outputs, scored("BLEU"), scored("chrF"))


def _translated(system: System, language: str, texts: list[str], target: str, out: Path) -> list[str]:
    read = hashlib.sha256("\n".join(texts).encode()).hexdigest()
    made_from = {**system.made_from, "source": language, "target": target, "input": read}
    path = out / "hypotheses" / system.label / f"unseen-{language}-{target}.txt"
    return translated(path, made_from, len(texts), lambda: system.translate(texts, language, target))[0]

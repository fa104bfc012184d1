"""What a model is trained on and selected by: one language, its translations too, or a few examples of each target.

| Setting | Training set |
|---|---|
| zero-shot | the training language's own |
| translate-train | that, and its translations into every target language (translate-train-all; VECO appendix B) |
| few-shot | that, and N examples of each target language, drawn by the seed, all in one training |
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from anyglot.errors import UserError
from anyglot.evaluation.finetuning.settings import Selection
from anyglot.evaluation.finetuning.sources import TaskSources
from anyglot.evaluation.finetuning.translated import Translated
from anyglot.evaluation.tasks.examples import Example
from anyglot.evaluation.tasks.task import Split

Examples = Callable[[], Iterator[Example]]


@dataclass(frozen=True)
class Mixture:
    """A training set and what weights are selected by.

    Attributes:
        train: By language.
        dev: By language: of the training language for "english", of all that have one for "mean", none for "last".
        hashes: What must be the same for a training to be the same one: name to SHA-256 and the like.
        selection: As asked for, or "last" where there is nothing to select by.
        told: What the report says of it.
    """

    train: Mapping[str, Examples]
    dev: Mapping[str, Examples]
    hashes: Mapping[str, str]
    selection: Selection
    told: Mapping[str, str] = field(default_factory=dict)


def mix(
    sources: TaskSources,
    targets: tuple[str, ...],
    *,
    train_language: str,
    selection: Selection,
    few: int = 0,
    seed: int = 1,
    translated: Translated | None = None,
) -> Mixture:
    """Put a training set together.

    Args:
        sources: The task's files.
        targets: Test languages.
        train_language: Whose training set it is.
        selection: What the epoch is chosen by.
        few: Examples of each target language to add.
        seed: Draws them.
        translated: Translations of the training set to add.

    Raises:
        UserError: There is no training set in this language, or too few examples to draw from.
    """
    training = sources.data
    if not training.has("train", train_language):
        there = [code for code in training.languages("train")]
        raise UserError(
            f"{sources.trained.name} has no training set in {train_language}"
            + (f"; there is one in {', '.join(there)}: choose it with --set train_language=CODE" if there else "")
        )
    train: dict[str, Examples] = {train_language: _opened(sources, "train", train_language)}
    hashes = {f"train {train_language}": training.hash("train", train_language)}
    told = {"Trained on": f"{sources.trained.name} in {train_language}"}
    if training.note:
        told["Data"] = training.note
    if translated is not None:
        for code in targets:
            if code != train_language and code in translated.languages:
                train[code] = translated.opener(code)
                hashes[f"translated {code}"] = translated.hashes[code]
        told["Trained on"] += f"; {translated.told} ({', '.join(code for code in train if code != train_language)})"
    drawn: dict[str, frozenset[int]] = {}
    if few:
        for code in targets:
            if code != train_language:
                split = _few_split(sources, code)
                chosen = draw(sources.data.examples(split, code), few, f"{seed} {sources.task.name} {code}")
                train[code] = _some(_opened(sources, split, code), chosen)
                hashes[f"few {code}"] = f"{split} {sources.data.hash(split, code)} {sorted(chosen)}"
                if split == "dev":
                    drawn[code] = chosen
        told["Trained on"] += f"; {few} examples of each target language added, drawn by the seed"
        if drawn:
            told["Trained on"] += f" (from the dev set in {', '.join(drawn)}, which is selected on without them)"
    dev, by = _dev(sources, targets, train_language, selection, drawn)
    hashes |= {f"dev {code}": sources.data.hash("dev", code) for code in dev}
    return Mixture(train, dev, hashes, by, {**told, "Selected by": SELECTED[by] if by == selection else NOTHING})


SELECTED: Mapping[Selection, str] = {
    "english": "the dev set of the training language",
    "mean": "the mean over the dev sets of all languages that have one",
    "last": "nothing: the last weights",
}
NOTHING = "nothing: the last weights, as there is no dev set"


def draw(examples: Iterable[Example], count: int, key: str) -> frozenset[int]:
    """Draw examples by their place in the file, each set of `count` as likely, in one pass and constant memory.

    Raises:
        UserError: There are fewer.
    """
    # random.Random and its randrange are the same on every machine and under every hash seed.
    generator = random.Random(hashlib.sha256(f"few {key}".encode()).hexdigest())
    kept: list[int] = []
    seen = 0
    for number, _ in enumerate(examples):
        seen += 1
        if len(kept) < count:
            kept.append(number)
        elif (place := generator.randrange(seen)) < count:
            kept[place] = number
    if seen < count:
        raise UserError(f"few_shot {count} asks for more examples than there are: {key.split()[-1]} has {seen}")
    return frozenset(kept)


def _few_split(sources: TaskSources, code: str) -> Split:
    splits: tuple[Split, ...] = ("train", "dev")
    for split in splits:
        if sources.data.has(split, code):
            return split
    raise UserError(
        f"{sources.task.name} has no training or dev set in {code} to draw examples from; leave {code} out with "
        "--languages, or train zero-shot"
    )


def _dev(
    sources: TaskSources,
    targets: tuple[str, ...],
    train_language: str,
    selection: Selection,
    drawn: Mapping[str, frozenset[int]],
) -> tuple[dict[str, Examples], Selection]:
    if selection == "last":
        return {}, "last"
    dev: dict[str, Examples] = {}
    if sources.data.has("dev", train_language):
        dev[train_language] = _opened(sources, "dev", train_language)
    if selection == "mean":
        for code in targets:
            if code not in dev and sources.data.has("dev", code):
                opened = _opened(sources, "dev", code)
                dev[code] = _some(opened, drawn[code], without=True) if code in drawn else opened
    return dev, selection if dev else "last"


def _opened(sources: TaskSources, split: Split, code: str) -> Examples:
    return lambda: sources.data.examples(split, code)


def _some(opened: Examples, chosen: frozenset[int], *, without: bool = False) -> Examples:
    """The examples at these places, or all others."""

    def examples() -> Iterator[Example]:
        return (example for number, example in enumerate(opened()) if (number in chosen) != without)

    return examples

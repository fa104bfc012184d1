"""Sequence-level distillation: a teacher's translations in place of a recipe's targets (Kim and Rush, 2016).

    OUT/sources/0.de-en.de       the source side of the recipe's first corpus, a line each
    OUT/sources/0.de-en.out      the teacher's translations, line for line, and their journal
    OUT/text/0.de-en.de, .en     the pairs to learn from: without those the teacher had nothing to say to
    OUT/corpora.tsv              the data sheet that lists them
    OUT/distilled.json           teacher, settings, counts
    OUT/recipe.yaml              the recipe over this data; written last

Non-autoregressive models need it: a teacher translates alike what is alike, so that there is less to choose from.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from anyglot.data.corpus import ParallelSource
from anyglot.data.progress import say
from anyglot.data.sheet import write_sheet
from anyglot.errors import UserError
from anyglot.methods import METHODS
from anyglot.recipe import yaml_text
from anyglot.recipe.schema import Recipe
from anyglot.translator.door import Translator
from anyglot.translator.jobs import FileJob, disk_errors, inspect_input
from anyglot.translator.lines import clean
from anyglot.translator.settings import SearchSettings
from anyglot.translator.work import precision_begun, translate_file

RECIPE = "recipe.yaml"
SHEET = "corpora.tsv"


@dataclass(frozen=True)
class Distillation:
    """What is asked for.

    Attributes:
        recipe: Whose training pairs are translated.
        teacher: A model folder or a hub name.
        out: The folder of pairs and recipe.
        mix: Whether the recipe keeps its own pairs beside the teacher's.
        resume: Go on with what an interrupted run left in `out`.
    """

    recipe: Recipe
    teacher: str
    out: Path
    settings: SearchSettings
    mix: bool = False
    device: str | None = None
    precision: str = "auto"
    resume: bool = False


@dataclass(frozen=True)
class _Corpus:
    """A corpus on its way."""

    number: int
    source: ParallelSource
    folder: Path

    @property
    def stem(self) -> str:
        return f"{self.number}.{self.source.name}"

    @property
    def original(self) -> Path:
        """The source sentences."""
        return self.folder / "sources" / f"{self.stem}.{self.source.source}"

    @property
    def translated(self) -> Path:
        """The teacher's translations of them."""
        return self.folder / "sources" / f"{self.stem}.out"

    @property
    def text(self) -> tuple[str, str]:
        """Both sides of the pairs to learn from, as seen from the folder."""
        return f"text/{self.stem}.{self.source.source}", f"text/{self.stem}.{self.source.target}"


def distil(asked: Distillation) -> None:
    """Have the teacher translate every training pair's source, and write pairs and recipe.

    Raises:
        UserError: The recipe does not learn from pairs, the teacher cannot translate them, or the folder is taken.
    """
    out = asked.out
    if (out / RECIPE).exists() and asked.resume:
        say(f"{out} is finished: nothing is left to translate.")
        return
    if out.exists() and any(out.iterdir()) and not asked.resume:
        raise UserError(f"{out} is not empty; give --resume to go on with a distillation in it, or another folder.")
    corpora = [_Corpus(number, source, out) for number, source in enumerate(_pairs(asked.recipe))]
    journals = [FileJob.journal_of(corpus.translated) for corpus in corpora] if asked.resume else []
    precision = precision_begun(asked.precision, journals)
    translator = Translator.from_pretrained(asked.teacher, asked.device, precision)
    settings = translator.searching.settle(asked.settings)
    _check_directions(translator, corpora)
    with disk_errors(str(out)):
        for name in ("sources", "text"):
            (out / name).mkdir(parents=True, exist_ok=True)
    jobs = []
    for corpus in corpora:  # all are written and looked at before hours go into the first
        _write_lines(corpus.original, (source for source, _ in _filled(corpus.source)))
        jobs.append(
            FileJob(corpus.original, corpus.translated, inspect_input(corpus.original, settings.max_characters))
        )
    for corpus, job in zip(corpora, jobs, strict=True):
        say(f"{corpus.source.name}: {job.facts.lines:,} sentences of {' and '.join(corpus.source.locations)}.")
        framing = translator.framing
        source, target = framing.source(corpus.source.source), framing.target(corpus.source.target)
        translate_file(translator, job, source, target, settings, resume=asked.resume)
    _conclude(asked, corpora, {"teacher": asked.teacher, "identity": translator.identity, **asdict(settings)})


def _pairs(recipe: Recipe) -> list[ParallelSource]:
    """The recipe's training corpora, which must be of sentence pairs."""
    pairs = [source for source in recipe.data.train if isinstance(source, ParallelSource)]
    if METHODS[recipe.method.name].kind != "translation" or len(pairs) < len(recipe.data.train):  # type: ignore[attr-defined]
        raise UserError(
            f"{recipe.name} learns from more than sentence pairs, so a teacher cannot write all it learns; "
            "name a recipe that trains a translator."
        )
    return pairs


def _check_directions(translator: Translator, corpora: list[_Corpus]) -> None:
    """Refuse what the teacher cannot translate; tell its doubts."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for corpus in corpora:
            translator.check_languages(corpus.source.source, corpus.source.target)
    for remark in dict.fromkeys(str(warning.message) for warning in caught):
        say(f"warning: {remark}")


def _filled(source: ParallelSource) -> Iterator[tuple[str, str]]:
    """The pairs that training would see, each side on one line."""
    for pair in source.pairs():
        left, right = map(clean, pair)
        if left and right:
            yield left, right


def _conclude(asked: Distillation, corpora: list[_Corpus], facts: dict[str, Any]) -> None:
    """Write the pairs, the sheet, the facts and, last, the recipe."""
    rows: list[dict[str, Any]] = []
    told: list[dict[str, Any]] = []
    for corpus in corpora:
        sources, outputs = (
            path.read_text(encoding="utf-8").split("\n")[:-1] for path in (corpus.original, corpus.translated)
        )
        kept = [(source, output) for source, output in zip(sources, outputs, strict=True) if output.strip()]
        if not kept:
            raise UserError(f"{asked.teacher} had no words for any of the {len(sources):,} sentences of {corpus.stem}.")
        for side, name in enumerate(corpus.text):
            _write_lines(asked.out / name, (pair[side] for pair in kept))
        rows.append({"source": corpus.source.source, "target": corpus.source.target, "files": corpus.text})
        told.append({"name": corpus.source.name, "pairs": len(kept), "empty": len(sources) - len(kept)})
        empty = f"; {len(sources) - len(kept):,} without a translation are left out" if len(kept) < len(sources) else ""
        say(f"{corpus.source.name}: {len(kept):,} pairs{empty}.")
    if asked.mix:
        rows += [corpus.source.model_dump(mode="json", exclude_none=True) for corpus in corpora]
    write_sheet(asked.out / SHEET, rows)
    values = asked.recipe.document()
    values["name"] = f"{asked.recipe.name}-distilled"
    values["data"]["train"] = [{"sheet": SHEET}]
    _write_lines(asked.out / "distilled.json", [json.dumps({**facts, "corpora": told}, indent=2)])
    _write_lines(asked.out / RECIPE, [yaml_text.dump(values).rstrip("\n")])
    say(f"{asked.out / RECIPE} is ready: anyglot train {asked.out / RECIPE} --out FOLDER.")


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    """A file that appears whole or not at all."""
    partial = path.with_name(path.name + ".tmp")
    with disk_errors(str(path)):
        with partial.open("w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(f"{line}\n" for line in lines)
        partial.replace(path)

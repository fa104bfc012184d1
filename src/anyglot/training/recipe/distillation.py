"""Sequence-level distillation: a teacher's translations in place of a recipe's targets (Kim and Rush, 2016).

    OUT/distilling.json          what this is: recipe, text, teacher, settings; written first, and compared on resuming
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
import shutil
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from anyglot.data.corpus import ADDRESSES, ParallelSource, content_hash
from anyglot.data.manifest import write_sheet
from anyglot.errors import UserError
from anyglot.inference.generation.settings import SearchSettings
from anyglot.inference.translation.command import precision_begun, translate_file
from anyglot.inference.translation.jobs import ADVICE, FileJob, inspect_input
from anyglot.inference.translation.translator import Translator
from anyglot.runtime import yaml_text
from anyglot.runtime.files import whole_file, write_json
from anyglot.runtime.locks import held, is_empty
from anyglot.runtime.progress import say
from anyglot.runtime.signals import stoppable
from anyglot.runtime.untrusted_files import read_json
from anyglot.text.lines import clean
from anyglot.training.loop.checkpoint import differences
from anyglot.training.recipe.run import recipe_identity
from anyglot.training.recipe.schema import Recipe

RECIPE = "recipe.yaml"
SHEET = "corpora.tsv"
BEGUN = "distilling.json"


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
    with held(asked.out), stoppable("what was translated is kept; go on with `resume=True`"):
        _distil(asked)


def _distil(asked: Distillation) -> None:
    out = asked.out
    corpora = [_Corpus(number, source, out) for number, source in enumerate(_pairs(asked.recipe))]
    begun = _begun(asked, corpora)
    wanted = _known_without_teacher(asked, corpora)
    if begun is not None:  # what can be told without the teacher is
        _refuse_another(begun, {**begun, **wanted}, out)
    journals = [FileJob.journal_of(corpus.translated) for corpus in corpora] if asked.resume else []
    precision = precision_begun(asked.precision, journals)
    translator = Translator.from_pretrained(asked.teacher, asked.device, precision)
    settings = translator.searching.settle(asked.settings)
    wanted |= {f"teacher.{key}": str(value) for key, value in asdict(settings).items()}
    wanted["teacher"] = translator.identity
    if begun is not None:
        _refuse_another(begun, wanted, out)
    if (out / RECIPE).exists():
        say(f"{out} is finished: nothing is left to translate.")
        return
    _check_directions(translator, corpora)
    if begun is None:
        write_json(out / BEGUN, wanted, advice=ADVICE)
    try:
        _translate(asked, corpora, translator, settings)
    except UserError:
        if not _has_translations(corpora):
            _forget(out)
        raise


def _translate(asked: Distillation, corpora: list[_Corpus], translator: Translator, settings: SearchSettings) -> None:
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


def _begun(asked: Distillation, corpora: list[_Corpus]) -> dict[str, str] | None:
    """What an earlier run in the folder was to do, which is gone on with; None if there was none to go on with.

    A run that translated nothing yet is in nobody's way.

    Raises:
        UserError: The folder holds something else, or a distillation, and --resume was not given.
    """
    out = asked.out
    if not out.exists() or is_empty(out):
        return None
    try:
        begun = read_json(out / BEGUN)
    except FileNotFoundError:
        raise UserError(f"{out} is not empty, and holds no distillation; name another folder.") from None
    if not isinstance(begun, dict):
        raise UserError(f"{out / BEGUN} is damaged: delete {out}, or name another folder.")
    if asked.resume:
        return {str(key): str(value) for key, value in begun.items()}
    if (out / RECIPE).exists() or _has_translations(corpora):
        raise UserError(
            f"{out} is not empty; give `resume=True` to go on with the distillation in it, or another folder."
        )
    _forget(out)
    return None


def _known_without_teacher(asked: Distillation, corpora: list[_Corpus]) -> dict[str, str]:
    """All but the teacher that decides what comes out: the recipe, the text of its pairs, whether it is mixed in."""
    known = recipe_identity(asked.recipe) | {"mix": str(asked.mix)}
    known["data.validation_split"] = str(asked.recipe.data.validation_split)
    for corpus in corpora:
        location = corpus.source.locations[0]
        text = location if location.startswith(ADDRESSES) else content_hash(corpus.source)
        known[f"data.{corpus.number}.{corpus.source.name}"] = text
    return known


def _refuse_another(begun: dict[str, str], wanted: dict[str, str], out: Path) -> None:
    if listed := differences(begun, wanted):
        raise UserError(
            f"{out} was begun with another distillation and cannot be resumed with this one: {listed}. Give what it "
            "was begun with, or name another folder."
        )


def _has_translations(corpora: list[_Corpus]) -> bool:
    """Whether a translation of the teacher's is there that has words."""
    for corpus in corpora:
        for path in (corpus.translated, corpus.translated.with_name(corpus.translated.name + ".partial")):
            if path.is_file():
                with path.open("rb") as stream:
                    if any(line.strip() for line in stream):
                        return True
    return False


def _forget(out: Path) -> None:
    """Take away what a run without a translation left."""
    for name in ("sources", "text"):
        shutil.rmtree(out / name, ignore_errors=True)
    for name in (SHEET, "distilled.json", BEGUN):
        (out / name).unlink(missing_ok=True)
    if is_empty(out):
        out.rmdir()


def _pairs(recipe: Recipe) -> list[ParallelSource]:
    """The recipe's training corpora, which must be of sentence pairs."""
    pairs = [source for source in recipe.data.train if isinstance(source, ParallelSource)]
    if recipe.kind != "translation" or len(pairs) < len(recipe.data.train):
        raise UserError(
            f"{recipe.name} learns from more than sentence pairs, so a teacher cannot write all it learns; "
            "name a recipe that trains a translator."
        )
    return pairs


def _check_directions(translator: Translator, corpora: list[_Corpus]) -> None:
    """Refuse what the teacher cannot translate; tell its warnings."""
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
    say(f"{asked.out / RECIPE} is ready: `anyglot train {asked.out / RECIPE} --out FOLDER`.")


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    """A file that appears whole or not at all."""
    with whole_file(path, ADVICE) as stream:
        stream.writelines(f"{line}\n".encode() for line in lines)

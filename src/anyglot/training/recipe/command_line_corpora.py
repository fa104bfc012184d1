"""Corpora as the command line names them, `--train de-en=a.de,a.en`; without torch, so mistakes are told at once.

    de-en=a.de,a.en            line i of both belong together
    de-en=x.tsv                SOURCE tab TARGET; `x.tsv:1,0` names the columns, counted from 0; also .jsonl
    de-en=hf:owner/name        an address, as in a recipe; phrasebook:... likewise
    de=a.txt                   text of one language
    corpora.tsv                a data sheet (`anyglot data manifest`); also sheet=PATH

Every file may end in `.gz`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyglot.data.corpus import ADDRESSES
from anyglot.data.discover import sides_of
from anyglot.data.manifest import read_sheet
from anyglot.errors import UserError
from anyglot.text.languages import language
from anyglot.text.readers import kind_of

PAIRS_ONLY = frozenset(
    {
        "sixt",
        "finetune_all",
        "finetune",
        "continued",
        "transformer",
        "adapters",
        "nat_ctc",
        "msp",
        "sga",
        "sga_generation",
        "veco_translation",
    }
)
"""The methods that learn from sentence pairs and nothing else; told here, since their classes import torch."""
TEXT_ONLY = frozenset(["denoising"])
"""Those that learn from text of one language at a time. The others take both."""
_COLUMNS = re.compile(r"(.+):(\d+),(\d+)")


@dataclass(frozen=True)
class GivenData:
    """Values for a recipe's `data`, and where each came from."""

    values: dict[str, Any]
    origins: dict[tuple[str, ...], str]


def given_data(train: Sequence[str], validation: Sequence[str]) -> GivenData | None:
    """What stands in place of a recipe's corpora; None where no `--train` is given.

    Without `--validation` a part of the training text is split off (`training/recipe/validation_split.py`).

    Raises:
        UserError: A value is of no known form, its language unknown, or a file of it missing or empty.
    """
    if not train:
        if validation:
            raise UserError(
                "`validation` goes with `corpora`; to change a recipe's validation alone set data.validation."
            )
        return None
    origins: dict[tuple[str, ...], str] = {}
    values: dict[str, Any] = {"train": _corpora("train", train, origins), "validation": [], "validation_split": None}
    if validation:
        values["validation"] = _corpora("validation", validation, origins)
    else:
        values["validation_split"] = {}
    return GivenData(values, origins)


def refuse_wrong_forms(method: object, data: object, origins: Mapping[tuple[str, ...], str]) -> None:
    """Refuse text for a method that learns from pairs, and pairs for one that learns from text.

    Args:
        method: Its name, whatever it is: nothing is checked yet.
        data: A recipe's `data` with sheets expanded.
        origins: Key path -> where the value came from; those of what was given tell what is wrong.

    Raises:
        UserError: A corpus is of the wrong form: names it and what the method learns from.
    """
    for side in ("train", "validation"):
        corpora = data.get(side) if isinstance(data, dict) else None
        for number, corpus in enumerate(corpora if isinstance(corpora, list | tuple) else ()):
            text = isinstance(corpus, dict) and "language" in corpus
            where = origins.get(("data", side, str(number)), f"data.{side}.{number}")
            if text and method in PAIRS_ONLY:
                raise UserError(
                    f"{where} is text of one language, but {method} learns from sentence pairs; write de-en=a.de,a.en."
                )
            if not text and method in TEXT_ONLY:
                raise UserError(
                    f"{where} are sentence pairs, but {method} learns from text of one language at a time; write "
                    "de=a.txt for each."
                )


def _corpora(side: str, texts: Sequence[str], origins: dict[tuple[str, ...], str]) -> list[dict[str, Any]]:
    found = []
    for number, text in enumerate(texts):
        where = f"`{'corpora' if side == 'train' else side}={text}`"
        found.append(_corpus(text, where))
        origins["data", side, str(number)] = where
    return found


def _corpus(text: str, where: str) -> dict[str, Any]:
    name, separator, place = text.partition("=")
    if not separator or name == "sheet":
        return _sheet(place or name, where)
    if not place:
        raise UserError(f"{where} names no file; write {name}=FILE, or {name}=FILE,FILE for the two sides of a pair.")
    sides = sides_of(name)
    if sides is not None:
        return {"source": language(sides[0]).code, "target": language(sides[1]).code, **_pair(place, name, where)}
    try:
        code = language(name).code
    except UserError as error:
        raise UserError(f"{where}: {error} A pair is written as in de-en=a.de,a.en.") from None
    _check(place, where)
    return {"language": code, "file": place}


def _sheet(place: str, where: str) -> dict[str, Any]:
    if not place.removesuffix(".gz").endswith(".tsv"):
        raise UserError(
            f"{where} tells no language; write de-en=a.de,a.en or de-en=pairs.tsv for sentence pairs, de=a.txt for "
            "text, or the path of a data sheet (.tsv)."
        )
    _check(place, where)
    for row in read_sheet(Path(place)):
        files = row.source.get("files", [row.source.get("file", "")])
        for file in filter(None, files):
            there = file if file.startswith(ADDRESSES) else str(Path(place).parent / Path(file).expanduser())
            _check(there, f"{place}, line {row.line}")
    return {"sheet": place}


def _pair(place: str, name: str, where: str) -> dict[str, Any]:
    if place.startswith(ADDRESSES):
        return {"file": place}
    ordered = _COLUMNS.fullmatch(place)
    if ordered is not None:
        _check(ordered[1], where)
        return {"file": ordered[1], "columns": [int(ordered[2]), int(ordered[3])]}
    files = place.split(",")
    for file in files:
        _check(file, where)
    if len(files) == 2:
        return {"files": files}
    if len(files) > 2 or kind_of(Path(place)) == "text":
        raise UserError(
            f"{where} gives {len(files)} text file{'s' if len(files) > 1 else ''} for a pair; write "
            f"{name}=SOURCE_FILE,TARGET_FILE, or one .tsv or .jsonl file."
        )
    return {"file": place}


def _check(place: str, where: str) -> None:
    if place.startswith(ADDRESSES):
        return
    path = Path(place).expanduser()
    if not path.is_file():
        raise UserError(f"{where}: there is no file {place!r}; check the path.")
    if path.stat().st_size == 0:
        raise UserError(f"{where}: {place} is empty; there is nothing to learn from.")

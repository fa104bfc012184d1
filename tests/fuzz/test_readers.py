"""Every reader of the package takes what it is fed for what it is, or refuses it in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz.folders import FOLDERS
from fuzz.jobs import JOBS
from fuzz.recipes import RECIPES
from fuzz.records import RECORDS
from fuzz.running import Reader, attack, report
from fuzz.studies import STUDIES
from fuzz.texts import TEXTS

READERS: tuple[Reader, ...] = (*FOLDERS, *RECIPES, *JOBS, *RECORDS, *STUDIES, *TEXTS)
FEW = 4
"""Inputs a reader in `make test`."""


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name.replace(" ", "-"))
def test_whatever_is_read(reader: Reader, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    wanted = request.config.getoption("--inputs", None)
    number = request.config.getoption("--fuzz-seed", None) or 0
    inputs = FEW if wanted is None else -(-wanted // len(READERS))
    counts = attack(reader, tmp_path, inputs, number)
    request.node.user_properties.append(("fuzz", counts.row()))
    assert not counts.faults, f"seed {number}\n{report(counts)}"

"""The phrasebook's labelled sets are written once, and anew where sizes change; other tasks ask for a folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from anyglot.errors import UserError
from anyglot.evaluation.finetuning.sources import LabelledSizes, data_folder, open_sources, phrasebook_folder
from anyglot.evaluation.tasks.catalogue import SUITES, TASKS

SIZES = LabelledSizes(languages=("en", "de"), counts={"train": 10, "dev": 5, "test": 5})


def test_the_phrasebooks_sets_are_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    said: list[str] = []
    folder = phrasebook_folder(SIZES, said.append)
    assert folder.is_relative_to(tmp_path) and len(said) == 1
    assert phrasebook_folder(SIZES, said.append) == folder and len(said) == 1
    assert phrasebook_folder(replace(SIZES, seed=2), said.append) != folder
    for name in SUITES["phrasebook"]:
        data = open_sources(TASKS[name], folder).data
        assert data.languages("test") == ("de", "en") and data.has("train", "en") and data.has("dev", "en")
        assert len(list(data.examples("test", "de"))) == 5


def test_other_tasks_need_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"xnli need their files: give the folder with `data`; `anyglot data check"):
        data_folder("xtreme", ("xnli",), None, print)
    with pytest.raises(UserError, match="is no folder"):
        data_folder("phrasebook", ("book_nli",), tmp_path / "nothing", print)
    assert data_folder("xtreme", ("xnli",), tmp_path, print) == tmp_path

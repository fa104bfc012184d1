"""A tiny translator that tests may spoil: each gets a copy of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support.tiny_translators import write_model_folder


@pytest.fixture(scope="session")
def whole_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model_folder(tmp_path_factory.mktemp("whole") / "model")


@pytest.fixture
def model(whole_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole_model, tmp_path / "model"))

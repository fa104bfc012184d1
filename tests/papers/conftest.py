from pathlib import Path

import pytest

from support.tiny_sixt import write_encoder


@pytest.fixture
def start(tmp_path: Path) -> str:
    return write_encoder(tmp_path / "encoder")

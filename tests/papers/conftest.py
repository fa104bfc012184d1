from pathlib import Path

import pytest
import torch

from papers.tiny import write_encoder


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def start(tmp_path: Path) -> str:
    return write_encoder(tmp_path / "encoder")

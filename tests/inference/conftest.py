from pathlib import Path

import pytest
import torch

from anyglot.inference.translation import Translator
from support.tiny_translators import write_model_folder


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model_folder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def translator(model_folder: Path) -> Translator:
    torch.set_num_threads(1)
    return Translator.from_pretrained(model_folder, device="cpu", precision="fp32")

"""A tiny translator over phrasebook text in three scripts, whole and trimmed to German and English."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyglot.hub.trimming import Trimmed, VocabularySpecification, trim
from anyglot.hub.trimming.choice import choose
from anyglot.hub.trimming.tokenizers import completed
from anyglot.text.tokenizer import load_tokenizer
from anyglot.text.vocabulary import Vocabulary
from support.trimming_models import write_model, write_texts


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_texts(tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory, texts: dict[str, Path]) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "full", texts)


@pytest.fixture(scope="session")
def wish(texts: dict[str, Path]) -> VocabularySpecification:
    return VocabularySpecification(texts=(texts["de"], texts["en"]))


@pytest.fixture(scope="session")
def trimmed(full: Path, wish: VocabularySpecification) -> tuple[Path, Trimmed]:
    out = full.with_name("trimmed")
    return out, trim(str(full), out, wish)


@pytest.fixture(scope="session")
def kept(full: Path, wish: VocabularySpecification) -> Vocabulary:
    tokenizer = load_tokenizer(full)
    return completed(choose(wish, tokenizer).vocabulary, tokenizer, full)

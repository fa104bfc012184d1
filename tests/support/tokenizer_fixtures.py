"""A tiny many-lingual text and a tokenizer learnt from it, shared by the tests of the data room."""

from pathlib import Path

import numpy as np
import pytest

from anyglot.text.tokenizer import Tokenizer
from anyglot.text.tokenizer_training import train_tokenizer

_TEXT = {
    "de": "der die das Haus Baum Fluss sieht kennt liebt groß klein rot Wasser und nicht heute Straße Käse",
    "en": "the a this house tree river sees knows loves big small red water and not today street cheese",
    "ru": "дом дерево река видит знает любит большой малый красный вода и не сегодня улица сыр этот тот та",
    "zh": "房子 树 河 看见 知道 爱 大 小 红 水 和 不 今天 街 奶酪 这 那 一",
}
WORDS = {code: text.split() for code, text in _TEXT.items()}


def sentences(code: str, count: int, seed: int) -> list[str]:
    """Random sentences of 2 to 12 words."""
    random = np.random.default_rng(seed)
    words = np.array(WORDS[code])
    joint = "" if code == "zh" else " "
    return [joint.join(random.choice(words, size=random.integers(2, 13))) + "." for _ in range(count)]


def write_lines(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def learnt_text() -> list[str]:
    return [line for number, code in enumerate(WORDS) for line in sentences(code, 400, number)]


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory, learnt_text: list[str]) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer(learnt_text, 300, folder, threads=1)
    return folder


@pytest.fixture(scope="session")
def tokenizer(tokenizer_folder: Path) -> Tokenizer:
    return Tokenizer.load(tokenizer_folder)

"""Encoders that are told a language get its token where they want it; others get none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from anyglot.errors import UserError
from anyglot.inference.embedding import Embedder, EmbeddingSettings
from anyglot.text.encoder_templates import EncoderTemplate, Frame
from anyglot.text.language_tokens import SCHEMES, LanguageTokens
from anyglot.text.tokenizer import Tokenizer
from anyglot.text.tokenizer_training import train_tokenizer
from support.foreign_translators import sentences, write
from support.tiny_translators import TEXTS

IDS = {"de_DE": 101, "en_XX": 102}


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return train_tokenizer(TEXTS * 5, 100, tmp_path_factory.mktemp("tokenizer"), seed=1)


@dataclass(frozen=True)
class Case:
    """A checkpoint's tokenizer class, and what must stand around German text."""

    kind: str
    front: Sequence[int]
    behind: Sequence[int]


@pytest.mark.parametrize(
    "case",
    [
        Case("MBart50Tokenizer", (101,), (2,)),
        Case("M2M100Tokenizer", (101,), (2,)),
        Case("NllbTokenizer", (101,), (2,)),
        Case("MBartTokenizer", (), (2, 101)),
        Case("MarianTokenizer", (101,), (2,)),  # the target's token
    ],
    ids=lambda case: case.kind,
)
def test_language_tokens_stand_where_the_checkpoint_wants_them(case: Case, tokenizer: Tokenizer) -> None:
    framing = EncoderTemplate(tokenizer, LanguageTokens(IDS, SCHEMES[case.kind]))
    assert framing.frame("de") == framing.frame("deu_Latn") == Frame(tuple(case.front), tuple(case.behind))
    with pytest.raises(UserError, match="name it with `language`"):
        framing.frame(None)
    with pytest.raises(UserError, match="no token for the language fr"):
        framing.frame("fr")


def test_a_marian_model_of_one_pair_is_told_nothing(tokenizer: Tokenizer) -> None:
    framing = EncoderTemplate(tokenizer, LanguageTokens({}, SCHEMES["MarianTokenizer"], ("de", "en")))
    assert framing.frame(None) == framing.frame("de") == Frame((), (2,))


def test_models_trained_here_are_told_nothing(tokenizer: Tokenizer, tmp_path: Path) -> None:
    assert EncoderTemplate.of(tokenizer, tmp_path, 100).frame(None) == Frame((0,), (2,))
    told = Told(tokenizer, LanguageTokens(IDS, SCHEMES["NllbTokenizer"]))
    assert EncoderTemplate.of(told, tmp_path, 200).frame("de") == Frame((101,), (2,))  # type: ignore[arg-type]
    (tmp_path / "languages.json").write_text("{}")
    assert EncoderTemplate.of(told, tmp_path, 200).frame("de") == Frame((0,), (2,))  # type: ignore[arg-type]


def test_a_token_without_a_row_does_not_count(tokenizer: Tokenizer, tmp_path: Path) -> None:
    told = Told(tokenizer, LanguageTokens(IDS, SCHEMES["NllbTokenizer"]))
    with pytest.raises(UserError, match="no token for the language en"):
        EncoderTemplate.of(told, tmp_path, 102).frame("en")  # type: ignore[arg-type]


class Told:
    """A tokenizer with another's language tokens."""

    def __init__(self, tokenizer: Tokenizer, tokens: LanguageTokens) -> None:
        self.language_tokens, self.begin_id, self.end_id = tokens, tokenizer.begin_id, tokenizer.end_id


def test_a_sentence_is_cut_inside_its_frame() -> None:
    frame = Frame((7, 8), (9,))
    assert frame.around([1, 2, 3, 4], 6) == [7, 8, 1, 2, 3, 9]
    assert frame.around([1, 2, 3, 4], 7) == [7, 8, 1, 2, 3, 4, 9]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "language", "spelled"),
    [
        ("mbart50", "de", "de_DE"),
        ("nllb", "deu_Latn", "deu_Latn"),
        ("m2m_100", "de", "de"),
        ("marian_pair", None, None),
    ],
)
def test_encoders_of_translation_models_equal_transformers(
    name: str, language: str | None, spelled: str | None, tmp_path: Path
) -> None:
    folder = write(name, tmp_path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    if spelled is not None:
        tokenizer.src_lang = spelled
    reference: Any = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder).get_encoder().eval()
    texts = sentences(count=4)
    embedder = Embedder.from_pretrained(folder, device="cpu", precision="fp32")
    found = embedder.embed_layers(texts, ["embeddings", 0, 1], EmbeddingSettings(language=language))
    for row, text in enumerate(texts):
        with torch.no_grad():
            states = reference(**tokenizer(text, return_tensors="pt"), output_hidden_states=True).hidden_states
        expected = torch.cat(states).mean(dim=1).numpy()
        np.testing.assert_allclose(found[:, row], expected, atol=2e-5)

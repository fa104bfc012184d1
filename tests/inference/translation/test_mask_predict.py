"""Translating with a model that predicts its lengths: its own decoder, and what it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyglot.errors import UserError
from anyglot.inference.translation import SearchSettings, Translator
from inference.generation.test_non_autoregressive import write_folder
from support.tiny_translators import TEXTS

LANGUAGES = {"source": "de", "target": "en"}


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    return Translator.from_pretrained(write_folder(tmp_path_factory.mktemp("free"), length_classes=18))


def test_mask_predict_is_its_own_decoder(translator: Translator) -> None:
    texts = [*TEXTS[:5], "", TEXTS[0]]
    found = translator.translate(texts, **LANGUAGES)
    assert len(found) == len(texts)
    assert found[5] == ""
    assert found[0] == found[-1]
    assert found == translator.translate(texts, **LANGUAGES, decoder="mask-predict")
    settings = SearchSettings(decoder="mask-predict", iterations=4, length_beam=1, remasking="paper", rounds=1)
    ranked = translator.translate_n_best(texts, **LANGUAGES, settings=settings)
    assert found == [candidates[0].text for candidates in ranked]


def test_each_pass_and_the_denoiser_are_rounds(translator: Translator) -> None:
    settings = SearchSettings(iterations=2, rounds=1, show_rounds=True)
    [[candidate]] = translator.translate_n_best(TEXTS[:1], **LANGUAGES, settings=settings)
    assert 2 <= len(candidate.rounds) <= 3
    assert candidate.rounds[-1] == candidate.text


def test_several_lengths_give_several_texts(translator: Translator) -> None:
    settings = SearchSettings(decoder="mask-predict", n_best=3, length_beam=5, rounds=0)
    for ranked in translator.translate_n_best(TEXTS[:3], **LANGUAGES, settings=settings):
        assert len(ranked) == 3
        assert [each.score for each in ranked] == sorted((each.score for each in ranked), reverse=True)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"decoder": "ctc"}, "use mask-predict"),
        ({"decoder": "beam"}, "use mask-predict"),
        ({"beam": 3}, "give `length_beam`"),
        ({"iterations": 0, "rounds": 0}, "nothing to write with"),
        ({"iterations": -1}, "`iterations` must lie"),
        ({"length_beam": 0}, "`length_beam` must lie"),
        ({"remasking": "odd"}, "no re-masking 'odd'"),
        ({"decoder": "ctc", "iterations": 3}, "`iterations` belongs to `decoder=mask-predict`"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    translator: Translator, settings: dict[str, object], told: str
) -> None:
    with pytest.raises(UserError, match=told):
        translator.translate_n_best(TEXTS[:1], **LANGUAGES, settings=SearchSettings(**settings))  # type: ignore[arg-type]


def test_a_model_without_a_length_head_is_not_for_it(tmp_path: Path) -> None:
    plain = Translator.from_pretrained(write_folder(tmp_path))
    with pytest.raises(UserError, match="`decoder=mask-predict` is not for: use ctc"):
        plain.translate(TEXTS[:1], **LANGUAGES, decoder="mask-predict")
    with pytest.raises(UserError, match="`length_beam` belongs to `decoder=mask-predict`"):
        plain.translate_n_best(TEXTS[:1], **LANGUAGES, settings=SearchSettings(length_beam=2))

"""Language tokens: found under any code, told from their kin, and placed by one table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES as M2M
from transformers.models.mbart50.tokenization_mbart50 import FAIRSEQ_LANGUAGE_CODES as MBART
from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES as NLLB

from anyglot.data.language_tokens import SCHEMES, LanguageTokens, Scheme, single_language
from anyglot.data.languages import language
from anyglot.errors import UserError


def tokens(codes: list[str], scheme: Scheme = SCHEMES["NllbTokenizer"]) -> LanguageTokens:
    return LanguageTokens({code: 100 + number for number, code in enumerate(codes)}, scheme)


@pytest.mark.parametrize("codes", [NLLB, M2M["m2m100"], M2M["wmt21"], MBART])
def test_every_token_is_found_under_its_own_spelling(codes: list[str]) -> None:
    known = tokens(codes)
    assert [known.spelling(code) for code in codes] == codes
    assert [known.spelling(code.replace("_", "-").upper()) for code in codes] == codes


@pytest.mark.parametrize("codes", [NLLB, M2M["m2m100"], MBART])
@given(data=st.data())
def test_every_language_is_found_under_its_code_in_every_scheme(codes: list[str], data: st.DataObject) -> None:
    known = tokens(codes)
    code = data.draw(st.sampled_from([code for code in codes if code not in ("prs_Arab", "ns")]))
    found = language(code)
    for spelling in (found.code, found.flores, found.iso3 if "-" not in found.code else found.code):
        assert known.spelling(spelling) == code


@pytest.mark.parametrize(
    ("codes", "asked", "spelling"),
    [
        (NLLB, "fa", "pes_Arab"),
        (NLLB, "prs_Arab", "prs_Arab"),
        (NLLB, "zh", "zho_Hans"),
        (NLLB, "zh-TW", "zho_Hant"),
        (NLLB, "zh_Hant", "zho_Hant"),
        (NLLB, "no", "nob_Latn"),
        (NLLB, "sr", "srp_Cyrl"),
        (M2M["m2m100"], "nso", "ns"),
        (M2M["m2m100"], "deu_Latn", "de"),
        (MBART, "zho_Hans", "zh_CN"),
        (MBART, "pt_BR", "pt_XX"),
        (["por", "por_BR", "pt_PT"], "pt", "por"),
        (["por", "por_BR", "pt_PT"], "pt_br", None),
        (["por", "por_BR", "pt_PT"], "por-br", "por_BR"),
        (["cmn_Hans", "cmn_Hant"], "zh", "cmn_Hans"),
    ],
)
def test_which_of_several(codes: list[str], asked: str, spelling: str | None) -> None:
    assert tokens(codes).spelling(asked) == (spelling or "por")


@pytest.mark.parametrize(("asked", "near"), [("sr-Latn", "srp_Cyrl"), ("got", None), ("la", None)])
def test_a_language_without_a_token(asked: str, near: str | None) -> None:
    known = tokens(NLLB)
    assert known.spelling(asked) is None
    listed = known.near(asked)
    assert 1 <= len(listed) <= 5 and set(listed) <= set(NLLB)
    assert near is None or near in listed


def test_a_code_that_names_nothing_is_an_error() -> None:
    with pytest.raises(UserError, match="Unknown language code 'germn'"):
        tokens(NLLB).spelling("germn")


@pytest.mark.parametrize(
    ("name", "frame", "start"),
    [
        ("MBart50Tokenizer", ([100], [2]), (9, 101)),
        ("M2M100Tokenizer", ([100], [2]), (9, 101)),
        ("NllbTokenizer", ([100], [2]), (9, 101)),
        ("MBartTokenizer", ([], [2, 100]), (101,)),
        ("MarianTokenizer", ([101], [2]), (9,)),
    ],
)
def test_where_they_stand(name: str, frame: tuple[list[int], list[int]], start: tuple[int, ...]) -> None:
    known = tokens(["de", "fr"], SCHEMES[name])
    assert known.source_frame("de", "fr", end_id=2) == frame
    assert known.start("fr", start_id=9) == start


@pytest.mark.parametrize(
    ("spelling", "single"),
    [("deu", "deu"), ("en", "en"), ("mul", ""), ("ROMANCE", ""), ("zle", ""), ("roa", ""), ("", ""), (None, "")],
)
def test_groups_of_languages_are_none(spelling: str | None, single: str) -> None:
    assert single_language(spelling) == single

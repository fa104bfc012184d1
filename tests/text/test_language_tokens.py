"""Language tokens: found under any code, told from their kin, and placed by one table."""

from __future__ import annotations

import pytest
from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES as M2M
from transformers.models.mbart50.tokenization_mbart50 import FAIRSEQ_LANGUAGE_CODES as MBART
from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES as NLLB

from anyglot.errors import UserError
from anyglot.text.language_tokens import SCHEMES, LanguageTokens, Scheme, single_language
from anyglot.text.languages import language


def tokens(codes: list[str], scheme: Scheme = SCHEMES["NllbTokenizer"]) -> LanguageTokens:
    return LanguageTokens({code: 100 + number for number, code in enumerate(codes)}, scheme)


@pytest.mark.parametrize("codes", [NLLB, M2M["m2m100"], M2M["wmt21"], MBART])
def test_every_token_is_found_under_its_own_spelling(codes: list[str]) -> None:
    known = tokens(codes)
    assert [known.spelling(code) for code in codes] == codes
    assert [known.spelling(code.replace("_", "-").upper()) for code in codes] == codes


@pytest.mark.parametrize("codes", [NLLB, M2M["m2m100"], MBART])
def test_every_language_is_found_under_its_code_in_every_scheme(codes: list[str]) -> None:
    known = tokens(codes)
    for code in codes:
        found = language(code if code != "sat_Beng" else "sat_Olck")  # written in Ol Chiki, whatever its name
        for spelling in (found.code, found.flores, found.iso3 if "-" not in found.code else found.code):
            assert known.spelling(spelling) == code


@pytest.mark.parametrize(
    ("codes", "asked", "spelling"),
    [
        (NLLB, "fa", "pes_Arab"),
        (NLLB, "prs_Arab", "prs_Arab"),
        (NLLB, "prs", "prs_Arab"),
        (NLLB, "fa_AF", "prs_Arab"),
        (M2M["m2m100"], "prs", "fa"),
        (MBART, "prs_Arab", "fa_IR"),
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


@pytest.mark.parametrize("asked", ["ko", "kor", "kor_Hang", "ko-Hang", "ko-Kore", "kor_Kore", "ko_KR"])
@pytest.mark.parametrize(("codes", "spelling"), [(NLLB, "kor_Hang"), (M2M["m2m100"], "ko"), (MBART, "ko_KR")])
def test_w3_korean_is_one_language(codes: list[str], spelling: str, asked: str) -> None:
    assert tokens(codes).spelling(asked) == spelling


FLORES = [*({*NLLB} - {"sat_Beng"}), "sat_Olck", "arb_Latn", "min_Arab"]
WITHOUT_A_TOKEN = {"arb_Latn", "min_Arab"}


def test_w3_every_code_of_flores_200_is_found_plain_and_with_its_script() -> None:
    assert len(set(FLORES)) == 204
    known = tokens(NLLB)
    for code in FLORES:
        own = {"sat_Olck": "sat_Beng"}.get(code, code)
        found = known.spelling(code)
        assert found == (None if code in WITHOUT_A_TOKEN else own), code
        plain = code.partition("_")[0]
        scripts = [other for other in NLLB if other.startswith(plain)]
        expected = scripts[0] if len(scripts) == 1 else language(plain).flores
        assert known.spelling(plain) == expected in scripts, plain


@pytest.mark.parametrize(
    "codes", [NLLB, M2M["m2m100"], M2M["wmt21"], MBART], ids=["nllb", "m2m100", "wmt21", "mbart50"]
)
@pytest.mark.parametrize("asked", [NLLB, M2M["m2m100"], MBART], ids=["nllb", "m2m100", "mbart50"])
def test_w3_the_spellings_of_one_tokenizer_are_found_in_another(codes: list[str], asked: list[str]) -> None:
    """Plain and with the script: the token of that very language, or none where there is none."""
    known = tokens(codes)
    by_language: dict[str, str] = {}
    for code in codes:
        by_language.setdefault(language("sat" if code == "sat_Beng" else code).code, code)
    for code in asked:
        wanted = language("sat" if code == "sat_Beng" else code)
        expected = code if code in codes else by_language.get(wanted.code)
        if expected is None and wanted.code == "prs":
            expected = by_language.get("fa")
        if code != "sat_Beng" or code in codes:
            assert known.spelling(code) == expected, code
        iso = wanted.code.partition("-")[0]
        for spelling in (wanted.flores, f"{iso}_{wanted.script}", f"{iso}-{wanted.script}"):
            assert known.spelling(spelling) == expected, spelling


@pytest.mark.parametrize(
    ("codes", "asked", "spelling"),
    [
        (NLLB, "azb", "azb_Arab"),
        (NLLB, "acm", "acm_Arab"),
        (NLLB, "tzm", "tzm_Tfng"),
        (NLLB, "crh", "crh_Latn"),
        (["tzm_Latn"], "tzm", "tzm_Latn"),
        (["zho_Hant", "jpn_Jpan"], "zh", "zho_Hant"),
        (["zho_Hant", "jpn_Jpan"], "zho", "zho_Hant"),
        (["srp_Latn"], "sr", "srp_Latn"),
        (["srp_Latn"], "sr_XX", "srp_Latn"),
        (["srp_Latn"], "sr-Cyrl", None),
        (["zho_Hant"], "zh_CN", None),
        (["tzm_Latn"], "tzm_Tfng", None),
        (["uzn_Arab", "uz_Cyrl"], "uz", None),
        (["ur_Aran"], "ur", "ur_Aran"),
        (["zho_Hani"], "zh", "zho_Hani"),
        (["ko", "ko_KR"], "ko_KR", "ko_KR"),
        (["kor_Hang"], "ko-Kore", "kor_Hang"),
    ],
)
def test_w3_an_only_token_is_found_whatever_its_script(codes: list[str], asked: str, spelling: str | None) -> None:
    assert tokens(codes).spelling(asked) == spelling


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

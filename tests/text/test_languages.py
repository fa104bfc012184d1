import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES as NLLB

from anyglot.errors import UserError
from anyglot.text.language_table import MBART_CODES, XLMR_CODES
from anyglot.text.languages import Language, known_languages, language


@pytest.mark.parametrize(
    ("spelling", "code"),
    [
        ("de", "de"), ("deu", "de"), ("ger", "de"), ("de-DE", "de"), ("de_DE", "de"), ("deu_Latn", "de"), ("DE", "de"),
        ("zh", "zh"), ("zho_Hans", "zh"), ("zh_CN", "zh"), ("cmn", "zh"), ("zh-TW", "zh-Hant"), ("zho_Hant", "zh-Hant"),
        ("en_XX", "en"), ("arb_Arab", "ar"), ("ar_AR", "ar"), ("pt_BR", "pt"), ("nob_Latn", "no"), ("nb", "no"),
        ("tl", "tl"), ("fil", "tl"), ("tgl_Latn", "tl"), ("iw", "he"), ("swh_Latn", "sw"), ("zsm_Latn", "ms"),
        ("sr", "sr"), ("srp_Cyrl", "sr"), ("sr-Latn", "sr-Latn"), ("ceb", "ceb"), ("la", "la"), ("hmn", "hmn"),
    ],
)  # fmt: skip
def test_every_scheme_names_the_same_language(spelling: str, code: str) -> None:
    assert language(spelling).code == code


@pytest.mark.parametrize("spelling", ["ko", "kor", "kor_Hang", "kor-Kore", "ko_KR", "ko-Hang-KR"])
def test_w3_one_language_in_a_script_and_in_its_parts(spelling: str) -> None:
    assert language(spelling) == Language("ko", "Korean", "Kore", "kor")
    assert language(spelling).flores == "kor_Hang"


def test_w3_styles_of_scripts_are_their_scripts() -> None:
    pairs = {"ur-Aran": "ur", "ja-Hira": "ja", "zh-Hani": "zh", "zho_Hani": "zh", "de-Latf": "de", "ms-Arab": "ms-Arab"}
    assert {spelling: language(spelling).code for spelling in pairs} == pairs


def test_w3_dari_is_not_iranian_persian() -> None:
    assert language("prs") == language("prs_Arab") == language("fa_AF") == Language("prs", "Dari", "Arab", "prs")
    assert language("prs").flores == "prs_Arab" and language("pes_Arab") == language("fa_IR") == language("fa")


def test_w3_every_code_of_flores_200_is_a_language_of_its_own_and_comes_back() -> None:
    codes = [*({*NLLB} - {"sat_Beng"}), "sat_Olck", "arb_Latn", "min_Arab"]  # NLLB misnames Santali's script
    assert len({language(code).code for code in codes}) == len(codes) == 204
    assert [language(code).flores for code in codes] == codes
    by_language: dict[str, list[str]] = {}
    for code in codes:
        by_language.setdefault(code.partition("_")[0], []).append(code)
    for plain, scripts in by_language.items():
        assert language(plain).flores in scripts


def test_forms_of_a_language() -> None:
    german = language("deu_Latn")
    assert german == Language("de", "German", "Latn", "deu")
    assert (german.flores, german.mbart, str(german)) == ("deu_Latn", "de_DE", "de")
    assert language("ceb").mbart is None
    assert language("zh-Hant").flores == "zho_Hant"
    assert language("no").flores == "nob_Latn"


def test_known_languages_are_fixed_points_of_every_form() -> None:
    known = known_languages()
    assert {each.code for each in known} >= set(XLMR_CODES) | {"ceb", "ht", "ig", "zu"}
    for each in known:
        assert language(each.code) == each
        assert language(each.flores) == each, each.flores
        assert each.name
        if each.mbart is not None:
            assert language(each.mbart) == each
    assert len([each for each in known if each.mbart]) == len(MBART_CODES)
    assert len({each.code for each in known}) == len(known)


@pytest.mark.parametrize(
    ("wrong", "suggestion"), [("Germann", "'de' (German)"), ("englsh", "'en' (English)"), ("gemran", "'de' (German)")]
)
def test_unknown_codes_are_refused_with_the_nearest(wrong: str, suggestion: str) -> None:
    with pytest.raises(UserError) as caught:
        language(wrong)
    assert wrong in str(caught.value) and suggestion in str(caught.value)


@pytest.mark.parametrize("wrong", ["", "und", "mul", "qqq", "zz", "de;rm", "x" * 500, "de\n", "１２"])
def test_what_is_no_language_is_refused(wrong: str) -> None:
    if wrong.strip() != wrong and wrong.strip():
        assert language(wrong).code == wrong.strip()
        return
    with pytest.raises(UserError, match="Unknown language code"):
        language(wrong)


@given(st.text(max_size=12) | st.from_regex(r"[a-z]{2,3}([_-][A-Za-z]{2,4})?", fullmatch=True))
def test_any_text_is_a_language_or_a_user_error(code: str) -> None:
    try:
        found = language(code)
    except UserError:
        return
    assert language(found.code) == found

"""Texts in several languages: a language for each, an identifier's answer, texts on the command line, English names."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from anyglot.cli.main import app
from anyglot.errors import UserError
from anyglot.inference.generation.settings import SearchSettings
from anyglot.inference.translation import Translator
from anyglot.text.languages import language
from support.foreign_translators import write
from support.tiny_translators import TEXTS

LANGUAGES = ["de", "de", "de", "en", "en", "en", "zh", "ru"]
OPTIONS = ["--max-length", "8", "--device", "cpu", "--precision", "fp32"]
needs_py3langid = pytest.mark.skipif(importlib.util.find_spec("py3langid") is None, reason="needs the extra [lid]")


@pytest.fixture(scope="module")
def translator(model_folder: Path) -> Translator:
    return Translator.from_pretrained(model_folder, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def nllb(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    """The source language is a token, so another source is another translation."""
    folder = write("nllb", tmp_path_factory.mktemp("foreign") / "nllb")
    return Translator.from_pretrained(folder, device="cpu", precision="fp32")


def test_each_text_has_a_source_of_its_own(nllb: Translator) -> None:
    known = [code for code in ("de", "en", "fr") if _can(nllb, code)]
    sources = [known[place % len(known)] for place in range(len(TEXTS))]
    assert len(set(sources)) > 1
    settings = SearchSettings(max_length=8)
    told: list[float] = []
    found = nllb.translate_n_best(
        TEXTS, source=sources, target="en", settings=settings, progress=lambda share, tokens: told.append(share)
    )
    for text, source, candidates in zip(TEXTS, sources, found, strict=True):
        assert candidates == nllb.translate_n_best([text], source=source, target="en", settings=settings)[0]
    assert told == sorted(told) and told[-1] == pytest.approx(1.0)
    with pytest.raises(UserError, match="2 source languages were given for 3 texts"):
        nllb.translate(TEXTS[:3], source=["de", "de"], target="en")
    with pytest.raises(UserError, match="'auto' stands for the languages of all texts"):
        nllb.translate(TEXTS[:2], source=["de", "auto"], target="en")


def _can(translator: Translator, code: str) -> bool:
    try:
        translator.framing.source(code)
    except UserError:
        return False
    return True


def test_prefixes_targets_and_drafts_go_with_their_texts(translator: Translator) -> None:
    prefixes = ["The", "", "A", "", "The", "", "", "A"]
    together = translator.translate(TEXTS, source=LANGUAGES, target=["en"] * 8, prefixes=prefixes, max_length=8)
    for text, code, prefix, translation in zip(TEXTS, LANGUAGES, prefixes, together, strict=True):
        assert translation.startswith(prefix)
        assert [translation] == translator.translate([text], source=code, target="en", prefixes=[prefix], max_length=8)
    drafted = translator.translate(
        TEXTS, source=LANGUAGES, target="en", decoder="speculative", draft=together, max_length=8
    )
    assert drafted == translator.translate(TEXTS, source=LANGUAGES, target="en", decoder="greedy", max_length=8)


@needs_py3langid
def test_the_identifier_tells_and_what_it_took_is_counted(translator: Translator) -> None:
    before = translator.counts.identified.copy()
    found = translator.translate([*TEXTS, "", "  "], source="auto", target="en", max_length=8)
    assert found[:8] == translator.translate(TEXTS, source=LANGUAGES, target="en", max_length=8) and found[8:] == [
        "",
        "",
    ]
    taken = translator.counts.identified - before
    assert taken.total() == 8 and taken["de"] == 3 and taken["zh"] == 1 and taken["ru"] == 1


@needs_py3langid
def test_only_languages_the_model_can_be_told_are_answered(nllb: Translator) -> None:
    nllb.translate(TEXTS, source="auto", target="en", max_length=4)
    assert all(_can(nllb, code) for code in nllb.identifiers["en"].codes.values())
    assert set(nllb.counts.identified) <= set(nllb.identifiers["en"].codes.values())


def test_texts_on_the_command_line(model_folder: Path, translator: Translator, tmp_path: Path) -> None:
    asked = ["translate", str(model_folder), "-s", "German", "-t", "english", *OPTIONS, "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*asked, TEXTS[0], "zwei\nZeilen", ""])
    assert result.exit_code == 0, result.output
    expected = translator.translate([TEXTS[0], "zwei Zeilen", ""], source="de", target="en", max_length=8)
    assert (tmp_path / "out").read_text(encoding="utf-8") == "".join(f"{line}\n" for line in expected)
    for more, told in (
        (["-i", "file"], "texts and --input are two inputs"),
        (["--resume"], "only the translation of a file into a file"),
        (["-t", "auto"], "Unknown language code 'auto'"),
    ):
        refused = CliRunner().invoke(app, [*asked, TEXTS[0], *more])
        assert isinstance(refused.exception, UserError) and told in str(refused.exception)


@needs_py3langid
def test_auto_on_a_file_is_resumed_as_any_other(model_folder: Path, translator: Translator, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    asked = ["translate", str(model_folder), "-s", "auto", "-t", "en", *OPTIONS]
    result = CliRunner().invoke(app, [*asked, "-i", str(tmp_path / "in"), "-o", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "languages as identified: de 3" in result.stderr
    lines = (tmp_path / "out").read_text(encoding="utf-8").splitlines()
    assert lines == translator.translate(TEXTS, source=LANGUAGES, target="en", max_length=8)
    again = CliRunner().invoke(app, [*asked, "-i", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--resume"])
    assert again.exit_code == 0 and "nothing is left to translate" in again.stderr


def test_the_work_of_a_journal_is_what_it_was_before_there_was_a_length_ratio(
    model_folder: Path, translator: Translator
) -> None:
    """Else no interrupted translation of the version before could be gone on with."""
    from anyglot.inference.translation.command import _identity

    told = _identity(translator, translator.searching.settle(SearchSettings()), "de", "en", None)
    assert "length_ratio" not in told and "max_length" in json.loads(json.dumps(told))


@pytest.mark.parametrize(("name", "code"), [("German", "de"), ("chinese (traditional)", "zh-Hant"), (" Māori ", "mi")])
def test_english_names_are_languages(name: str, code: str) -> None:
    assert language(name).code == code
    with pytest.raises(UserError, match="did you mean"):
        language(name, names=False)

"""Off-target rate: translations in wrong languages are counted, and the identifier's own error beside them."""

import importlib.util

import pytest

from anyglot.errors import UserError
from anyglot.evaluation.translation.off_target import off_target_table, wilson
from anyglot.evaluation.translation.table import parse_tests, read_sentences
from anyglot.text.identification import Identifier

ENGLISH = "The committee published its annual report on the quality of drinking water."
GERMAN = "Der Ausschuss hat gestern seinen Jahresbericht über die Wasserqualität veröffentlicht."
needs_py3langid = pytest.mark.skipif(importlib.util.find_spec("py3langid") is None, reason="needs the extra [lid]")


@pytest.fixture(scope="module")
def identifier():
    return Identifier()


def make_tests(folder, target, references):
    (folder / "s").write_text("".join("Satz.\n" for _ in references))
    (folder / "t").write_text("".join(f"{line}\n" for line in references), "utf-8")
    tests = parse_tests([{"name": "news", "source": "fr", "target": target, "files": ["s", "t"]}], folder=folder,
                        where="tests")  # fmt: skip
    return tests, {"news": read_sentences(tests[0])}


@needs_py3langid
def test_right_wrong_and_short_translations_are_counted_apart(identifier, tmp_path):
    tests, sentences = make_tests(tmp_path, "eng_Latn", [ENGLISH] * 9 + [GERMAN])
    made = [ENGLISH] * 5 + [GERMAN] * 3 + ["Yes.", ""]
    table = off_target_table(identifier, tests, sentences, {"ours": {"news": made}, "copy": {"news": [ENGLISH] * 10}})
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert row["Sentences"] == 8 and row["Short"] == 2 and row["Most taken for"] == "de 3"
    assert row["Off-target %"].value == pytest.approx(100 * 3 / 8)
    assert (row["Off-target %"].low, row["Off-target %"].high) == tuple(100 * end for end in wilson(3, 8))
    assert row["References misidentified %"].value == 10.0 and row["References misidentified %"].sentences == 10
    assert "py3langid" in row["Off-target %"].signature and "candidates:all" in row["Off-target %"].signature
    assert table.rows[1][4].value == 0.0 and table.rows[1][6] is None


@needs_py3langid
def test_a_target_the_identifier_cannot_answer_has_no_rate_and_is_told(identifier, tmp_path):
    tests, sentences = make_tests(tmp_path, "ceb", ["Maayong buntag kaninyong tanan karong adlawa."])
    table = off_target_table(identifier, tests, sentences, {"ours": {"news": [ENGLISH]}})
    assert table.rows == () and "cannot answer them: ceb" in table.note


@needs_py3langid
def test_only_short_translations_leave_no_rate(identifier, tmp_path):
    tests, sentences = make_tests(tmp_path, "en", [ENGLISH])
    row = off_target_table(identifier, tests, sentences, {"ours": {"news": ["?!"]}}).rows[0]
    assert row[3] == 0 and row[4] is None and row[7] == 1


def test_wilsons_interval():
    """Against the textbook's values (Newcombe, 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29)."""
    for count, size, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611),
                                   (1, 29, 0.0061, 0.1718)):  # fmt: skip
        assert wilson(count, size) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_without_the_extra_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda module: None)
    with pytest.raises(UserError, match=r"pip install 'anyglot\[lid\]'"):
        Identifier()

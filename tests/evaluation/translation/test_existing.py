"""Translations on disk as the other side of a comparison: the same sentences, proved by hash, or refused."""

import json

import pytest

from anyglot.errors import UserError
from anyglot.evaluation.translation.existing import Earlier, find_earlier, read_earlier
from anyglot.evaluation.translation.run import System, evaluate
from anyglot.evaluation.translation.scoring import Scoring
from anyglot.evaluation.translation.table import parse_tests, read_sentences
from support.evaluation_corpora import corpus


def make_tests(folder, change=str, languages=("de", "hi")):
    folder.mkdir(exist_ok=True)
    entries = []
    for language in languages:
        sources, references = corpus(language, 20)
        (folder / f"{language}.s").write_text("".join(f"{change(line or '-')}\n" for line in sources), "utf-8")
        (folder / f"{language}.t").write_text("".join(f"{line}\n" for line in references), "utf-8")
        entries.append({"source": language, "target": "en", "files": [f"{language}.s", f"{language}.t"]})
    return parse_tests(entries, folder=folder, where="tests")


def system(label, change):
    return {
        label: lambda: System(
            label, {}, lambda *pair: None, lambda *pair: None, lambda texts, *pair: [change(text) for text in texts]
        )
    }


@pytest.fixture
def tests(tmp_path):
    return make_tests(tmp_path)


@pytest.fixture
def earlier(tests, tmp_path):
    evaluate(system("half", lambda text: text[::2]), tests, tmp_path / "old", scoring=Scoring(resamples=0))
    return tmp_path / "old"


def read(path, tests):
    return read_earlier(Earlier("old", find_earlier(path)), tests, {test.name: read_sentences(test) for test in tests})


def test_a_run_is_compared_with_translations_as_with_the_model_that_made_them(tests, earlier, tmp_path):
    ours, scoring = system("ours", str), Scoring(resamples=50)
    both = evaluate({**ours, **system("half", lambda text: text[::2])}, tests, tmp_path / "a", scoring=scoring,
                    baseline="half", samples=3)  # fmt: skip
    found = evaluate(ours, tests, tmp_path / "b", scoring=scoring, baseline="half", samples=3,
                     earlier=Earlier("half", find_earlier(earlier)))  # fmt: skip
    assert found.results == both.results and found.samples == both.samples and found.unverified == ()


def test_an_evaluation_of_one_model_a_models_folder_and_a_file_are_found(tests, earlier):
    folder = earlier / "hypotheses" / "half"
    assert find_earlier(earlier) == find_earlier(folder) == folder
    assert find_earlier(folder / "de-en.txt") == folder / "de-en.txt"
    assert read(earlier, tests) == read(folder, tests)
    assert read(folder / "de-en.txt", tests[:1]).lines["de-en"] == read(earlier, tests).lines["de-en"]


def test_translations_without_a_record_are_taken_and_told(tests, tmp_path):
    lines = [f"line {number}" for number in range(20)]
    (tmp_path / "other.txt").write_text("\r\n".join(lines), "utf-8")
    found = read(tmp_path / "other.txt", tests[:1])
    assert found.lines == {"de-en": lines} and found.unverified == ("de-en",)


def test_other_sentences_are_refused_by_hash_though_there_are_as_many(earlier, tmp_path):
    with pytest.raises(UserError, match=r"made from other sentences than test set 'de-en' has \(SHA-256"):
        read(earlier, make_tests(tmp_path / "other", change=lambda line: line + "!"))


def test_another_pair_of_languages_is_refused(earlier, tmp_path):
    entry = {"name": "de-en", "source": "de", "target": "nl", "files": ["de.s", "de.t"]}
    with pytest.raises(UserError, match="was translated from de to en, but test set 'de-en' is de-nl"):
        read(earlier / "hypotheses" / "half", parse_tests([entry], folder=tmp_path, where="tests"))


def test_another_spelling_of_the_same_languages_is_none(earlier, tmp_path):
    entry = {"name": "de-en", "source": "deu_Latn", "target": "eng", "files": ["de.s", "de.t"]}
    assert read(earlier, parse_tests([entry], folder=tmp_path, where="tests")).unverified == ()


def test_a_changed_file_and_a_damaged_record_are_refused(tests, earlier):
    path = earlier / "hypotheses" / "half" / "de-en.txt"
    path.write_text("x" + path.read_text("utf-8"), "utf-8")
    with pytest.raises(UserError, match="changed after it was made"):
        read(earlier, tests)
    path.with_name("de-en.json").write_text("[1")
    with pytest.raises(UserError, match=r"de-en\.json is damaged"):
        read(earlier, tests)


def test_what_is_no_set_of_translations_is_told(tests, earlier, tmp_path):
    with pytest.raises(UserError, match="nowhere is not there"):
        find_earlier(tmp_path / "nowhere")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    with pytest.raises(UserError, match="is a model, not its translations; compare with a model by `baseline="):
        find_earlier(tmp_path / "model")
    (earlier / "hypotheses" / "whole").mkdir()
    with pytest.raises(UserError, match=r"2 models \(half, whole\); name one"):
        find_earlier(earlier)
    (tmp_path / "few.txt").write_text("one\ntwo\n")
    with pytest.raises(UserError, match="has 2 lines, but test set 'de-en' has 20 sentences"):
        read(tmp_path / "few.txt", tests[:1])
    with pytest.raises(UserError, match="one file, but there are 2 test sets"):
        read(tmp_path / "few.txt", tests)
    with pytest.raises(UserError, match=r"de-en.txt could not be read .* belong there"):
        read(earlier / "hypotheses" / "whole", tests)
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\n")
    with pytest.raises(UserError, match="not UTF-8"):
        read(tmp_path / "bytes.txt", tests[:1])


def test_nothing_is_translated_before_earlier_translations_fit(earlier, tmp_path):
    record = json.loads((earlier / "hypotheses" / "half" / "hi-en.json").read_text("utf-8"))
    assert record["input"]
    with pytest.raises(UserError, match="other sentences"):
        evaluate({"ours": lambda: pytest.fail("the model was opened")}, make_tests(tmp_path / "o", change=str.upper),
                 tmp_path / "out", earlier=Earlier("half", find_earlier(earlier)), baseline="half")  # fmt: skip

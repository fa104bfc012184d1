"""The user's table of test sets: paths, names, and every mistake told at once."""

import gzip
import re

import pytest

from anyglot.errors import UserError
from anyglot.evaluation.translation.table import parse_tests, read_sentences, read_tests


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.de").write_text("Hallo\n\nWelt\nleer\n", "utf-8")
    (tmp_path / "a.en").write_text("hello\nblank\nworld\n \n", "utf-8")
    (tmp_path / "b.tsv").write_text("привет\thi\nмир\tworld\n", "utf-8")
    with gzip.open(tmp_path / "c.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write('{"hi": "नमस्ते", "en": "hello"}\n')
    return tmp_path


def table(folder, text):
    path = folder / "tests.yaml"
    path.write_text(text, "utf-8")
    return path


def test_a_table_of_every_kind_of_file_is_read_from_its_own_folder(folder, monkeypatch):
    path = table(
        folder,
        "- {source: deu_Latn, target: en, files: [a.de, a.en]}\n"
        "- {name: 'my ru/en', source: ru, target: en, file: b.tsv}\n"
        "- {source: hi, target: en, file: c.jsonl.gz}\n",
    )
    monkeypatch.chdir("/")
    tests = read_tests(path)
    assert [(test.name, test.file_name) for test in tests] == [
        ("de-en", "de-en"),
        ("my ru/en", "my-ru-en"),
        ("hi-en", "hi-en"),
    ]
    first, second, third = (read_sentences(test) for test in tests)
    assert (first.sources, first.references, first.skipped) == (["Hallo", "Welt"], ["hello", "world"], 2)
    assert second.sources == ["привет", "мир"] and third.references == ["hello"]
    assert len({first.data_hash, second.data_hash, third.data_hash}) == 3
    assert read_tests(table(folder, "tests:\n- {source: ru, target: en, file: b.tsv}\n"))[0].name == "ru-en"


def test_the_input_hash_sees_where_a_sentence_ends(tmp_path):
    hashes = set()
    for number, lines in enumerate(["a\nb\nc\n", "ab\nc\nd\n", "a\nbc\nd\n"]):
        (tmp_path / f"{number}.s").write_text(lines)
        (tmp_path / f"{number}.t").write_text("x\ny\nz\n")
        (test,) = parse_tests([{"source": "de", "target": "en", "files": [f"{number}.s", f"{number}.t"]}],
                              folder=tmp_path, where="t")  # fmt: skip
        hashes.add(read_sentences(test).input_hash)
    assert len(hashes) == 3


def test_all_mistakes_are_told_at_once_with_the_nearest_key(folder):
    path = table(
        folder,
        "- {source: de, target: en, filess: [a.de, a.en]}\n- 7\n- {source: qqq, target: en, file: b.tsv}\n",
    )
    with pytest.raises(UserError) as caught:
        read_tests(path)
    told = str(caught.value)
    assert "entry 1" in told and "did you mean 'files'" in told
    assert "entry 2 is not a mapping but 7" in told
    assert "entry 3: source" in told and "qqq" in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no list of test sets"),
        ("just words", "holds no list of test sets"),
        ("- {a: [", "not valid YAML"),
        ("- {source: ru, target: en, file: b.tsv}\n- {source: ru, target: en, file: b.tsv}\n", "two test sets called"),
        ("- {name: A b, source: ru, target: en, file: b.tsv}\n- {name: a-b, source: ru, target: en, file: b.tsv}\n",
         "two test sets called 'a-b'"),
        ("- !!python/object/apply:os.system ['true']", "plain values only"),
    ],
)  # fmt: skip
def test_a_faulty_table_is_refused_in_one_sentence(folder, text, told):
    with pytest.raises(UserError, match=re.escape(told)):
        read_tests(table(folder, text))


def test_faults_of_the_files_are_told(folder):
    (folder / "short.en").write_text("one\n")
    (folder / "blank.en").write_text("\n\n\n\n")
    for files, told in ((["a.de", "short.en"], "Unequal line counts"), (["a.de", "blank.en"], "empty"),
                        (["a.de", "none.en"], "none.en")):  # fmt: skip
        (test,) = parse_tests([{"source": "de", "target": "en", "files": files}], folder=folder, where="t")
        with pytest.raises(UserError, match=told):
            read_sentences(test)
    with pytest.raises(UserError, match="cannot be read"):
        read_tests(folder / "missing.yaml")

import bz2
import gzip
import json
import lzma
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from anyglot.data.corpus import (
    MonolingualSource,
    ParallelSource,
    content_hash,
    line_count,
    read_monolingual,
    read_parallel,
)
from anyglot.data.options import DataOptions, Sources
from anyglot.errors import UserError
from anyglot.inference.translation.jobs import inspect_input
from anyglot.text.readers import read_lines
from support.tokenizer_fixtures import write_lines

LINE = st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=30)
CELL = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\t"), max_size=30)
TOLERANT = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def pair(folder: Path, source: bytes | list[str], target: bytes | list[str], suffix: str = "txt") -> ParallelSource:
    for side, content in (("a", source), ("b", target)):
        raw = content if isinstance(content, bytes) else ("\n".join(content) + "\n").encode()
        (folder / f"{side}.{suffix}").write_bytes(gzip.compress(raw) if suffix.endswith("gz") else raw)
    return ParallelSource(source="de", target="en", files=(str(folder / f"a.{suffix}"), str(folder / f"b.{suffix}")))


@TOLERANT
@given(lines=st.lists(LINE, min_size=1, max_size=8), zipped=st.booleans(), windows=st.booleans(), last=st.booleans())
def test_text_lines_come_back_whatever_is_in_them(
    tmp_path: Path, lines: list[str], zipped: bool, windows: bool, last: bool
) -> None:
    if not last and not lines[-1]:
        return  # without a last line end there is no last empty line
    text = ("\r\n" if windows else "\n").join(lines) + ("\n" if last else "")
    raw = text.encode()
    path = tmp_path / ("x.txt.gz" if zipped else "x.txt")
    path.write_bytes(gzip.compress(raw) if zipped else raw)
    expected = list(lines)
    expected[0] = expected[0].removeprefix("\ufeff")
    assert list(read_lines(path)) == expected


@TOLERANT
@given(rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8))
def test_tsv_and_jsonl_say_the_same(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    if rows[0][0].startswith("\ufeff"):
        return
    (tmp_path / "x.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in rows), encoding="utf-8", newline="")
    (tmp_path / "x.jsonl.gz").write_bytes(
        gzip.compress("".join(json.dumps({"de": a, "en": b}) + "\n" for a, b in rows).encode())
    )
    tsv = ParallelSource(source="de", target="en", file=str(tmp_path / "x.tsv"))
    jsonl = ParallelSource(source="de", target="en", file=str(tmp_path / "x.jsonl.gz"))
    assert list(tsv.pairs()) == list(jsonl.pairs()) == rows


def test_columns_fields_and_limit(tmp_path: Path) -> None:
    write_lines(tmp_path / "x.tsv", ["1\thello\thallo", "2\tcat\tKatze"])
    source = ParallelSource(source="de", target="en", file=str(tmp_path / "x.tsv"), columns=(2, 1))
    assert read_parallel(source) == (["hallo", "Katze"], ["hello", "cat"], 0)
    assert list(source.model_copy(update={"limit": 1}).pairs()) == [("hallo", "hello")]
    write_lines(tmp_path / "x.jsonl", ['{"t": {"de": "hallo", "e.n": "hello"}, "text": "mono"}'])
    nested = ParallelSource(source="de", target="en", file=str(tmp_path / "x.jsonl"), fields=("t.de", "text"))
    assert list(nested.pairs()) == [("hallo", "mono")]
    assert list(MonolingualSource(language="de", file=str(tmp_path / "x.jsonl")).sentences()) == ["mono"]
    assert list(MonolingualSource(language="de", file=str(tmp_path / "x.tsv"), column=2).sentences())[1] == "Katze"


def test_empty_lines_are_skipped_and_counted(tmp_path: Path) -> None:
    assert read_parallel(pair(tmp_path, ["a", "", "c", "  "], ["x", "y", "\t", "z"])) == (["a"], ["x"], 3)
    write_lines(tmp_path / "m.txt", ["a", "", "b"])
    assert read_monolingual(MonolingualSource(language="de", file=str(tmp_path / "m.txt"))) == (["a", "b"], 1)
    with pytest.raises(UserError, match="all 2 lines are empty"):
        read_parallel(pair(tmp_path, ["a", ""], ["", "b"]))


@pytest.mark.parametrize(("left", "right"), [(3, 5), (5, 3), (1, 2)])
def test_unequal_counts_are_told_with_both(tmp_path: Path, left: int, right: int) -> None:
    source = pair(tmp_path, ["x"] * left, ["y"] * right)
    with pytest.raises(UserError, match=rf"a\.txt has {left} lines, .*b\.txt has {right};"):
        read_parallel(source)


def test_wrong_encoding_names_file_and_line(tmp_path: Path) -> None:
    source = pair(tmp_path, ["eins", "zwei", "drei"], b"one\ntwo\nthr\xe9e\n")
    with pytest.raises(UserError, match=r"b\.txt is not UTF-8: byte 0xe9 in line 3"):
        read_parallel(source)


@pytest.mark.parametrize(
    ("kind", "packed", "advice"),
    [
        ("gzip", gzip.compress(b"a\nb\n"), r"rename it to x\.txt\.gz"),
        ("bzip2", bz2.compress(b"a\nb\n"), "unpack it first"),
        ("xz", lzma.compress(b"a\nb\n"), "unpack it first"),
        ("zip", b"PK\x03\x04\x14\x00\x00\x00", "unpack it first"),
        ("zstd", b"\x28\xb5\x2f\xfd\x04\x00", "unpack it first"),
    ],
)
def test_r3_a_packed_file_is_named_for_what_it_is(tmp_path: Path, kind: str, packed: bytes, advice: str) -> None:
    for name in ("x.txt", "x.bz2"):
        (tmp_path / name).write_bytes(packed)
        told = f": {advice}" if name == "x.txt" else ""
        with pytest.raises(UserError, match=rf"{name} is a {kind} file, not text{told}"):
            list(read_lines(tmp_path / name))
        with pytest.raises(UserError, match=f"{name} is a {kind} file, not text: unpack it first"):
            inspect_input(tmp_path / name, 1000)
    (tmp_path / "y.txt").write_text("BZh is how it begins\nPK too\n")
    assert list(read_lines(tmp_path / "y.txt")) == ["BZh is how it begins", "PK too"]


@pytest.mark.parametrize("line", ['{"de": "a", "de": "b", "en": "c"}', '{"en": "c", "x": {"k": 1, "k": 1}, "de": "a"}'])
def test_r3_a_key_that_stands_twice_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "x.jsonl").write_text('{"de": "a", "en": "b"}\n' + line + "\n")
    source = ParallelSource(source="de", target="en", file=str(tmp_path / "x.jsonl"))
    with pytest.raises(UserError, match=r"x\.jsonl line 2 is not JSON \(the key '(de|k)' stands twice in one object\)"):
        read_parallel(source)


def test_truncated_and_damaged_gzip(tmp_path: Path) -> None:
    raw = gzip.compress("\n".join(str(number * 7919) for number in range(9000)).encode())
    path = tmp_path / "x.txt.gz"
    path.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(UserError, match=r"x\.txt\.gz is truncated: its gzip data stops after line \d+"):
        list(read_lines(path))
    path.write_bytes(b"plain text\n")
    with pytest.raises(UserError, match="not a sound gzip file"):
        list(read_lines(path))
    path.write_bytes(raw[:200] + bytes(200) + raw[400:])
    with pytest.raises(UserError, match=r"x\.txt\.gz"):
        list(read_lines(path))


def test_missing_empty_and_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"No such file: .*none\.txt"):
        list(read_lines(tmp_path / "none.txt"))
    with pytest.raises(UserError, match="is a folder"):
        list(read_lines(tmp_path))
    (tmp_path / "empty.txt").write_bytes(b"")
    with pytest.raises(UserError, match=r"empty\.txt is empty"):
        list(read_lines(tmp_path / "empty.txt"))
    with pytest.raises(UserError, match="No such file"):
        content_hash(MonolingualSource(language="de", file=str(tmp_path / "none.txt")))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.tsv", "a\tb\nc\n", r"x\.tsv line 2 has 1 tab-separated"),
        ("x.jsonl", '{"de": "a", "en": "b"}\n{oops\n', r"x\.jsonl line 2 is not JSON"),
        ("x.jsonl", '{"de": "a"}\n', r"line 1 has no field 'en', it has 'de'"),
        ("x.jsonl", '{"de": "a", "en": 3}\n', r"line 1: field 'en' holds int, not text"),
        ("x.jsonl", "[1]\n", r"line 1 has no field 'de': found list"),
        ("x.jsonl", "[" * 100_000 + "\n", r"line 1 is not JSON \(it is nested too deeply\)"),
    ],
)
def test_broken_records_name_the_line(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=message):
        list(ParallelSource(source="de", target="en", file=str(tmp_path / name)).pairs())


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"source": "gemran", "target": "en", "files": ["a", "b"]}, "did you mean 'de'"),
        ({"source": "de", "target": "en"}, "needs either files"),
        ({"source": "de", "target": "en", "file": "x.txt"}, r"must be .tsv, .jsonl, hf"),
        ({"source": "de", "target": "en", "file": "x.tsv", "fields": ["a", "b"]}, "fields belongs to"),
        ({"source": "de", "target": "en", "files": ["a"]}, "files"),
        ({"source": "de", "target": "en", "files": ["a", "b"], "colums": [0, 1]}, "colums"),
        ({"language": 7, "file": "x"}, "a language code is text"),
        ({"language": "de", "file": "hf:x?splt=a"}, "is not understood"),
    ],
)
def test_specs_refuse_what_makes_no_sense(spec: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TypeAdapter(Sources).validate_python([spec])


def test_specs_of_a_recipe(tmp_path: Path) -> None:
    options = DataOptions.model_validate(
        {
            "train": [
                {"source": "deu_Latn", "target": "en_XX", "files": ["a.de", "/abs/a.en"]},
                {"language": False, "file": "no.txt"},  # YAML reads an unquoted no as false
                {"language": "de", "file": "hf:owner/name?split=test"},
                {"language": "de", "file": "hf:./saved"},
            ],
            "cache": "cache",
        }
    )
    resolved = options.resolved(tmp_path)
    assert resolved.train[0].locations == (str(tmp_path / "a.de"), "/abs/a.en")
    assert [source.name for source in resolved.train] == ["de-en", "no", "de", "de"]
    assert [source.locations[0] for source in resolved.train[2:]] == [
        "hf:owner/name?split=test",
        f"hf:{tmp_path / 'saved'}",
    ]
    assert resolved.cache == tmp_path / "cache"
    assert DataOptions.model_validate(json.loads(resolved.model_dump_json())) == resolved
    with pytest.raises(ValidationError, match="batch_tokens 100 is below max_length 512"):
        DataOptions.model_validate({"train": [{"language": "de", "file": "x"}], "batch_tokens": 100})


def test_content_hash_follows_bytes_not_names(tmp_path: Path) -> None:
    first = content_hash(pair(tmp_path, ["a", "b"], ["c", "d"]))
    assert content_hash(pair(tmp_path, ["a", "b"], ["c", "d"], suffix="text")) == first
    assert content_hash(pair(tmp_path, ["a", "b", "c"], ["d"])) != first
    assert content_hash(pair(tmp_path, ["a", "b"], ["c", "e"])) != first


def test_hugging_face_data_sets_from_a_folder(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    records = {"translation": [{"de": "Haus", "en": "house"}, {"de": "Baum", "en": "tree"}], "text": ["x", "y"]}
    datasets.DatasetDict({"test": datasets.Dataset.from_dict(records)}).save_to_disk(str(tmp_path / "saved"))
    address = f"hf:{tmp_path / 'saved'}?split=test"
    source = ParallelSource(source="de", target="en", file=address)
    assert list(source.pairs()) == [("Haus", "house"), ("Baum", "tree")]
    assert list(MonolingualSource(language="de", file=address).sentences()) == ["x", "y"]
    assert content_hash(source) == content_hash(source)
    with pytest.raises(UserError, match="has no split 'train'; it has test"):
        list(ParallelSource(source="de", target="en", file=f"hf:{tmp_path / 'saved'}").pairs())
    with pytest.raises(UserError, match="Cannot load the data set"):
        list(MonolingualSource(language="de", file=f"hf:{tmp_path}").sentences())


@pytest.mark.parametrize("suffix", ["txt", "txt.gz"])
def test_the_number_of_lines_is_known_before_they_are_read(tmp_path: Path, suffix: str) -> None:
    source = pair(tmp_path, [f"Satz {n}" for n in range(1000)], [f"sentence {n}" for n in range(1000)], suffix)
    assert line_count(source) == 1000
    assert line_count(source.model_copy(update={"limit": 10})) == 10
    part = source.model_copy(update={"hash_part": (0.25, 1.0)})
    assert line_count(part) == 750 and abs(len(list(part.pairs())) - 750) < 60
    book = {"language": "de", "file": "phrasebook:sentences=20"}
    assert line_count(MonolingualSource.model_validate(book)) is None

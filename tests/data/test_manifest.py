"""Data sheets, and what corpora lie in a folder."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyglot.data.corpus import MonolingualSource, ParallelSource
from anyglot.data.discover import corpora_in
from anyglot.data.manifest import read_sheet, write_sheet
from anyglot.errors import UserError


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_line_is_a_corpus(tmp_path: Path) -> None:
    path = written(
        tmp_path / "c.tsv",
        "# what we have",
        "source\ttarget\tlanguage\tfile\tfile_2\tcolumn\tcolumn_2\tfield\tfield_2\tlimit",
        "de\ten\t\ta.de\ta.en",
        "",
        "de\ten\t\tb.tsv.gz\t\t1\t0\t\t\t500",
        "# fr\ten\t\tno.tsv",
        "ru\ten\t\tc.jsonl\t\t\t\t russian \tenglish\t",
        "\t\tno\td.txt\t\t\t\t\t\t\t",
        "\t\tfr\te.tsv\t\t2",
    )
    rows = read_sheet(path)
    assert [row.line for row in rows] == [3, 5, 7, 8, 9]
    assert [row.source for row in rows] == [
        {"source": "de", "target": "en", "files": ["a.de", "a.en"]},
        {"source": "de", "target": "en", "file": "b.tsv.gz", "columns": ["1", "0"], "limit": "500"},
        {"source": "ru", "target": "en", "file": "c.jsonl", "fields": ["russian", "english"]},
        {"language": "no", "file": "d.txt"},
        {"language": "fr", "file": "e.tsv", "column": "2"},
    ]
    pairs = [ParallelSource.model_validate(row.source) for row in rows[:3]]
    assert (pairs[1].columns, pairs[1].limit) == ((1, 0), 500)
    texts = [MonolingualSource.model_validate(row.source) for row in rows[3:]]
    assert [text.language for text in texts] == ["no", "fr"] and texts[1].column == 2


NAME = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=12)
FIRST = NAME.filter(lambda name: name[0] != "#")  # begins a comment
PAIR = st.fixed_dictionaries(
    {"source": FIRST, "target": NAME, "files": st.tuples(NAME, NAME).map(list)},
    optional={"limit": st.integers(1, 10**6)},
)
TEXT = st.fixed_dictionaries({"language": FIRST, "file": NAME}, optional={"field": NAME})


@settings(deadline=None, max_examples=60)
@given(sources=st.lists(st.one_of(PAIR, TEXT), min_size=1, max_size=6))
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, sources: list[dict[str, Any]]) -> None:
    path = tmp_path_factory.mktemp("sheet") / "c.tsv"
    write_sheet(path, sources)
    read = [row.source for row in read_sheet(path)]
    assert read == [source | ({"limit": str(source["limit"])} if "limit" in source else {}) for source in sources]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            ["source\ttarget\tfilee", "de\ten\ta.tsv"],
            "c.tsv, line 1: 'filee' is no column of a data sheet; did you mean file",
        ),
        (["source\ttarget\tquux"], "there are language, source, target, file"),
        (["source\tsource\tfile"], "the column 'source' is named twice"),
        (["language\tfile"], "lists no corpus"),
        (["language\tfile", "de\ta.txt\tx"], "c.tsv, line 2 has 3 tab-separated cells, but there are 2 columns"),
    ],
)
def test_sheets_that_make_no_sense_are_told(tmp_path: Path, lines: list[str], told: str) -> None:
    with pytest.raises(UserError) as error:
        read_sheet(written(tmp_path / "c.tsv", *lines))
    assert told in str(error.value)


def test_what_a_sheet_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot stand in a data sheet"):
        write_sheet(tmp_path / "c.tsv", [{"language": "de", "file": "a\tb"}])
    assert not list(tmp_path.iterdir())


FILES = [
    *("bible.de-en.de", "bible.de-en.en", "opus/talks.fr-en.fr.gz", "opus/talks.fr-en.en.gz", "eng-deu.tsv.gz"),
    *("news.zh-Hans-en.zh-Hans", "news.zh-Hans-en.en", "m.ru-en.ru.txt", "m.ru-en.en.txt", "web.en-sw.jsonl"),
    *("mono.de.txt", "uk.txt.gz", "x.de.tsv", "crawl.sw", "t.amh-eng.amh", "t.amh-eng.eng", "same.de-de.de"),
    *("README.md", "dev.txt", "half.de-en.de", ".hidden.de.txt", "notes"),
]


def test_corpora_are_recognised_by_the_names_of_their_files(tmp_path: Path) -> None:
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x\n")
    found = corpora_in(tmp_path)

    def seen(sources: tuple[dict[str, Any], ...]) -> list[tuple[str, str]]:
        named = []
        for source in sources:
            files = source.get("files") or [source["file"]]
            names = " ".join(str(Path(file).relative_to(tmp_path)) for file in files)
            named.append((source.get("language") or f"{source['source']} {source['target']}", names))
        return sorted(named)

    assert seen(found.pairs) == [
        ("am en", "t.amh-eng.amh t.amh-eng.eng"),
        ("de en", "bible.de-en.de bible.de-en.en"),
        ("en de", "eng-deu.tsv.gz"),
        ("en sw", "web.en-sw.jsonl"),
        ("fr en", "opus/talks.fr-en.fr.gz opus/talks.fr-en.en.gz"),
        ("ru en", "m.ru-en.ru.txt m.ru-en.en.txt"),
        ("zh en", "news.zh-Hans-en.zh-Hans news.zh-Hans-en.en"),
    ]
    assert seen(found.texts) == [
        ("de", "mono.de.txt"),
        ("de", "same.de-de.de"),
        ("de", "x.de.tsv"),
        ("sw", "crawl.sw"),
        ("uk", "uk.txt.gz"),
    ]
    assert [(path.name, reason) for path, reason in found.others] == [
        ("README.md", "its name tells no languages"),
        ("dev.txt", "its name tells no languages"),
        ("half.de-en.de", "the other side of de-en is missing"),
        ("notes", "its name tells no languages"),
    ]
    for source in (*found.pairs, *found.texts):
        (MonolingualSource if "language" in source else ParallelSource).model_validate(source)


def test_pairs_are_turned_to_a_target(tmp_path: Path) -> None:
    for name in ("a.en-de.en", "a.en-de.de", "en-fr.tsv", "eng-rus.jsonl", "de-fr.tsv"):
        (tmp_path / name).write_text("x\n")
    turned = {f"{source['source']}-{source['target']}": source for source in corpora_in(tmp_path, "eng").pairs}
    assert sorted(turned) == ["de-en", "de-fr", "fr-en", "ru-en"]
    assert [Path(file).suffix for file in turned["de-en"]["files"]] == [".de", ".en"]
    assert (turned["fr-en"]["columns"], turned["de-fr"]["columns"]) == ([1, 0], [0, 1])
    assert turned["ru-en"]["fields"] == ["rus", "eng"]


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no folder"):
        corpora_in(tmp_path / "nowhere")

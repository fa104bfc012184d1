"""Words and tags: prefixes, fused words, underscores, zero-width characters, CoNLL, and any text at all."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyglot.evaluation.tasks.catalogue import CONLL_TAGS, ENTITY_TAGS, UPOS_TAGS
from anyglot.evaluation.tasks.data_issues import FileIssues
from anyglot.evaluation.tasks.examples import TaggedExample
from anyglot.evaluation.tasks.tagging import NO_WORD, TagRules, iob2, tagged, universal
from support.official_files import write


def sentences(
    path: Path, rules: TagRules, tags: tuple[str, ...] = UPOS_TAGS, *, test: bool = False
) -> tuple[list[TaggedExample], FileIssues]:
    faults = FileIssues(path)
    return [example for _, example in tagged(path, rules, tags, faults, test=test)], faults


def test_blank_lines_divide_and_the_last_one_is_not_needed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "\n\na\tNOUN\nb\tVERB\n\n \n\nc\tX")
    found, faults = sentences(path, TagRules())
    assert found == [TaggedExample("0", ("a", "b"), ("NOUN", "VERB")), TaggedExample("1", ("c",), ("X",))]
    assert (faults.rows, faults.count) == (2, 0)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("c\tNOPE", "the tag 'NOPE' is none of ADJ"),
        ("c", "'c' has no tag, so there are 2 words but fewer tags"),
        ("c\tNOUN\tX", "the tag 'NOUN\\tX' is none of"),
        ("c\t", "the tag '' is none of"),
    ],
)
def test_a_bad_row_takes_its_sentence_along_and_no_other(row: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", f"a\tNOUN\n\nb\tVERB\n{row}\n\nd\tX\n")
    found, faults = sentences(path, TagRules())
    assert [example.id for example in found] == ["0", "2"]
    assert faults.first()[0].line == 4 and message in faults.first()[0].message


def test_a_prefix_is_cut_at_the_first_colon_where_the_file_has_prefixes(tmp_path: Path) -> None:
    text = "de:Az.\tO\nde:12:30\tO\nde:de:\tB-LOC\nde::\tO\n"
    found, faults = sentences(write(tmp_path / "a.tsv", text), TagRules(prefix="de"), ENTITY_TAGS)
    assert found[0].words == ("Az.", "12:30", "de:", ":")
    assert faults.count == 0
    plain = "12:30\tO\nde:\tO\nhttp://x\tO\n"
    found, _ = sentences(write(tmp_path / "b.tsv", plain), TagRules(prefix="de"), ENTITY_TAGS)
    assert found[0].words == ("12:30", "de:", "http://x")


def test_an_empty_word_keeps_its_place(tmp_path: Path) -> None:
    found, faults = sentences(write(tmp_path / "a.tsv", "de:a\tO\nde:\tO\n"), TagRules(prefix="de"), ENTITY_TAGS)
    assert found[0].words == ("a", NO_WORD) and (faults.mended, faults.left_out) == (1, 0)


def test_what_xtreme_cleans_from_treebanks(tmp_path: Path) -> None:
    text = "mi\u200cravad\tVERB\n10 000\tNUM\n\n_\tX\n_\tX\na\tX\n\na\tX\nb\tX\n_\tX\n\n_\tPUNCT\n"
    found, faults = sentences(write(tmp_path / "a.tsv", text), TagRules(underscores=True))
    assert [example.words for example in found] == [("miravad", "10000"), ("a", "b", "_")]
    assert faults.left_out == 2
    found, _ = sentences(tmp_path / "a.tsv", TagRules())
    assert len(found) == 4


def test_tags_may_be_missing_from_a_test_file_only(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "a\nb\n\nc\n\nd\tX\n")
    found, faults = sentences(path, TagRules(), test=True)
    assert [(e.words, e.tags) for e in found] == [(("a", "b"), ()), (("c",), ())]
    assert faults.left_out == 1
    assert sentences(path, TagRules())[1].left_out == 2


def test_conll_takes_the_first_and_the_last_column(tmp_path: Path) -> None:
    text = "-DOCSTART- -X- O O\n\nEU NNP I-NP I-ORG\nUN NNP I-NP B-ORG\nrejects VBZ I-VP O\n\n"
    found, faults = sentences(write(tmp_path / "a", text), TagRules(separator="", iob1=True), CONLL_TAGS)
    assert found == [TaggedExample("0", ("EU", "UN", "rejects"), ("B-ORG", "B-ORG", "O"))]
    assert faults.rows == 1


def test_iob1_begins_names() -> None:
    assert iob2(("I-PER", "I-PER", "O", "I-LOC", "I-PER", "B-PER")) == (
        "B-PER",
        "I-PER",
        "O",
        "B-LOC",
        "B-PER",
        "B-PER",
    )


@given(st.lists(st.sampled_from(ENTITY_TAGS)).map(tuple))
def test_iob2_stays(tags: tuple[str, ...]) -> None:
    assert iob2(iob2(tags)) == iob2(tags)


def conllu(*rows: tuple[str, str, str]) -> str:
    return "# sent_id = 1\n" + "".join(f"{n}\t{word}\t_\t{tag}" + "\t_" * 6 + "\n" for n, word, tag in rows) + "\n"


@pytest.mark.parametrize(
    ("code", "tags", "tag"),
    [
        ("de", ("ADP", "DET"), "ADP"),
        ("de", ("PART", "SCONJ"), "PART"),
        ("es", ("PRON", "VERB"), "VERB"),
        ("de", ("SYM", "SYM"), "SYM"),
    ],
)
def test_a_fused_word_has_its_weightiest_tag(code: str, tags: tuple[str, str], tag: str, tmp_path: Path) -> None:
    text = conllu(
        ("1", "a", "X"),
        ("2-3", "zum", "_"),
        ("2", "zu", tags[0]),
        ("3", "dem", tags[1]),
        ("3.1", "e", "X"),
        ("4", "b", "X"),
    )
    faults = FileIssues(tmp_path / "a")
    found = [*universal(write(tmp_path / "a", text), code, UPOS_TAGS, faults)]
    assert found == [(0, TaggedExample("0", ("a", "zum", "b"), ("X", tag, "X")))]
    assert faults.count == 0


def test_bad_rows_of_conllu(tmp_path: Path) -> None:
    text = conllu(("1", "a", "X")) + "1\tb\tX\n\n" + conllu(("2", "c", "X")) + "# nothing\n\n" + conllu(("1", "d", "X"))
    faults = FileIssues(tmp_path / "a")
    found = [*universal(write(tmp_path / "a", text), "en", UPOS_TAGS, faults)]
    assert [example.words for _, example in found] == [("a",), ("d",)]
    assert faults.left_out == 3 and faults.rows == 5


LINES = st.lists(
    st.one_of(
        st.text(max_size=12), st.sampled_from(["", "de:a\tO", "a\tB-PER", "_\tO", "\tO", "a b\tO", "-DOCSTART- O"])
    ),
    max_size=20,
)
RULES = st.builds(
    TagRules,
    separator=st.sampled_from(["\t", ""]),
    prefix=st.sampled_from(["", "de"]),
    underscores=st.booleans(),
    iob1=st.booleans(),
)


@settings(max_examples=200, deadline=None)
@given(lines=LINES, rules=RULES, test=st.booleans())
def test_any_text_gives_sentences_or_faults(lines: list[str], rules: TagRules, test: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "a.tsv", "\n".join(lines).encode("utf-8", "replace").decode())
        found, faults = sentences(path, rules, ENTITY_TAGS, test=test)
        assert faults.rows == len(found) + faults.left_out
        for example in found:
            assert example.words and all(example.words)
            assert not example.tags or len(example.tags) == len(example.words)
        faults = FileIssues(path)
        came = [*universal(path, "de", UPOS_TAGS, faults)]
        assert faults.rows == len(came) + faults.left_out

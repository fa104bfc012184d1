"""Every task is read from its official layout, from a data root and from its own folder, and divided if need be."""

from __future__ import annotations

import gzip
import os
from itertools import islice
from pathlib import Path

import pytest

from anyglot.errors import UserError
from anyglot.evaluation.tasks.catalogue import TASKS
from anyglot.evaluation.tasks.data_issues import Faults
from anyglot.evaluation.tasks.examples import TaggedExample, TextExample
from anyglot.evaluation.tasks.locate import find
from anyglot.evaluation.tasks.splits import percent
from anyglot.evaluation.tasks.task_data import TaskData, open_task
from support.official_files import WRITERS, XNLI_HEADER, squad, table, tagged, write


def opened(name: str, folder: Path) -> TaskData:
    return open_task(TASKS[name], folder, Faults())


def test_every_task_has_a_fixture() -> None:
    assert set(WRITERS) == set(TASKS)


@pytest.mark.parametrize("name", TASKS)
def test_official_layout(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path)
    data = opened(name, tmp_path)
    assert data.has("train", "en")
    tests = data.languages("test")
    assert tests and set(tests) <= set(TASKS[name].languages)
    for code in tests:
        examples = list(data.examples("test", code))
        assert examples and len({example.id for example in examples}) == len(examples)
        # A set may be read again, and is the same again.
        assert list(data.examples("test", code)) == examples
        assert len(data.hash("test", code)) == 64
    data.faults.raise_if_fatal()
    assert data.faults.left_out == 0


@pytest.mark.parametrize("name", TASKS)
def test_the_tasks_own_folder_will_do(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path)
    data = opened(name, tmp_path)
    inside = opened(name, data.folder)
    assert {split: inside.languages(split) for split in ("train", "dev", "test")} == {
        split: data.languages(split) for split in ("train", "dev", "test")
    }


@pytest.mark.parametrize("name", ["xnli", "udpos", "xquad", "xcopa"])
def test_packed_files_and_download_folders(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path / "download")
    plain = [*opened(name, tmp_path).examples("test", "en")]
    for path in [path for path in tmp_path.rglob("*.*") if path.is_file()]:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert [*opened(name, tmp_path).examples("test", "en")] == plain


def test_raw_xnli_holds_its_languages_in_one_file(tmp_path: Path) -> None:
    row = ["de", "neutral", "", "", "", "", "Hund", "Tier", *["x"] * 11]
    other = ["en", "entailment", "", "", "", "", "dog", "animal", *["x"] * 11]
    for split in ("dev", "test"):
        write(tmp_path / f"XNLI-1.0/xnli.{split}.tsv", table(tuple(XNLI_HEADER.split()), tuple(row), tuple(other)))
    write(
        tmp_path / "XNLI-MT-1.0/multinli/multinli.train.en.tsv",
        table(("premise", "hypo", "label"), ("cats", "dogs", "contradictory")),
    )
    data = opened("xnli", tmp_path)
    assert [*data.examples("test", "de")] == [TextExample("0", ("Hund", "Tier"), "neutral")]
    assert [*data.examples("train", "en")] == [TextExample("0", ("cats", "dogs"), "contradiction")]


def test_whole_tydiqa_files_are_told_apart_by_id(tmp_path: Path) -> None:
    text = squad(("english-1-0", "Who?", "Ada did.", "Ada"), ("finnish-2-0", "Kuka?", "Ada teki.", "Ada"))
    write(tmp_path / "tydiqa/tydiqa-goldp-v1.1-train.json", text)
    write(
        tmp_path / "tydiqa/tydiqa-goldp-v1.1-dev/tydiqa-goldp-dev-finnish.json", text.replace("english-1", "finnish-1")
    )
    data = opened("tydiqa", tmp_path)
    assert [example.id for example in data.examples("test", "fi")] == ["finnish-1-0", "finnish-2-0"]
    held = [*data.examples("train", "fi"), *data.examples("dev", "fi")]
    assert [example.id for example in held] == ["finnish-2-0"]


def test_treebanks_of_a_language_are_one_set(tmp_path: Path) -> None:
    for name in ("Swedish-PUD", "Swedish-LinES", "Old_French-SRCMF"):
        write(tmp_path / f"udpos/{name}.test.tsv.gz", tagged([(name, "NOUN")]))
        write(tmp_path / f"udpos/{name}.train.tsv.gz", tagged([(name, "NOUN")]))
    data = opened("udpos", tmp_path)
    assert data.languages("test") == ("fro", "sv")
    assert [(e.id, e.words) for e in data.examples("test", "sv") if isinstance(e, TaggedExample)] == [
        ("0", ("Swedish-LinES",)),
        ("1-0", ("Swedish-PUD",)),
    ]


def test_universal_dependencies_as_released(tmp_path: Path) -> None:
    sentence = (
        "# text = zum\n1-2\tzum" + "\t_" * 8 + "\n1\tzu\t_\tADP" + "\t_" * 6 + "\n2\tdem\t_\tDET" + "\t_" * 6 + "\n\n"
    )
    for split in ("train", "dev", "test"):
        write(tmp_path / f"ud-treebanks-v2.5/UD_German-GSD/de_gsd-ud-{split}.conllu", sentence)
    data = opened("udpos", tmp_path)
    assert [*data.examples("test", "de")] == [TaggedExample("0", ("zum",), ("ADP",))]


def test_items_are_divided_alike_in_every_language(tmp_path: Path) -> None:
    for code in ("en", "de"):
        rows = [(f"{code} premise {n // 3}", f"hypothesis {n}", "neutral") for n in range(300)]
        if code == "de":
            rows[5] = ("", "no premise", "neutral")
        write(tmp_path / f"xnli_dev/dev-{code}.tsv", table(*rows))
    data = opened("xnli", tmp_path)
    assert "divided" in data.note
    sets = {
        (split, code): {example.id for example in data.examples(split, code)}
        for split in ("train", "dev", "test")
        for code in ("en", "de")
    }
    for split in ("train", "dev", "test"):
        # The bad row is missing in German, and nothing moves for that.
        assert sets[split, "en"] - sets[split, "de"] <= {"5"}
        premises = {int(name) // 3 for name in sets[split, "en"]}
        assert sets[split, "en"] == {str(3 * n + k) for n in premises for k in range(3)}
    assert sum(map(len, (sets[split, "en"] for split in ("train", "dev", "test")))) == 300
    assert 120 < len(sets["train", "en"]) < 240 and sets["dev", "en"] and sets["test", "en"]


def test_shares_are_what_they_are_called() -> None:
    numbers = [percent("xnli", str(item)) for item in range(20_000)]
    assert abs(sum(number < 60 for number in numbers) / 20_000 - 0.60) < 0.02
    assert abs(sum(60 <= number < 75 for number in numbers) / 20_000 - 0.15) < 0.02


def test_dev_divided_in_two_where_there_is_a_test_set(tmp_path: Path) -> None:
    for code in ("eng", "fra", "ibo"):
        for split in ("dev", "test") if code != "ibo" else ("train", "dev", "test"):
            rows = [(("sports", "health")[n % 2], f"{code} {split} {n}", "text") for n in range(100)]
            write(tmp_path / f"masakhanews/{code}.{split}.tsv", table(*rows))
    data = opened("masakhanews", tmp_path)
    count = {(s, c): len([*data.examples(s, c)]) for s in ("train", "dev", "test") for c in data.languages(s)}
    assert count["train", "ig"] == count["dev", "ig"] == 100
    assert count["train", "en"] + count["dev", "en"] == 100 and 60 < count["train", "en"] < 95
    assert count["train", "fr"] == count["train", "en"] and count["test", "fr"] == 100


def test_dev_is_the_test_set_where_there_is_no_other(tmp_path: Path) -> None:
    rows = [(split, f"{split}{n}", "travel", "Go.") for split in ("train", "dev") for n in range(100)]
    write(tmp_path / "sib200/eng_Latn.tsv.gz", table(*rows))
    write(tmp_path / "sib200/deu_Latn.tsv.gz", table(*rows))
    data = opened("sib200", tmp_path)
    assert {example.id for example in data.examples("test", "de")} == {f"dev{n}" for n in range(100)}
    dev = [example.id for example in data.examples("dev", "de")]
    assert dev == [example.id for example in data.examples("dev", "en")] and 5 < len(dev) < 30
    assert len(dev) + len([*data.examples("train", "en")]) == 100


def test_a_language_without_dev_has_none(tmp_path: Path) -> None:
    WRITERS["udpos"](tmp_path)
    write(tmp_path / "udpos/test-yo.tsv", tagged([("a", "NOUN")]))
    data = opened("udpos", tmp_path)
    assert data.has("test", "yo") and not data.has("dev", "yo") and not data.has("train", "yo")
    with pytest.raises(UserError, match="no dev set of 'yo'"):
        data.examples("dev", "yo")


def test_mlqa_without_squad_is_trained_on_tydiqa(tmp_path: Path) -> None:
    rows = [(f"english-{n}", "Who?", "Ada wrote it.", "Ada") for n in range(60)]
    write(tmp_path / "tydiqa/tydiqa.goldp.en.train.json.gz", squad(*rows))
    write(tmp_path / "mlqa_dev/dev-context-de-question-de.json", squad(("q", "Wer?", "Ada war es.", "Ada")))
    data = opened("mlqa", tmp_path)
    assert "TyDiQA" in data.note and data.languages("test") == ("de",)
    train, dev = ({e.id for e in data.examples(split, "en")} for split in ("train", "dev"))
    assert train and dev and not train & dev and len(train | dev) == 60
    # XQuAD is made of SQuAD's dev set: it never chooses a model there.
    WRITERS["xquad"](tmp_path)
    assert [path.name for path in opened("xquad", tmp_path).files("dev", "en")] == ["train-v1.1.json"]


def test_missing_languages_and_folders_are_told(tmp_path: Path) -> None:
    WRITERS["pawsx"](tmp_path)
    faults = Faults()
    data = open_task(TASKS["pawsx"], tmp_path, faults)
    assert data.missing == ("es", "fr", "ja", "ko", "zh")
    assert "es, fr, ja, ko, zh" in faults.say()[0]
    faults.raise_if_fatal()
    with pytest.raises(UserError, match="no files of panx"):
        opened("panx", tmp_path)
    with pytest.raises(UserError, match="no folder"):
        opened("panx", tmp_path / "nowhere")


def test_another_tasks_folder_is_not_taken_for_ones_own(tmp_path: Path) -> None:
    WRITERS["udpos"](tmp_path)
    with pytest.raises(UserError, match="no files of xnli"):
        opened("xnli", tmp_path / "udpos")


def test_files_nobody_knows_are_named(tmp_path: Path) -> None:
    WRITERS["udpos"](tmp_path)
    write(tmp_path / "udpos/info.json", "{}")
    assert find(TASKS["udpos"], tmp_path).unknown == ("info.json",)


@pytest.mark.parametrize("name", ["xnli", "pawsx", "udpos", "panx", "mlqa", "tydiqa", "xcopa", "sib200", "masakhanews"])
def test_real_data(name: str) -> None:
    folder = os.environ.get("ANYGLOT_DATA")
    if not folder:
        pytest.skip("ANYGLOT_DATA names no folder of real task files")
    data = opened(name, Path(folder))
    assert data.has("train", "en") and data.has("dev", "en") and len(data.languages("test")) >= 2
    for split in ("train", "dev", "test"):
        for code in data.languages(split)[:4]:
            assert len([*islice(data.examples(split, code), 50)]) >= 10
    assert data.faults.left_out == 0

"""T2: arrays, tokenizers and weights that are damaged in their structure are one sentence."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from anyglot.errors import UserError
from anyglot.evaluation.retrieval.mining_text import read_sentences
from anyglot.evaluation.retrieval.mining_vectors import GivenVectors
from anyglot.evaluation.retrieval.tatoeba import find_languages, read_pairs
from anyglot.evaluation.tasks.catalogue import UPOS_TAGS, task_named
from anyglot.evaluation.tasks.data_issues import FileIssues
from anyglot.evaluation.tasks.registry import SourceFile, read
from anyglot.evaluation.tasks.tagging import universal
from anyglot.evaluation.translation.table import read_tests
from anyglot.experiments.study.file import is_study, load_study
from anyglot.experiments.study.steps import steps_of
from anyglot.inference.embedding.output import load_mean
from anyglot.models.pretrained.run_checkpoints import read_tensors
from anyglot.models.store import OUTPUT_ROWS, load_model
from anyglot.runtime import yaml_text
from anyglot.runtime.arrays import load_array
from anyglot.runtime.tensor_store import StateStore, sentence_key
from anyglot.text.tokenizer import Tokenizer, load_tokenizer
from anyglot.text.vocabulary import Vocabulary
from anyglot.training.loop.averaging import average
from anyglot.training.loop.options import CheckpointOptions
from anyglot.training.recipe.load import load_recipe
from fuzz.folders import copied
from fuzz.recipes import RECIPE, STUDY
from support.tiny_tokenizers import sentencepiece

LONG = "9" * 5_000


def npy(header: str, body: bytes = b"\0" * 48) -> bytes:
    text = header.encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + body


ARRAYS = {
    "nothing": b"",
    "a zip": b"PK\x03\x04" + b"\0" * 60,
    "open header": npy("{'descr': '<f4', 'fortran_order': {{{{"),
    "no header": npy("("),
    "objects": npy("{'descr': '|O', 'fortran_order': False, 'shape': (3, 4), }"),
    "no size": npy("{'descr': '|V0', 'fortran_order': False, 'shape': (3, 4), }"),
    "too many": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }"),
    "below nothing": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-3, -4), }"),
    "longer": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }", b"\0" * 52),
    "nested": npy("{'descr': '<f4', 'fortran_order': False, 'shape': " + "(" * 300),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_t2_arrays(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(ARRAYS[name])
    (tmp_path / "a.txt").write_text("a\nb\nc\n")
    for mapped in (True, False):
        with pytest.raises(UserError, match=r"is no \.npy file"):
            load_array(path, mapped=mapped)
    with pytest.raises(UserError):
        load_mean(path, 4)
    with pytest.raises(UserError):
        job: Any = None
        GivenVectors((path, path)).side(job, 0, read_sentences(tmp_path / "a.txt", own_ids=False))
    np.save(path, np.arange(12, dtype=np.float32).reshape(3, 4))
    assert (
        load_array(path).tolist()
        == load_array(path, mapped=True).tolist()
        == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    )


def test_t2_a_piece_that_is_no_text() -> None:
    model = sentencepiece()._model
    assert b"nobody" in model
    with pytest.raises(UserError, match="not UTF-8"):
        Tokenizer(model.replace(b"nobody", b"n\xff\xfeody"))


@pytest.mark.parametrize("changed", ["AAAA", "=", "no base64 !", "/////w=="])
def test_t2_what_tokenizers_calls_a_panic(tmp_path: Path, changed: str) -> None:
    path = copied("tokenizer", "tokenizer.json")(tmp_path)
    document = json.loads(path.read_text())
    parts = document["normalizer"].get("normalizers", [document["normalizer"]])
    [part] = [each for each in parts if "precompiled_charsmap" in each]
    part["precompiled_charsmap"] = changed
    path.write_text(json.dumps(document))
    with pytest.raises(UserError, match="No tokenizer that transformers can read"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("rows", [torch.zeros(()), torch.zeros(2, 2), torch.tensor([1.0, 2.0]), torch.tensor([True])])
def test_t2_output_rows_that_are_no_ids(tmp_path: Path, rows: torch.Tensor) -> None:
    path = copied("ours", "model.safetensors")(tmp_path)
    save_file({**load_file(path), OUTPUT_ROWS: rows}, path)
    with pytest.raises(UserError, match="output rows"):
        load_model(tmp_path)


def test_t2_tensors_of_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    for content in (b"", b"x" * 100, struct.pack("<Q", 2**60) + b"{}"):
        path.write_bytes(content)
        with pytest.raises(UserError):
            read_tensors(path)
        with pytest.raises(UserError):
            list(average([tmp_path, tmp_path]))


def test_t2_a_vocabulary_of_more_rows_than_memory(tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    document = {"format": "anyglot-vocabulary-1", "tokenizer": "x", "fingerprint": "x"}
    for size, runs in ((10**12, [[0, 10**12 - 1]]), (10, [[5, 3], [0, 11]]), (10, [["0", "1"]]), (True, [])):
        path.write_text(json.dumps({**document, "full_size": size, "runs": runs}))
        with pytest.raises(UserError, match="damaged"):
            Vocabulary.load(path, sentencepiece())


def test_t2_files_of_others_in_a_state_store(tmp_path: Path) -> None:
    key = sentence_key(np.array([1]))
    store = StateStore(tmp_path, 4, torch.float32)
    store.add([key], [torch.ones(2, 4)])
    store.close()
    (tmp_path / "index-mine.bin").write_bytes(b"x" * 100)
    record = bytearray((tmp_path / "index-0.bin").read_bytes())
    (tmp_path / "index-0.bin").write_bytes(bytes(record) + bytes(record[:16]) + b"\xff" * (len(record) - 16))
    again = StateStore(tmp_path, 4, torch.float32)
    assert again.read([key], 2)[0].tolist() == [torch.ones(2, 4).tolist()]


def test_t3_whoever_reads_yaml_reads_plain_values(tmp_path: Path) -> None:
    path = tmp_path / "tests.yaml"
    bomb = "[&a [x,x,x,x,x,x,x,x,x,x]," + ",".join(
        f"&{b} [{','.join([f'*{a}'] * 10)}]" for a, b in zip("abcdef", "bcdefg", strict=True)
    )
    for content in (
        f"{bomb}]",
        "- {a: 1, a: 2}",
        "&a [*a]",
        "- !!python/name:os.system",
        "\x13",
        "- !!binary abc",
        "- !!int x",
    ):
        path.write_text(content)
        with pytest.raises(UserError) as caught:
            read_tests(path)
        assert "\n" not in str(caught.value)
    assert yaml_text.parse("[2026-01-01, 2026-13-45, <<]", "x")[0] == ["2026-01-01", "2026-13-45", "<<"]


def test_t3_a_study_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(b"\xff\xfe study: x")
    assert not is_study(path)
    with pytest.raises(UserError):
        is_study(tmp_path)
    path.write_text(json.dumps({**STUDY, "report": {"date": "x"}}).replace('"x"}', "2026-01-01}"))
    assert steps_of(load_study(str(path)))[-1].document["report"] == {"date": "2026-01-01"}  # type: ignore[index]
    path.write_text(json.dumps({**STUDY, "variables": [1]}))
    with pytest.raises(UserError):
        load_study(str(path), ["updates=3"])
    steps: Any = {"a": {"command": "anyglot list", "resume": "'"}}
    path.write_text(json.dumps({**STUDY, "steps": steps}))
    with pytest.raises(UserError, match="close what you open"):
        steps_of(load_study(str(path)))
    for each, seeds in ((["seed", "seed"], [1, 2]), (["seed"], [1, 1])):
        steps = {"a": {"command": "anyglot list", "each": each}}
        path.write_text(json.dumps({**STUDY, "steps": steps, "lists": {"seed": seeds, "model": ["x"]}}))
        with pytest.raises(UserError, match="two steps are called"):
            steps_of(load_study(str(path)))
    names = [f"v{number}" for number in range(9)]
    grown = {name: ("{" + following + "}") * 20 for name, following in zip(names, [*names[1:], "v9"], strict=True)}
    steps = {"a": {"command": "anyglot list {v0}"}}
    path.write_text(json.dumps({**STUDY, "variables": {**grown, "v9": "x"}, "steps": steps}))
    with pytest.raises(UserError, match="characters"):
        steps_of(load_study(str(path)))


def test_t4_numbers_of_thousands_of_digits(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(json.dumps(RECIPE))
    for override in (
        f"data.train.{LONG}.limit=3",
        "data.train.0.files.0.x=1",
        "seed.0.x.1=2",
        "data.train.0.limit.0=1",
    ):
        with pytest.raises(UserError):
            load_recipe(tmp_path / "recipe.yaml", [override])
    with pytest.raises(ValueError, match="average:N"):
        CheckpointOptions(finish=f"average:{LONG}")
    for name, lines in (("de-en.de", "a\nb\n"), ("de-en.en", "c\nd\n"), ("test-de.tsv", f"0\n{LONG}\n")):
        (tmp_path / name).write_text(lines)
    with pytest.raises(UserError, match="row numbers"):
        read_pairs(find_languages(tmp_path)["de"])
    path = tmp_path / "a.conllu"
    row = "\t".join([LONG, "a", "a", "NOUN", *["_"] * 6])
    path.write_text(f"{row}\n\n{LONG}-{row}\n\n")
    faults = FileIssues(path)
    assert list(universal(path, "de", UPOS_TAGS, faults)) == [] and faults.left_out == 2


def test_t2_questions_of_any_json(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for content in (
        f'{{"data": {LONG}}}',
        '{"data": [], "data": []}',
        '{"x": "\\ud800", "data": []}',
        "[" * 100_000,
        "NaN",
    ):
        path.write_text(content)
        faults = FileIssues(path)
        assert list(read(SourceFile(path, "questions", "en"), task_named("squad"), faults)) == [] and faults.broken


def test_r3_a_packed_file_of_questions_is_unpacked_within_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(b" " * 200_000 + b'{"data": []}'))
    monkeypatch.setattr("anyglot.evaluation.tasks.answering._LARGEST", 100_000)
    faults = FileIssues(path)
    assert list(read(SourceFile(path, "questions", "en"), task_named("squad"), faults)) == []
    assert "unpacks to more than 100,000 bytes" in str(faults.first()[0])

"""The format E5S1: values, states and tokens as they should be, and hostile bytes refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anyglot.errors import UserError
from anyglot.models.pretrained.e5s1 import E5S1
from anyglot.models.pretrained.load import load_encoder
from anyglot.models.pretrained.unpack import unpack
from anyglot.text.tokenizer import load_tokenizer
from support.e5s1_file import PIECES, SIZES, bytes_of_values, write

TEXTS = ["the cat", "  The  CAT in\tthe 猫が², кот. ", "ﬁne Éé", "", "aß \ufeffxyzq!"]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("e5s1") / "weights.bin"
    write(path)
    return path


@pytest.fixture(scope="module")
def folder(file: Path) -> Path:
    made = file.with_name("model")
    made.mkdir()
    unpack(file, made)
    return made


def test_values_are_those_of_a_plain_dequantisation(tmp_path: Path) -> None:
    stands = write(tmp_path / "file")
    opened = E5S1(tmp_path / "file")
    assert opened.sizes == SIZES and opened.pieces == PIECES
    for name, values in stands.items():
        found = opened.tensor(name)
        assert found.dtype == np.float32 and np.array_equal(found, values), name


def test_transformers_opens_it_and_has_the_same_states(folder: Path) -> None:
    from transformers import BertModel

    tokens = torch.randint(4, 80, (3, 11), generator=torch.Generator().manual_seed(0))
    mask = torch.arange(11) < torch.tensor([[11], [7], [1]])
    theirs, report = BertModel.from_pretrained(str(folder), add_pooling_layer=False, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    assert theirs.config.layer_norm_eps == 1e-12 and theirs.config.pad_token_id == 0
    with torch.no_grad():
        expected = theirs.eval()(tokens, attention_mask=mask.long()).last_hidden_state
        found = load_encoder(folder)(tokens, mask).last
    assert torch.allclose(found[mask], expected[mask], atol=2e-6)


def test_transformers_has_the_same_tokens(folder: Path) -> None:
    from transformers import AutoTokenizer, XLMRobertaTokenizer

    theirs = AutoTokenizer.from_pretrained(str(folder))
    assert isinstance(theirs, XLMRobertaTokenizer)
    ours = load_tokenizer(folder)
    assert ours.vocabulary_size == len(PIECES) and ours.mask_id == len(PIECES) - 1 == theirs.mask_token_id
    for text in TEXTS:
        assert ours.encode_source([text])[0] == theirs(text)["input_ids"], text
    assert ours.pieces(ours.encode(["the cat in"])[0]) == ["▁the", "▁cat", "▁", "in"]
    # nmt_nfkc: ligatures and full width fall together, a zero-width mark falls away.
    assert ours.encode(["ﬁne"]) == ours.encode(["fine"]) and ours.encode(["\ufeffcat"]) == ours.encode(["cat"])


@pytest.mark.parametrize(
    ("offset", "bytes_", "said"),
    [
        (0, b"GGUF", "begins with"),
        (4, b"\x02\0\0\0", "version 2"),
        (8, b"\0\0\0\0", "sizes"),
        (8, b"\xff\xff\xff\x7f", "sizes"),
        (16, b"\x05\0\0\0", "sizes"),  # heads that do not divide
        (36, b"\0\0\xc0\x7f", "epsilon"),
        (40, b"\x10\0\0\0", "blocks of 16"),
        (44, b"\xff\xff\xff\x7f", "pieces"),
        (48, b"\x01\0\0\0", "special ids"),
        (64, b"\xff\xff\xff\xff\xff\xff\xff\xff", "cut"),
        (72, b"\x01\0\0\0", "do not fit"),
    ],
)
def test_a_changed_number_is_told(file: Path, tmp_path: Path, offset: int, bytes_: bytes, said: str) -> None:
    content = bytearray(file.read_bytes())
    content[offset : offset + len(bytes_)] = bytes_
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(UserError, match=said):
        E5S1(tmp_path / "file")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(file: Path, tmp_path: Path, value: float) -> None:
    content = bytearray(file.read_bytes())
    content[-4:] = np.float32(value).tobytes()  # of the last norm
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(UserError, match="not finite"):
        unpack(tmp_path / "file", tmp_path)


def test_no_file_an_empty_one_and_doubled_pieces(file: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        E5S1(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="empty"):
        E5S1(tmp_path / "file")
    (tmp_path / "file").write_bytes(file.read_bytes().replace("▁the".encode(), "▁cat".encode(), 1))
    with pytest.raises(UserError, match="SentencePiece refuses"):
        unpack(tmp_path / "file", tmp_path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_it_holds_reading_ends_well_or_in_a_user_error(
    file: Path, tmp_path: Path, data: st.DataObject
) -> None:
    content = bytearray(file.read_bytes())
    # Most of what can be wrong stands before the values.
    head = len(content) - bytes_of_values()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, head))
        change = data.draw(st.binary(min_size=1, max_size=8))
        content[at : at + len(change)] = change
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    path = tmp_path / "hostile"
    path.write_bytes(content)
    made = tmp_path / "made"
    made.mkdir(exist_ok=True)
    try:
        unpack(path, made)
    except UserError as error:
        assert "\n" not in str(error).strip()
    else:
        assert json.loads((made / "config.json").read_text())["model_type"] == "bert"

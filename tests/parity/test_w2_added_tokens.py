"""W2: tokens that were added to a tokenizer have transformers' ids, in whatever family and however they were added."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken
from transformers import AutoTokenizer, BertTokenizer, XLMRobertaTokenizer

from anyglot.errors import UserError
from anyglot.hub.trimming.choice import VocabularySpecification
from anyglot.hub.trimming.folder import trim
from anyglot.inference.embedding import Embedder
from anyglot.models.build import build
from anyglot.models.store import load_model, save_model
from anyglot.text.tokenizer import MODEL_FILE, Tokenizer, load_tokenizer
from anyglot.text.tokenizer_files import added_tokens
from anyglot.text.wrapped_tokenizer import WrappedTokenizer
from support.foreign_translators import write
from support.tiny_tokenizers import LINES, sentencepiece
from support.tiny_translators import encoder_config

ADDED: tuple[Any, ...] = (
    "<e1>",
    "</e1>",
    "Quokka",
    AddedToken("Haus", single_word=True, normalized=False),
    AddedToken("[x]", lstrip=True, rstrip=True, normalized=False),
)
SPELLED = ("<e1>", "</e1>", "Quokka", "Haus", "[x]", "<mark>")
FAMILIES = ("xlmr", "bert", "mbart50", "mbart", "m2m_100", "nllb", "marian")


def folder_of(family: str, folder: Path) -> Path:
    """A small tokenizer as its family is published: of XLM-R both files, of others transformers' own."""
    if family == "xlmr":
        sentencepiece().save(folder)
        XLMRobertaTokenizer.from_pretrained(str(folder)).save_pretrained(str(folder))
    elif family == "bert":
        letters = "abcdefghijklmnopqrstuvwxyz"
        words = sorted({*letters, *"<>/[]", *(f"##{letter}" for letter in letters)})
        lines = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, *LINES[0].split()]
        folder.mkdir(exist_ok=True)
        (folder / "vocab.txt").write_text("\n".join(dict.fromkeys(lines)) + "\n", encoding="utf-8")
        BertTokenizer.from_pretrained(str(folder), do_lower_case=False).save_pretrained(str(folder))
    else:
        write(family, folder)
    return folder


def add(folder: Path, out: Path) -> Path:
    """What somebody does who adds words and a mark, and saves beside the files that were there."""
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    tokenizer.add_tokens(list(ADDED))
    tokenizer.add_special_tokens({"additional_special_tokens": ["<mark>"]}, replace_extra_special_tokens=False)
    shutil.copytree(folder, out)
    tokenizer.save_pretrained(str(out))
    for path in (out / "config.json", out / "model.safetensors"):  # whose table has no rows for them
        path.unlink(missing_ok=True)
    return out


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp(request.param)
    return add(folder_of(request.param, root / "before"), root / "after")


WORDS = [*SPELLED, " ", " ", "das", "the", "alte", "Haus", "Quokkas", "house", "a", ",", "é", "河"]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=12).map("".join)


def test_w2_ids_are_those_of_transformers(folder: Path) -> None:
    ours, theirs = load_tokenizer(folder), AutoTokenizer.from_pretrained(str(folder))

    @settings(max_examples=150, deadline=None)
    @given(TEXTS)
    def equal(text: str) -> None:
        assert ours.encode([text]) == [theirs(text, add_special_tokens=False)["input_ids"]]

    equal()
    ids = [theirs.convert_tokens_to_ids(token) for token in SPELLED]
    assert len(set(ids)) == len(SPELLED) and theirs.unk_token_id not in ids
    assert [ours.id_of(token) for token in SPELLED] == ids and ours.vocabulary_size > max(ids)


def test_w2_words_come_back_and_stand_where_they_stood(folder: Path) -> None:
    ours = load_tokenizer(folder)
    text = "das Quokka und <e1>the</e1>"
    ((ids, places),) = ours.encode_with_offsets([text])
    assert [ids] == ours.encode([text])
    for token in ("Quokka", "<e1>", "</e1>"):
        (row,) = [row for row, id in enumerate(ids) if id == ours.id_of(token)]
        start, end = places[row]
        assert text[start:end].strip() == token
        assert token in ours.decode([ids])[0]


def test_w2_specials_stay_out_of_the_text(folder: Path) -> None:
    """`</s>` in a text ends no sentence, with added tokens as without."""
    ours = load_tokenizer(folder)
    specials = {ours.begin_id, ours.end_id, ours.pad_id, ours.mask_id} - {ours.unknown_id}
    for special in ("</s>", "<s>", "<pad>", "[SEP]", "<mask>"):
        assert not specials & set(ours.encode([f"das {special} Quokka"])[0])


@pytest.mark.parametrize("family", ["mbart50", "mbart", "m2m_100", "nllb", "marian"])
@pytest.mark.parametrize("way", ["ordinary", "special", "additional"])
def test_w2_a_new_language_is_found_however_it_was_added(family: str, way: str, tmp_path: Path) -> None:
    # NLLB has Esperanto, and Guarani as grn_Latn; Breton it has not.
    token = {"m2m_100": "__eo__", "nllb": "bre_Latn", "marian": ">>epo<<"}.get(family, "eo_XX")
    wanted = "br" if family == "nllb" else "eo"
    tokenizer = AutoTokenizer.from_pretrained(str(write(family, tmp_path / "before")))
    if way == "additional":
        tokenizer.add_special_tokens({"additional_special_tokens": [token]}, replace_extra_special_tokens=False)
    else:
        tokenizer.add_tokens([token], special_tokens=way == "special")
    shutil.copytree(tmp_path / "before", tmp_path / "after")
    tokenizer.save_pretrained(str(tmp_path / "after"))
    (tmp_path / "after" / "config.json").unlink()  # whose table has no row for it
    languages = load_tokenizer(tmp_path / "after").language_tokens
    assert languages is not None
    spelling = languages.spelling(wanted)
    assert spelling is not None and languages.ids[spelling] == tokenizer.convert_tokens_to_ids(token)


@pytest.mark.parametrize("left", ["all", "without tokenizer.json", "only SentencePiece"])
def test_w2_whichever_files_are_left(left: str, tmp_path: Path) -> None:
    """The fast way is taken where nothing was added, and only there."""
    folder = folder_of("xlmr", tmp_path / "before")
    assert isinstance(load_tokenizer(folder), Tokenizer) and not added_tokens(folder)
    after = add(folder, tmp_path / "after")
    assert (after / MODEL_FILE).is_file() and isinstance(load_tokenizer(after), WrappedTokenizer)
    if left == "without tokenizer.json":
        (after / "tokenizer.json").unlink()
        (after / "added_tokens.json").write_text('{"Quokka": 172}')
    elif left == "only SentencePiece":
        for name in ("tokenizer.json", "tokenizer_config.json"):
            (after / name).unlink()
    theirs = (AutoTokenizer if left == "all" else XLMRobertaTokenizer).from_pretrained(str(after))
    text = "das alte Quokka"
    assert load_tokenizer(after).encode([text]) == [theirs(text, add_special_tokens=False)["input_ids"]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tokenizer_config.json", '{"extra_special_tokens": [["a"], {"b": []}, 3]}'),
        ("tokenizer_config.json", '{"added_tokens_decoder": {"5": {"content": ["x"]}, "6": null}}'),
        ("tokenizer_config.json", '{"additional_special_tokens": 7}'),
        ("tokenizer.json", '{"added_tokens": [[{}], {"content": {}}]}'),
        ("tokenizer.json", '{"added_tokens": ' + "[" * 3000),
    ],
)
def test_w2_damaged_lists_of_added_tokens_end_in_no_traceback(name: str, content: str, tmp_path: Path) -> None:
    sentencepiece().save(tmp_path)
    (tmp_path / name).write_text(content)
    assert added_tokens(tmp_path) == []


def _with_model(folder: Path, rows: int) -> Path:
    torch.manual_seed(1)
    save_model(build(encoder_config(rows)), folder)
    return folder


def test_w2_vectors_tell_an_added_word_from_an_unknown_one(tmp_path: Path) -> None:
    after = add(folder_of("xlmr", tmp_path / "before"), tmp_path / "after")
    tokenizer = load_tokenizer(after)
    embedder = Embedder.from_pretrained(_with_model(after, tokenizer.vocabulary_size), precision="fp32")
    one, other = embedder.embed(["das alte Quokka", "das alte \u1234"])
    assert abs(one - other).max() > 0.01
    ids = torch.tensor([AutoTokenizer.from_pretrained(str(after))("das alte Quokka")["input_ids"]])
    with torch.no_grad():
        states = load_model(after)(ids, torch.ones_like(ids, dtype=torch.bool)).last[0]
    assert np.allclose(one, states.mean(dim=0), atol=1e-5)


def test_w2_a_table_without_rows_for_them_is_told(tmp_path: Path) -> None:
    after = add(folder_of("xlmr", tmp_path / "before"), tmp_path / "after")
    _with_model(after, load_tokenizer(after).vocabulary_size - 3)
    with pytest.raises(UserError, match="has tokens up to id"):
        load_tokenizer(after)


def test_w2_trimming_keeps_them(tmp_path: Path) -> None:
    after = add(folder_of("xlmr", tmp_path / "before"), tmp_path / "after")
    _with_model(after, load_tokenizer(after).vocabulary_size)
    (tmp_path / "text").write_text("das alte Haus Quokka <e1>the</e1>\n" * 5, encoding="utf-8")
    trim(after, tmp_path / "small", VocabularySpecification(texts=(tmp_path / "text",)))
    whole, small = load_tokenizer(after), load_tokenizer(tmp_path / "small")
    text = "das alte Quokka <e1>the</e1>"
    assert small.vocabulary_size < whole.vocabulary_size
    assert small.pieces(small.encode([text])[0]) == whole.pieces(whole.encode([text])[0])
    assert small.id_of("Quokka") is not None

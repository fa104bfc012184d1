import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from anyglot.errors import UserError
from anyglot.text.protocols import TextTokenizer
from anyglot.text.tokenizer import MODEL_FILE, Tokenizer, load_tokenizer
from anyglot.text.tokenizer_training import train_tokenizer
from support.tokenizer_fixtures import WORDS, sentences, write_lines

TOLERANT = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
HOSTILE = [
    "a\x00b\nc\r\nd",
    "<s> x </s> <mask> <pad> <unk>",
    "\ud800 lone",
    "",
    "   ",
    "\u200b",
    "▁Haus",
    "٣",
    "한국어",
]


def test_layout(tokenizer: Tokenizer) -> None:
    assert tokenizer.pieces([0, 1, 2, 3, tokenizer.mask_id]) == ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    assert tokenizer.vocabulary_size == 300 and tokenizer.mask_id == 299
    assert tokenizer.special_ids == (0, 1, 2, 299)
    [ids] = tokenizer.encode(["Haus"])
    assert tokenizer.encode_source(["Haus"]) == [[0, *ids, 2]]
    assert tokenizer.decode([[0, *ids, tokenizer.mask_id, 2, 1]]) == ["Haus"]
    with pytest.raises(ValueError, match="token ids lie in"):
        tokenizer.decode([[300]])


def test_a_piece_is_found_by_its_name(tokenizer: Tokenizer, tokenizer_folder: Path) -> None:
    """In either class, and of an unknown piece nothing, though SentencePiece itself gives it the id of `<unk>`."""
    from anyglot.text.wrapped_tokenizer import WrappedTokenizer

    both: tuple[TextTokenizer, ...] = (tokenizer, WrappedTokenizer.load(tokenizer_folder))
    for each in both:
        for id, piece in enumerate(each.pieces(range(each.vocabulary_size))):
            assert each.id_of(piece) == id
        assert each.id_of("no such piece") is None and each.id_of("") is None


def test_ids_equal_those_of_transformers(tokenizer: Tokenizer, tokenizer_folder: Path, learnt_text: list[str]) -> None:
    from transformers import XLMRobertaTokenizer

    reference = XLMRobertaTokenizer.from_pretrained(str(tokenizer_folder))
    texts = [*learnt_text[::20], "Unbekanntes Wört", "ｆｕｌｌ width ﬁ", "  two  spaces ", "tab\there"]
    assert tokenizer.encode_source(texts) == reference(texts)["input_ids"]
    assert (len(reference), reference.mask_token_id) == (tokenizer.vocabulary_size, tokenizer.mask_id)
    assert reference.vocab_size == tokenizer.vocabulary_size


@TOLERANT
@given(st.lists(st.text(max_size=40), max_size=4))
@example(HOSTILE)
def test_any_text_gives_one_row_without_specials(tokenizer: Tokenizer, texts: list[str]) -> None:
    rows = tokenizer.encode(texts)
    assert len(rows) == len(texts)
    for row in rows:
        assert not set(row) & set(tokenizer.special_ids)
        assert all(2 < id < tokenizer.mask_id for id in row)
    for row, text in zip(rows, tokenizer.decode(rows), strict=True):
        assert "\n" not in text
        if 3 not in row:  # what is known survives decoding: the ids are a fixed point of the text
            assert tokenizer.decode(tokenizer.encode([text])) == [text]


@TOLERANT
@given(
    st.lists(
        st.sampled_from([*WORDS["de"], *WORDS["ru"], "房子", "水"]),
        min_size=1,
        max_size=10,
    )
)
def test_known_text_comes_back_as_it_was(tokenizer: Tokenizer, words: list[str]) -> None:
    text = " ".join(words)
    ids = tokenizer.encode([text])
    assert tokenizer.decode(ids) == [text]
    assert tokenizer.encode(tokenizer.decode(ids)) == ids


def test_save_load_and_fingerprint(tokenizer: Tokenizer, tmp_path: Path, learnt_text: list[str]) -> None:
    tokenizer.save(tmp_path / "copy")
    again = load_tokenizer(tmp_path / "copy")
    assert isinstance(again, Tokenizer)
    assert again.fingerprint == tokenizer.fingerprint
    assert load_tokenizer(tmp_path / "copy" / MODEL_FILE).fingerprint == tokenizer.fingerprint
    other = train_tokenizer(learnt_text, 200, tmp_path / "other", threads=1)
    assert other.fingerprint != tokenizer.fingerprint
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == [MODEL_FILE, "tokenizer_config.json"]


def test_training_is_a_function_of_text_and_seed(tmp_path: Path) -> None:
    text = [a + " " + b for a, b in zip(sentences("de", 600, 5), sentences("ru", 600, 6), strict=True)]
    write_lines(tmp_path / "x.txt", text)
    made = [
        train_tokenizer([tmp_path / "x.txt"], 90, tmp_path / "a", threads=1),
        train_tokenizer(text, 90, tmp_path / "b", threads=2),
        train_tokenizer(text, 90, tmp_path / "c", seed=3, input_sentences=400),
        train_tokenizer(text, 90, tmp_path / "d", seed=3, input_sentences=400),
    ]
    tables = [set(tokenizer.pieces(range(90))) for tokenizer in made]
    assert tables[0] == tables[1], "threads change the rounding of scores at most"
    assert made[2].fingerprint == made[3].fingerprint
    assert all(tokenizer.vocabulary_size == 90 for tokenizer in made)


def test_what_cannot_be_learnt_is_explained(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no text to learn"):
        train_tokenizer(["", "  "], 100, tmp_path)
    with pytest.raises(UserError, match=r"A vocabulary of 5000 is too large for 3 sentences: they carry at most \d+"):
        train_tokenizer(["a b c", "b c d", "c d e"], 5000, tmp_path)
    with pytest.raises(UserError, match=r"A vocabulary of 50 is too small: .* need 40\d;"):
        train_tokenizer(["".join(map(chr, range(0x4E00, 0x4E00 + 400)))], 50, tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"No tokenizer at .*No such file"):
        Tokenizer.load(tmp_path / "none")
    (tmp_path / MODEL_FILE).write_bytes(b"not a model")
    with pytest.raises(UserError, match="not a SentencePiece model"):
        load_tokenizer(tmp_path)
    (tmp_path / MODEL_FILE).unlink()
    with pytest.raises(UserError, match="holds no tokenizer"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text("[]")
    (tmp_path / MODEL_FILE).write_bytes(b"")
    with pytest.raises(UserError, match="not a JSON object"):
        load_tokenizer(tmp_path)


def test_bert_behind_the_same_protocol(tmp_path: Path) -> None:
    from transformers import BertTokenizer

    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "das", "haus", "##boot", "[", "]", "sep"]
    BertTokenizer(vocab={token: id for id, token in enumerate(tokens)}).save_pretrained(str(tmp_path))
    tokenizer = load_tokenizer(tmp_path)
    assert (tokenizer.begin_id, tokenizer.pad_id, tokenizer.end_id, tokenizer.mask_id) == (2, 0, 3, 4)
    assert tokenizer.encode_source(["das hausboot"]) == [[2, 5, 6, 7, 3]]
    assert tokenizer.encode(["[SEP]", "", "\ud800"])[:2] == [[8, 10, 9], []]
    assert tokenizer.decode([[2, 5, 6, 7, 3]]) == ["das hausboot"]
    assert tokenizer.language_tokens is None and tokenizer.encode([]) == []
    tokenizer.save(tmp_path / "copy")
    assert load_tokenizer(tmp_path / "copy").fingerprint == tokenizer.fingerprint


def test_language_tokens_of_mbart(tokenizer: Tokenizer, tokenizer_folder: Path, tmp_path: Path) -> None:
    from transformers import MBart50Tokenizer

    (tmp_path / MODEL_FILE).write_bytes((tokenizer_folder / MODEL_FILE).read_bytes())
    MBart50Tokenizer.from_pretrained(str(tmp_path)).save_pretrained(str(tmp_path))
    wrapped = load_tokenizer(tmp_path)
    made = MBart50Tokenizer.from_pretrained(str(tmp_path))
    check_language_token(wrapped, int(made.convert_tokens_to_ids("de_DE")))
    assert wrapped.encode(["das Haus"]) == tokenizer.encode(["das Haus"])


def test_language_tokens_of_nllb(tmp_path: Path) -> None:
    from transformers import NllbTokenizer

    vocabulary = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "▁": 4, "a": 5, "▁a": 6}
    made = NllbTokenizer(vocab=vocabulary, merges=[("▁", "a")])
    made.save_pretrained(str(tmp_path))
    wrapped = load_tokenizer(tmp_path)
    check_language_token(wrapped, int(made.convert_tokens_to_ids("deu_Latn")))
    assert wrapped.encode(["a aa"]) == [[6, 6, 5]]


def test_language_tokens_of_m2m(tokenizer: Tokenizer, tokenizer_folder: Path, tmp_path: Path) -> None:
    from transformers import M2M100Tokenizer

    (tmp_path / MODEL_FILE).write_bytes((tokenizer_folder / MODEL_FILE).read_bytes())
    pieces = tokenizer.pieces(range(tokenizer.mask_id))
    (tmp_path / "vocab.json").write_text(json.dumps({piece: id for id, piece in enumerate(pieces)}))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "M2M100Tokenizer"}))
    wrapped = load_tokenizer(tmp_path)
    made = M2M100Tokenizer.from_pretrained(str(tmp_path))
    check_language_token(wrapped, int(made.get_lang_id("de")))
    assert wrapped.encode(["das Haus"]) == tokenizer.encode(["das Haus"])


def check_language_token(tokenizer: TextTokenizer, german: int) -> None:
    """The token is found, is special, vanishes in decoding, and no text spells it or any other special."""
    tokens = tokenizer.language_tokens
    assert tokens is not None and tokens.ids[tokens.spelling("deu") or ""] == german
    assert german in tokenizer.special_ids and german < tokenizer.vocabulary_size
    [ids] = tokenizer.encode(["a"])
    assert tokenizer.decode([[german, *ids, tokenizer.end_id]]) == tokenizer.decode([ids])
    assert tokens.spelling("la") is None
    for row in tokenizer.encode(["de_DE __de__ deu_Latn </s> <mask> <s>", "\ud800 a\nb", ""]):
        assert not set(row) & set(tokenizer.special_ids)

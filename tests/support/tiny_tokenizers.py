"""Tokenizers of three families that know a little of many scripts, and what the tests of features build on them."""

from __future__ import annotations

import json
import tempfile
import unicodedata
from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from anyglot.text.encoder_templates import EncoderTemplate
from anyglot.text.protocols import TextTokenizer
from anyglot.text.tokenizer import MODEL_FILE, Tokenizer, load_tokenizer
from anyglot.text.tokenizer_training import train_tokenizer
from anyglot.text.wrapped_tokenizer import WrappedTokenizer

LINES = (
    "the old house stands near a river and nobody knows who built it",
    "das alte Haus steht am Fluss größer Straße",
    "الكتاب على الطاولة والبيت كبير",
    "नदी के पास पुराना घर है",
    "บ้าน หลัง เก่า อยู่ ใกล้ แม่น้ำ",
    "這座 房子 很 老 在 河邊",
    "古い 家 は 川 の 近く に ある",
    "старый дом стоит у реки",
    "집 은 강 옆 에 있다",
)
WORDS = [word for line in LINES for word in line.split()]
FRAGMENTS = [
    *WORDS,
    *(
        "e\u0301",
        "ﬁ",
        "ﷺ",
        "㎏",
        "½",
        "ｆｕｌｌ",
        "😀",
        "👩\u200d🚀",
        "\u0301",
        "ก็",
        "한",
        "\u1112\u1161\u11ab",
        "İ",
        "ß",
    ),
    *(
        "\u200b",
        "\u200d",
        "\u3000",
        "\xa0",
        "\x00",
        "\n",
        "\r",
        "\t",
        "▁",
        "\ud800",
        "<s>",
        "[SEP]",
        "</s>",
        "##a",
        "。",
    ),
]

texts = st.one_of(
    st.text(max_size=40),
    st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=3)), max_size=12).map(" ".join),
    st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join),
)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def folder(name: str) -> Path:
    """A folder that lasts as long as the tests run."""
    made = Path(_folder().name) / name
    made.mkdir(exist_ok=True)
    return made


@cache
def sentencepiece() -> Tokenizer:
    random = np.random.default_rng(0)
    lines = [" ".join(random.choice(WORDS, size=random.integers(2, 12))) for _ in range(800)]
    return train_tokenizer(lines, 170, folder("xlmr"), threads=1)


@cache
def bert() -> TextTokenizer:
    from transformers import BertTokenizer

    letters = sorted({letter for word in WORDS for letter in word.lower()} | {".", "?"})
    words = [word.lower() for word in WORDS[:16]]
    pieces = [*letters, *(f"##{letter}" for letter in letters), *words]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(pieces)]
    made = BertTokenizer(vocab={token: id for id, token in enumerate(tokens)}, tokenize_chinese_chars=True)
    made.save_pretrained(str(folder("bert")))
    return load_tokenizer(folder("bert"))


@cache
def fast() -> TextTokenizer:
    """The same as `sentencepiece` by transformers."""
    return WrappedTokenizer.load(sentencepiece_folder())


@cache
def m2m() -> TextTokenizer:
    """A slow tokenizer of transformers, which has no offsets."""
    place = folder("m2m")
    (place / MODEL_FILE).write_bytes((sentencepiece_folder() / MODEL_FILE).read_bytes())
    pieces = sentencepiece().pieces(range(sentencepiece().mask_id))
    (place / "vocab.json").write_text(json.dumps({piece: id for id, piece in enumerate(pieces)}))
    (place / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "M2M100Tokenizer"}))
    return load_tokenizer(place)


def sentencepiece_folder() -> Path:
    sentencepiece()
    return folder("xlmr")


def framing(tokenizer: TextTokenizer) -> EncoderTemplate:
    return EncoderTemplate(tokenizer, tokenizer.language_tokens)


def plain(text: str) -> str:
    """Without case, white space and marks, which BERT's uncased tokenizer drops."""
    letters = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in letters if not letter.isspace() and unicodedata.category(letter)[0] != "M")

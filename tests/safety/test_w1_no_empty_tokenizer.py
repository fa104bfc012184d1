"""W1: a folder without its tokenizer, or with another model's, is refused by name and never translates nonsense."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from anyglot.errors import UserError
from anyglot.inference.embedding import Embedder
from anyglot.inference.translation import Translator
from anyglot.models.pretrained.locate import TOKENIZER_FILES
from anyglot.text.tokenizer import load_tokenizer
from anyglot.text.tokenizer_training import train_tokenizer
from support.foreign_translators import write
from support.tiny_translators import TEXTS
from support.waiting import PATIENCE

MODEL = "sentencepiece.bpe.model"


@pytest.mark.parametrize("opener", [Translator.from_pretrained, Embedder.from_pretrained, load_tokenizer])
def test_w1_without_its_file(model: Path, opener: object) -> None:
    (model / MODEL).unlink()
    with pytest.raises(UserError, match=rf"holds no tokenizer \({MODEL}") as caught:
        opener(model)  # type: ignore[operator]
    assert "\n" not in str(caught.value)


def test_w1_translate_says_so_and_writes_nothing(model: Path) -> None:
    (model / MODEL).unlink()
    done = subprocess.run(
        [sys.executable, "-m", "anyglot.cli.main", "translate", str(model), "-s", "de", "-t", "en"],
        input="Das Haus ist alt.\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "holds no tokenizer" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("kind", ["pipe", "folder", "dangling", "loop", "device"])
def test_w1_something_else_in_its_place(model: Path, kind: str) -> None:
    path = model / MODEL
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to({"dangling": "nowhere", "loop": MODEL, "device": "/dev/zero"}[kind])
    with pytest.raises(UserError, match=MODEL):
        Translator.from_pretrained(model, device="cpu", precision="fp32")


@pytest.mark.parametrize("family", ["mbart50", "m2m_100", "nllb", "marian", "marian_separate"])
def test_w1_every_vocabulary_of_every_family(tmp_path: Path, family: str) -> None:
    """Whichever files are taken away, what is left translates as before or is refused."""
    folder = write(family, tmp_path / "model")
    whole = load_tokenizer(folder)
    expected = whole.encode(TEXTS)
    names = [name for name in TOKENIZER_FILES if (folder / name).is_file() and "config" not in name]
    refused = 0
    for name in names:
        kept = (folder / name).read_bytes()
        (folder / name).unlink()
        try:
            assert load_tokenizer(folder).encode(TEXTS) == expected, name
        except UserError as error:
            refused += 1
            assert "\n" not in str(error)
            assert f"lacks {name}" in str(error) or "marian" in family
        (folder / name).write_bytes(kept)
    assert refused or "tokenizer.json" in names
    for name in names:
        (folder / name).unlink()
    with pytest.raises(UserError, match="holds no tokenizer"):
        load_tokenizer(folder)


def test_w1_half_a_byte_pair_tokenizer(tmp_path: Path) -> None:
    """GPT-2's without its merges would spell every word letter by letter."""
    vocabulary = {letter: id for id, letter in enumerate("abcdefghijklmnopqrstuvwxyzĠ")} | {"<|endoftext|>": 27}
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary | {"ab": 28}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\na b\n")
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "GPT2Tokenizer"}')
    assert load_tokenizer(tmp_path).encode(["ab"]) == [[28]]
    (tmp_path / "merges.txt").unlink()
    with pytest.raises(UserError, match=r"can read in .*: it lacks merges\.txt"):
        load_tokenizer(tmp_path)


def test_w1_a_vocabulary_that_does_not_fit_the_table(model: Path) -> None:
    """A hundred rows: a tokenizer of another model, smaller or larger."""
    train_tokenizer(TEXTS * 5, 90, model, seed=1)
    assert load_tokenizer(model).vocabulary_size == 90  # a table may be padded
    train_tokenizer(["ab ba abba"] * 50, 10, model, seed=1)
    with pytest.raises(UserError, match="knows 10 tokens, and the model has 100"):
        Translator.from_pretrained(model, device="cpu", precision="fp32")
    train_tokenizer(TEXTS * 5, 102, model, seed=1)
    with pytest.raises(UserError, match="tokens up to id 100, and the model a table of 100 rows"):
        Translator.from_pretrained(model, device="cpu", precision="fp32")


def test_w1_a_class_that_finds_nothing_to_read(tmp_path: Path) -> None:
    """BERT's class beside another family's vocabulary comes out empty, also without a config that tells of a table."""
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    (tmp_path / "vocab.json").write_text('{"das": 5}')
    with pytest.raises(UserError, match=r"BertTokenizer, knows no token that is text: it lacks vocab\.txt"):
        load_tokenizer(tmp_path)

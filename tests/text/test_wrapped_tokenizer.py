"""Tokenizers of language models, which lack tokens that encoders have, frame sentences with those there are."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from anyglot.errors import UserError
from anyglot.text.tokenizer import load_tokenizer

TEXT = ["the old house", "das alte Haus <|end|>"]


def write(folder: Path, **special: str) -> Path:
    """A byte-level BPE as GPT-2's, with these special tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    wanted = sorted(set(special.values()))
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=wanted, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(TEXT, trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    return folder


def test_gpt2s_one_special_token_serves_for_all(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(write(tmp_path, eos_token="<|end|>", bos_token="<|end|>"))
    assert tokenizer.begin_id == tokenizer.pad_id == tokenizer.unknown_id == tokenizer.end_id
    [first, second] = tokenizer.encode_source(TEXT)
    assert first[0] == first[-1] == tokenizer.end_id and first[1:-1] == tokenizer.encode(TEXT)[0]
    assert tokenizer.end_id not in second[1:-1], "a text that spells the token does not end itself"
    assert tokenizer.decode([first, second]) == TEXT


def test_without_a_begin_token_the_end_token_begins(tmp_path: Path) -> None:
    """T5's tokenizer, which mGPT has."""
    tokenizer = load_tokenizer(write(tmp_path, eos_token="</s>", pad_token="<pad>", unk_token="<unk>"))
    assert tokenizer.begin_id == tokenizer.end_id != tokenizer.pad_id


def test_without_an_end_token_nothing_can_be_framed(tmp_path: Path) -> None:
    folder = write(tmp_path, pad_token="<pad>", unk_token="<unk>")
    with pytest.raises(UserError, match="no end token"):
        load_tokenizer(folder)

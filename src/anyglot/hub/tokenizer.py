"""What transformers needs of a tokenizer beside the SentencePiece model."""

from __future__ import annotations

import tempfile
from pathlib import Path

from anyglot.models.pretrained.locate import TOKENIZER_FILES
from anyglot.text.protocols import TextTokenizer
from anyglot.text.tokenizer import MODEL_FILE
from anyglot.text.tokenizer_files import check_tokenizer_files

CONVERTED = "tokenizer.json"


def tokenizer_files(folder: Path) -> dict[str, Path | bytes]:
    """The tokenizer of a model folder, by file name, with the tokenizer.json that transformers makes of it.

    Both give the same ids for the same text, with one exception: a text that spells `<mask>` is text to us and
    the special token to transformers.
    """
    check_tokenizer_files(folder)
    files: dict[str, Path | bytes] = {name: folder / name for name in TOKENIZER_FILES if (folder / name).is_file()}
    if MODEL_FILE in files and CONVERTED not in files:
        files[CONVERTED] = _converted(folder)
    return files


def _converted(folder: Path) -> bytes:
    from transformers import XLMRobertaTokenizer

    with tempfile.TemporaryDirectory() as scratch:
        opened = XLMRobertaTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        opened.save_pretrained(scratch)
        return (Path(scratch) / CONVERTED).read_bytes()


def never_written(tokenizer: TextTokenizer, end: int, vocabulary_size: int) -> list[int]:
    """Tokens that are no text: special ones but the end, and rows of the table without a token."""
    never = {*tokenizer.special_ids, *range(tokenizer.vocabulary_size, vocabulary_size)}
    return sorted(token for token in never if token != end and token < vocabulary_size)

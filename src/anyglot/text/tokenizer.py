"""The tokenizer of XLM-R and of every model trained here: SentencePiece with fairseq's numbering.

    id      0     1       2      3       4 ...            last
    token   <s>   <pad>   </s>   <unk>   piece id + 1     <mask>

SentencePiece numbers <unk> 0, <s> 1, </s> 2, pieces from 3; fairseq put four specials in front, hence the shift by one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sentencepiece import SentencePieceProcessor

from anyglot.errors import UserError
from anyglot.runtime.files import write_bytes, write_json
from anyglot.runtime.untrusted_files import read_bytes
from anyglot.text.language_tokens import LanguageTokens
from anyglot.text.offsets import Offsets, widened, within
from anyglot.text.padding import padded, sentences_of
from anyglot.text.protocols import PairStyle, TextTokenizer

if TYPE_CHECKING:
    from torch import Tensor

MODEL_FILE = "sentencepiece.bpe.model"
CONFIG_FILE = "tokenizer_config.json"
# transformers reads these two keys and no more to open the folder as XLMRobertaTokenizer.
_CONFIG = {"tokenizer_class": "XLMRobertaTokenizer", "model_max_length": 512}


class Tokenizer:
    """A SentencePiece model under XLM-R's ids (see the module's table)."""

    begin_id = 0
    pad_id = 1
    end_id = 2
    unknown_id = 3

    def __init__(self, model: bytes) -> None:
        """Take the bytes of a SentencePiece model file.

        Raises:
            UserError: The bytes are no SentencePiece model, or its first pieces are not <unk>, <s>, </s>.
        """
        self._model = model
        self._processor = SentencePieceProcessor()
        try:
            self._processor.LoadFromSerializedProto(model)
        except RuntimeError as error:
            raise UserError("This is not a SentencePiece model; give XLM-R's sentencepiece.bpe.model.") from error
        self._pieces = int(self._processor.GetPieceSize())
        try:
            pieces = [self._processor.IdToPiece(piece) for piece in range(self._pieces)]
        except UnicodeDecodeError as error:
            raise UserError("This SentencePiece model is damaged: a piece of it is not UTF-8.") from error
        head = pieces[:3]
        if head != ["<unk>", "<s>", "</s>"]:
            raise UserError(
                "A SentencePiece model in XLM-R's layout starts with <unk> <s> </s>; "
                f"found {' '.join(map(repr, head))}."
            )
        self.vocabulary_size = self._pieces + 2
        self.mask_id = self.vocabulary_size - 1
        self.language_tokens: LanguageTokens | None = None  # XLM-R has none
        self.pair_style = PairStyle((self.end_id, self.end_id), False)
        self.special_ids = (self.begin_id, self.pad_id, self.end_id, self.mask_id)
        self.added_ids: tuple[int, ...] = ()  # a folder with added tokens is opened by `WrappedTokenizer`
        self.fingerprint = hashlib.sha256(b"xlmr\n" + model).hexdigest()

    @classmethod
    def load(cls, path: str | Path) -> Tokenizer:
        """Read a SentencePiece model file, or the one in a folder.

        Raises:
            UserError: No such file, or not a model in XLM-R's layout.
        """
        file = Path(path)
        file = file / MODEL_FILE if file.is_dir() else file
        try:
            model = read_bytes(file)
        except FileNotFoundError as error:
            raise UserError(f"No tokenizer at {file}: {error.strerror}; give a folder with {MODEL_FILE}.") from error
        try:
            return cls(model)
        except UserError as error:
            raise UserError(f"{file}: {error}") from error

    def __repr__(self) -> str:
        return f"Tokenizer({self.vocabulary_size:,} tokens)"

    def save(self, folder: Path) -> None:
        """Write `sentencepiece.bpe.model` and a tokenizer_config.json with which transformers opens the folder too."""
        write_bytes(folder / MODEL_FILE, self._model)
        write_json(folder / CONFIG_FILE, _CONFIG)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without special tokens. Any str goes in; lone surrogates count as U+FFFD."""
        clean = [text if text.isascii() else _without_surrogates(text) for text in texts]
        # Piece 0 is unknown: 3 here. Text cannot produce pieces 1 and 2, they are control symbols.
        return [[piece + 1 if piece else 3 for piece in pieces] for pieces in self._processor.Encode(clean)]

    def encode_with_offsets(self, texts: Sequence[str]) -> list[tuple[list[int], Offsets]]:
        """The ids `encode` gives and where each token stands in its text, (start, end) in characters (code points)."""
        clean = [text if text.isascii() else _without_surrogates(text) for text in texts]
        made = self._processor.Encode(clean, return_type="offset_mapping")
        return [
            (
                [piece + 1 if piece else 3 for piece in one["ids"]],
                within(widened(one["pieces"], one["offsets"]), len(text)),
            )
            for one, text in zip(made, clean, strict=True)
        ]

    def encode_source(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text between <s> and </s>, as encoders expect them (method card 1.2)."""
        return [[self.begin_id, *ids, self.end_id] for ids in self.encode(texts)]

    def batch(self, texts: str | Iterable[str]) -> tuple[Tensor, Tensor]:
        """Texts as a model's encoder reads them: padded rows of ids between begin and end, and where they are real.

        Shape:
            returns: tokens (B, S) int64, mask (B, S) bool, True where a token is
        """
        return padded(self.encode_source(sentences_of(texts)), self.pad_id)

    def encode_target(self, texts: Sequence[str]) -> list[list[int]]:
        """The same as `encode`: one vocabulary serves both sides."""
        return self.encode(texts)

    def decode(self, sequences: Sequence[Sequence[int]]) -> list[str]:
        """The text of each sequence. <s>, <pad>, </s> and <mask> vanish, <unk> shows as U+2047.

        Raises:
            ValueError: An id outside the vocabulary.
        """
        kept: list[list[int]] = []
        for ids in sequences:
            if ids and (min(ids) < 0 or max(ids) >= self.vocabulary_size):
                raise ValueError(f"token ids lie in 0..{self.vocabulary_size - 1}, found {min(ids)}..{max(ids)}")
            kept.append([0 if id == 3 else int(id) - 1 for id in ids if 2 < id < self.mask_id])
        return [str(text) for text in self._processor.Decode(kept)]

    def source_pieces(self, ids: Sequence[int]) -> list[str]:
        """The same as `pieces`: one vocabulary serves both sides."""
        return self.pieces(ids)

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The token strings of ids, special tokens included."""
        named = {self.begin_id: "<s>", self.pad_id: "<pad>", self.end_id: "</s>", 3: "<unk>", self.mask_id: "<mask>"}
        return [named.get(id) or str(self._processor.IdToPiece(int(id) - 1)) for id in ids]

    def id_of(self, piece: str) -> int | None:
        """The id of a token string; None if the vocabulary has no such piece."""
        special = (*self.special_ids, self.unknown_id)
        named = dict(zip(self.pieces(special), special, strict=True))
        # A piece that SentencePiece does not have gets the 0 of its <unk>, and so no id that is a piece's here.
        found = named.get(piece, int(self._processor.PieceToId(piece)) + 1)
        return found if piece in named or found > self.unknown_id else None


def load_tokenizer(path_or_name: str | Path) -> TextTokenizer:
    """The tokenizer of a model folder, of a SentencePiece file, or of a known name or a hub name.

    XLM-R's family is read with SentencePiece itself, which is many times faster; every other family (BERT, mBART-50,
    M2M-100, NLLB) through transformers, and so is XLM-R's where tokens were added to it.

    Raises:
        UserError: There is no tokenizer at this place, or one of another model than the folder's.
    """
    path = Path(path_or_name).expanduser()
    if path.is_file():
        return Tokenizer.load(path)
    from anyglot.models.pretrained.locate import tokenizer_source
    from anyglot.models.pretrained.unfinished_runs import run_of
    from anyglot.text.tokenizer_files import check_tokenizer_files, check_vocabulary
    from anyglot.text.wrapped_tokenizer import WrappedTokenizer

    path = run_of(path) if path.is_dir() else tokenizer_source(path_or_name)
    check_tokenizer_files(path)
    xlmr = (path / MODEL_FILE).is_file() and _is_xlmr(path)
    tokenizer: TextTokenizer = Tokenizer.load(path) if xlmr else WrappedTokenizer.load(path)
    check_vocabulary(tokenizer, path)
    return tokenizer


def _is_xlmr(folder: Path) -> bool:
    """Whether the folder's configs name XLM-R's tokenizer, or nothing at all, and no token was added to it."""
    from anyglot.text.tokenizer_files import added_tokens, settings

    if added_tokens(folder):
        return False
    named = settings(folder, CONFIG_FILE).get("tokenizer_class")
    if named is not None:
        return str(named).startswith("XLMRoberta")
    family = settings(folder, "config.json").get("model_type")
    return family not in ("mbart", "m2m_100", "nllb", "bert", "t5", "mt5", "camembert")


def _without_surrogates(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return "".join("�" if "\ud800" <= character <= "\udfff" else character for character in text)
    return text

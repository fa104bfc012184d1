"""Tokenizers of other families (BERT, mBART-50, M2M-100, NLLB) through transformers, behind the same protocol."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from anyglot.data.languages import language
from anyglot.errors import UserError

_FILES = ["*.json", "*.model", "*.txt", "*.bpe.model"]


class WrappedTokenizer:
    """A transformers tokenizer with a fast backend, under this package's names."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        # M2M-100 keeps its language tokens in a table of its own, above the vocabulary it admits to.
        self._tokens: dict[str, int] = {**tokenizer.get_added_vocab(), **getattr(tokenizer, "lang_token_to_id", {})}
        self.vocabulary_size = max(len(tokenizer), *(id + 1 for id in self._tokens.values()), 0)
        self.begin_id = _first(tokenizer.cls_token_id, tokenizer.bos_token_id, "begin")
        self.end_id = _first(tokenizer.sep_token_id, tokenizer.eos_token_id, "end")
        self.pad_id = _first(tokenizer.pad_token_id, None, "padding")
        self.unknown_id = _first(tokenizer.unk_token_id, None, "unknown")
        self.mask_id: int | None = tokenizer.mask_token_id
        languages = set(getattr(tokenizer, "lang_token_to_id", {}).values())
        self.special_ids = tuple(sorted({*tokenizer.all_special_ids, *languages} - {self.unknown_id}))
        self.fingerprint = _fingerprint(tokenizer)

    @classmethod
    def load(cls, folder: Path) -> "WrappedTokenizer":
        """Open the tokenizer files of a local folder.

        Raises:
            UserError: transformers finds no tokenizer there.
        """
        from transformers import AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        except Exception as error:  # OSError, ValueError, KeyError and more, by family
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"No tokenizer that transformers can read in {folder}: {reason}") from error
        return cls(tokenizer)

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The token strings of ids, special tokens included."""
        return [str(piece) for piece in self._tokenizer.convert_ids_to_tokens([int(id) for id in ids])]

    def save(self, folder: Path) -> None:
        """Write transformers' own tokenizer files."""
        self._tokenizer.save_pretrained(str(folder))

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without special tokens, not even where the text spells one."""
        if not texts:
            return []
        clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        encoded = self._tokenizer(clean, add_special_tokens=False, split_special_tokens=True, verbose=False)
        # Unigram vocabularies list the specials among their words, so a text that spells one can still hit it.
        hidden = set(self.special_ids)
        return [[self.unknown_id if id in hidden else int(id) for id in ids] for ids in encoded["input_ids"]]

    def encode_source(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text between begin and end."""
        return [[self.begin_id, *ids, self.end_id] for ids in self.encode(texts)]

    def decode(self, sequences: Sequence[Sequence[int]]) -> list[str]:
        """The text of each sequence; special tokens vanish."""
        hidden = set(self.special_ids)
        kept = [[int(id) for id in ids if int(id) not in hidden] for ids in sequences]
        return [str(self._tokenizer.decode(ids, skip_special_tokens=False)) for ids in kept]

    def language_id(self, code: str) -> int | None:
        """The language token in mBART's (de_DE), M2M-100's (__de__) or NLLB's (deu_Latn) spelling; None without one."""
        wanted = language(code)
        for spelling in (wanted.mbart, f"__{wanted.code}__", wanted.flores):
            if spelling is not None and spelling in self._tokens:
                return int(self._tokens[spelling])
        return None


def fetch_tokenizer_files(name: str) -> Path:
    """The local folder with the tokenizer files of a hub name; downloads them unless they are cached.

    Raises:
        UserError: Neither a local folder nor a name the hub knows.
    """
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=_FILES))
    except Exception as error:  # network, name and permission errors of several libraries
        raise UserError(
            f"{name!r} is neither a folder here nor a model the hub gave us ({type(error).__name__}); check the name."
        ) from error


def _first(preferred: int | None, otherwise: int | None, what: str) -> int:
    id = preferred if preferred is not None else otherwise
    if id is None:
        raise UserError(f"This tokenizer has no {what} token, so sentences cannot be framed; use another checkpoint.")
    return int(id)


def _fingerprint(tokenizer: Any) -> str:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        state = str(backend.to_str())
    else:
        state = repr(sorted(tokenizer.get_vocab().items())) + type(tokenizer).__name__
    return hashlib.sha256(b"wrapped\n" + state.encode("utf-8")).hexdigest()

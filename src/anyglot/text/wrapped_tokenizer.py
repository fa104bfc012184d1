"""Tokenizers of other families (BERT, mBART-50, M2M-100, NLLB, Marian) by transformers, behind the same protocol."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyglot.errors import UserError
from anyglot.runtime.files import disk_errors
from anyglot.runtime.untrusted_files import is_there
from anyglot.text.language_tokens import SCHEMES, LanguageTokens, Scheme, names_language, single_language
from anyglot.text.offsets import Offsets, aligned, check_found, with_marks, within
from anyglot.text.padding import padded, sentences_of
from anyglot.text.protocols import PairStyle
from anyglot.text.tokenizer_files import settings

if TYPE_CHECKING:
    from torch import Tensor

_CODE = re.compile(r"[a-z]{2,3}_[A-Za-z]{2,4}")  # de_DE, deu_Latn
_M2M = re.compile(r"__[a-z]{2,3}__")
# Special tokens of a class's own beside those with a name: T5's sentinels, CamemBERT's unused ones.
_OF_CLASS = re.compile(r"<extra_id_\d+>|.*NOTUSED")
# Files that transformers does without, by its names for them.
_NOT_NEEDED = ("tokenizer_file", "tokenizer_config_file", "target_vocab_file")
_OPTIONS = {"add_special_tokens": False, "verbose": False}


class WrappedTokenizer:
    """A transformers tokenizer, under this package's names.

    Attributes:
        language_tokens: Those of a translation model; None for an encoder's tokenizer.
        added_ids: Ids of the tokens that were added to the tokenizer and that a text may spell.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.language_tokens = _language_tokens(tokenizer)
        languages = [] if self.language_tokens is None else list(self.language_tokens.ids.values())
        spelled = _spelled(tokenizer, self.language_tokens)
        self._options = {**_OPTIONS, "split_special_tokens": _recognize(tokenizer, spelled)}
        # M2M-100 keeps its language tokens in a table of its own, above the vocabulary it admits to.
        tokens = [*tokenizer.get_added_vocab().values(), *languages]
        # Marian's may have a second vocabulary, for the target.
        target = getattr(tokenizer, "target_encoder", {})
        self.vocabulary_size = max(len(tokenizer), len(target), *(id + 1 for id in tokens), 0)
        self.end_id = _first(tokenizer.sep_token_id, tokenizer.eos_token_id, "end")
        # Without a begin token (Marian, T5's tokenizer, which mGPT has) the end token stands where one is asked for.
        begins = tokenizer.cls_token_id, tokenizer.bos_token_id
        self.begin_id = next((id for id in begins if id is not None and not _is_marian(tokenizer)), self.end_id)
        # GPT-2's has neither: padding is masked whatever it is, and bytes spell every text.
        self.pad_id = _first(tokenizer.pad_token_id, self.end_id, "padding")
        self.unknown_id = _first(tokenizer.unk_token_id, self.end_id, "unknown")
        self.mask_id: int | None = tokenizer.mask_token_id
        self._hidden = {*tokenizer.all_special_ids, *languages} - ({self.unknown_id} - {self.end_id})
        self._hidden -= set(spelled.values())
        self.added_ids = tuple(sorted(set(spelled.values())))
        # Of two vocabularies the source's language tokens are other words in the target's.
        self.special_ids = tuple(sorted(self._hidden - (set(languages) if target else set())))
        self.pair_style = self._pair_style()
        self.fingerprint = _fingerprint(tokenizer)

    @classmethod
    def load(cls, folder: Path) -> WrappedTokenizer:
        """Open the tokenizer files of a local folder.

        Raises:
            UserError: transformers finds no tokenizer there.
        """
        from transformers import AutoTokenizer

        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*sacremoses")  # Marian's, for a step it never takes
                tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        except BaseException as error:  # OSError, ValueError, KeyError and more, by family
            # What tokenizers cannot read it may call a panic, which is no Exception and has no public name.
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            reason = " ".join(str(error).split())[:200]
            if not (folder / "tokenizer_config.json").is_file():
                reason = (
                    "tokenizer_config.json is missing, which says whose it is; copy it from where the model is from"
                )
            raise UserError(
                f"No tokenizer that transformers can read in {folder}: {_lacking(folder)}{reason}"
            ) from error
        _check_filled(tokenizer, folder)
        return cls(tokenizer)

    def source_pieces(self, ids: Sequence[int]) -> list[str]:
        """The token strings of an encoder's input; others than `pieces`' in a Marian model of two vocabularies."""
        if not getattr(self._tokenizer, "target_encoder", None):
            return self.pieces(ids)
        names = {id: token for token, id in self._tokenizer.encoder.items()}
        return [str(names[int(id)]) for id in ids]

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The token strings of ids, special tokens included."""
        return [str(piece) for piece in self._tokenizer.convert_ids_to_tokens([int(id) for id in ids])]

    def id_of(self, piece: str) -> int | None:
        """The id of a token string; None if the vocabulary has no such piece."""
        found = self._tokenizer.convert_tokens_to_ids(piece)
        return int(found) if found is not None and self.pieces([found]) == [piece] else None

    def save(self, folder: Path) -> None:
        """Write transformers' own tokenizer files.

        Raises:
            UserError: The disk is full, or the folder cannot be written.
        """
        with disk_errors(folder):
            self._tokenizer.save_pretrained(str(folder))

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without special tokens, not even where the text spells one."""
        return self._encode(texts, "text", self._hidden)

    def encode_target(self, texts: Sequence[str]) -> list[list[int]]:
        """The same with the target language's pieces and vocabulary, which in Marian's models are others."""
        return self._encode(texts, "text_target" if _is_marian(self._tokenizer) else "text", set(self.special_ids))

    def encode_with_offsets(self, texts: Sequence[str]) -> list[tuple[list[int], Offsets]]:
        """The ids `encode` gives and where each token stands in its text, (start, end) in characters (code points).

        Raises:
            UserError: transformers gives no offsets here, and the tokens are not spelt as the text is.
        """
        if not texts:
            return []
        if getattr(self._tokenizer, "is_fast", False):
            encoded = self._tokenizer(_clean(texts), return_offsets_mapping=True, **self._options)
            made = zip(texts, encoded["offset_mapping"], strict=True)
            found = [with_marks(text, within(offsets, len(text))) for text, offsets in made]
            return list(zip(self._shown(encoded, self._hidden), found, strict=True))
        rows = self.encode(texts)
        known = lost = 0
        offsets = []
        for text, ids in zip(texts, rows, strict=True):
            pieces = [
                None if id == self.unknown_id else piece for id, piece in zip(ids, self.source_pieces(ids), strict=True)
            ]
            places, with_letters, missing = aligned(text, pieces)
            known, lost = known + with_letters, lost + missing
            offsets.append(places)
        check_found(known, lost)
        return list(zip(rows, offsets, strict=True))

    def _encode(self, texts: Sequence[str], side: str, hidden: set[int]) -> list[list[int]]:
        if not texts:
            return []
        return self._shown(self._tokenizer(**{side: _clean(texts)}, **self._options), hidden)

    def _shown(self, encoded: Any, hidden: set[int]) -> list[list[int]]:
        # Unigram vocabularies list the specials among their words, so a text that spells one can still hit it.
        return [[self.unknown_id if id in hidden else int(id) for id in ids] for ids in encoded["input_ids"]]

    def _pair_style(self) -> PairStyle:
        """What transformers puts between two texts; of translation models, which read no pairs, the end token."""
        single = PairStyle((self.end_id,), False)
        if self.language_tokens is not None or _is_marian(self._tokenizer):
            return single
        alone = [int(id) for id in self._tokenizer("a", **self._options)["input_ids"]]
        made = self._tokenizer("a", "a", return_token_type_ids=True, verbose=False)
        ids = [int(id) for id in made["input_ids"]]
        head, tail = [self.begin_id, *alone], [*alone, self.end_id]
        between = tuple(ids[len(head) : -len(tail)])
        if ids != [*head, *between, *tail] or not between:
            return single
        return PairStyle(between, any(made["token_type_ids"]))

    def encode_source(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text between begin and end."""
        return [[self.begin_id, *ids, self.end_id] for ids in self.encode(texts)]

    def batch(self, texts: str | Iterable[str]) -> tuple[Tensor, Tensor]:
        """Texts as a model's encoder reads them: padded rows of ids between begin and end, and where they are real.

        Shape:
            returns: tokens (B, S) int64, mask (B, S) bool, True where a token is
        """
        return padded(self.encode_source(sentences_of(texts)), self.pad_id)

    def __repr__(self) -> str:
        return f"WrappedTokenizer({type(self._tokenizer).__name__}, {self.vocabulary_size:,} tokens)"

    def decode(self, sequences: Sequence[Sequence[int]]) -> list[str]:
        """The text of each sequence; special tokens vanish."""
        hidden = set(self.special_ids)
        kept = [[int(id) for id in ids if int(id) not in hidden] for ids in sequences]
        return [str(self._tokenizer.decode(ids, skip_special_tokens=False)) for ids in kept]


def _lacking(folder: Path) -> str:
    """The files that the folder's tokenizer class wants and that are not there, for an error; "" for none."""
    import transformers

    kind = getattr(transformers, str(settings(folder, "tokenizer_config.json").get("tokenizer_class")), None)
    wanted = getattr(kind, "vocab_files_names", {})
    missing = [name for key, name in wanted.items() if key not in _NOT_NEEDED and not is_there(folder / name)]
    return f"it lacks {' and '.join(missing)}: " if missing else ""


def _check_filled(tokenizer: Any, folder: Path) -> None:
    """Refuse what transformers makes of a folder in which its class finds no vocabulary: an empty tokenizer.

    Raises:
        UserError: No token of it is text.
    """
    if not set(tokenizer.get_vocab().values()) - set(tokenizer.all_special_ids):
        raise UserError(
            f"the tokenizer in {folder}, a {type(tokenizer).__name__}, knows no token that is text: {_lacking(folder)}"
            "copy the tokenizer's files again."
        )


def _clean(texts: Sequence[str]) -> list[str]:
    """Without lone surrogates, character for character."""
    return [text.encode("utf-8", "replace").decode("utf-8") for text in texts]


def _language_tokens(tokenizer: Any) -> LanguageTokens | None:
    """What a tokenizer's class says of its language tokens; None for a class without any."""
    names = [parent.__name__.removesuffix("Fast") for parent in type(tokenizer).__mro__]
    name = next((name for name in names if name in SCHEMES), None)
    if name is None:
        return None
    scheme = Scheme("behind", "second") if getattr(tokenizer, "legacy_behaviour", False) else SCHEMES[name]
    if name == "MarianTokenizer":
        known = {**tokenizer.get_added_vocab(), **tokenizer.encoder}
        found = {token: id for token, id in known.items() if token.startswith(">>") and token.endswith("<<")}
        spelled = {token[2:-2]: int(id) for token, id in found.items()}
        target = "" if spelled else single_language(tokenizer.target_lang)
        return LanguageTokens(spelled, scheme, (single_language(tokenizer.source_lang), target))
    if name == "M2M100Tokenizer":
        added = {token[2:-2]: int(id) for token, id in tokenizer.get_added_vocab().items() if _M2M.fullmatch(token)}
        return LanguageTokens({**added, **tokenizer.lang_code_to_id}, scheme)
    # Some files forget to call their language tokens special; the class lists what it was made for.
    listed = set(getattr(sys.modules[type(tokenizer).__module__], "FAIRSEQ_LANGUAGE_CODES", ()))
    listed |= {token for token in tokenizer.all_special_tokens if _CODE.fullmatch(token)}
    # One that was added for a new language may be an ordinary token too.
    listed |= {token for token in tokenizer.get_added_vocab() if _CODE.fullmatch(token) and names_language(token)}
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    spelled = {token: int(id) for token, id in vocabulary if token in listed}
    return LanguageTokens(spelled, scheme) if spelled else None


def _spelled(tokenizer: Any, languages: LanguageTokens | None) -> dict[str, int]:
    """The added tokens that a text may spell, with their ids: words, and special tokens such as marks of entities.

    Not the special tokens that a tokenizer names for a purpose, its language tokens, and those of its class (T5's and
    CamemBERT's). M2M-100's class gives an added token the id of one of its language tokens, and so do we.
    """
    keys = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
    others = {str(token) for key in keys if (token := getattr(tokenizer, key, None)) is not None}
    for spelling in () if languages is None else languages.ids:
        others |= {spelling, f"__{spelling}__", f">>{spelling}<<"}
    added = {str(token): int(id) for id, token in tokenizer.added_tokens_decoder.items()}
    return {token: id for token, id in added.items() if token not in others and not _OF_CLASS.fullmatch(token)}


def _recognize(tokenizer: Any, spelled: Mapping[str, int]) -> bool:
    """Let the tokenizer find these added tokens in texts, and no other.

    Returns:
        What `split_special_tokens` must be for that.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:  # it finds all that are not called special
        state = json.loads(backend.to_str())
        called = [token for token in state["added_tokens"] if token["special"] and token["content"] in spelled]
        for token in called:
            token["special"] = False
        if called:
            from tokenizers import Tokenizer as Backend

            tokenizer._tokenizer = Backend.from_str(json.dumps(state))
    elif spelled:  # transformers' Python tokenizers find all added tokens or none: they are given these
        from transformers.tokenization_python import Trie

        tokenizer.tokens_trie = Trie(list(spelled))
        return False
    return True


def _is_marian(tokenizer: Any) -> bool:
    return any(parent.__name__ == "MarianTokenizer" for parent in type(tokenizer).__mro__)


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
        target = sorted(getattr(tokenizer, "target_encoder", {}).items())
        state = repr(sorted(tokenizer.get_vocab().items())) + repr(target) + type(tokenizer).__name__
    digest = hashlib.sha256(b"wrapped\n" + state.encode("utf-8"))
    for name in ("sp_model", "spm_source", "spm_target"):
        if (processor := getattr(tokenizer, name, None)) is not None:
            digest.update(processor.serialized_model_proto())
    return digest.hexdigest()

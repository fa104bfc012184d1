"""A look at a tokenizer's files before transformers or SentencePiece opens them, and at what they gave."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from anyglot.errors import UserError
from anyglot.models.pretrained.locate import TOKENIZER_FILES, VOCABULARIES
from anyglot.runtime.untrusted_files import DOCUMENT, LARGE, check_regular, is_there, read_json
from anyglot.text.protocols import TextTokenizer

# Whatever transformers reads as the settings of a tokenizer or of the model it belongs to.
_SETTINGS = (
    "config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "processor_config.json",
    "preprocessor_config.json",
    "generation_config.json",
    "chat_template.json",
    "chat_template.jinja",
)
_MORE = ("tokenizer.model", "spm.model", "vocab.bpe", "bpe.codes", "tekken.json")
# Names Python code of the folder's own, which transformers would run if it was let.
_CODE = "auto_map"
_XLMR_SPECIALS = frozenset(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
_HEAD = 1 << 20


def check_tokenizer_files(folder: Path) -> None:
    """Refuse a folder whose tokenizer cannot be opened without harm, or is not there.

    Raises:
        UserError: A file that transformers would look for is no regular file or too large; a settings file is no JSON
            object or asks for Python code; or there is no vocabulary at all.
    """
    others = [path.name for path in _listed(folder) if path.name.startswith("tokenizer.") and path.suffix == ".json"]
    for name in dict.fromkeys((*_SETTINGS, *TOKENIZER_FILES, *_MORE, *others)):
        if is_there(folder / name):
            check_regular(folder / name, DOCUMENT if name in _SETTINGS else LARGE)
    for name in _SETTINGS:
        if name.endswith(".json"):
            settings(folder, name)
    if not any(is_there(folder / name) for name in (*VOCABULARIES, *_MORE)):
        raise UserError(
            f"{folder} holds no tokenizer ({', '.join(VOCABULARIES)}). "
            f"Copy the tokenizer's files beside the model or name another folder."
        )


def settings(folder: Path, name: str) -> dict[str, Any]:
    """The object in a settings file of a tokenizer; empty where there is no such file.

    Raises:
        UserError: It is no JSON object, or asks for Python code of the folder's own.
    """
    path = folder / name
    try:
        raw = read_json(path)
    except FileNotFoundError:
        return {}
    if not isinstance(raw, dict):
        raise UserError(f"{path} is not a JSON object: copy or download it again.")
    if _asks_for_code(raw):
        raise UserError(
            f"{path} asks for Python code of its own ({_CODE}), which is never run: use a checkpoint whose tokenizer "
            f"transformers has itself, or remove {_CODE} if it does without."
        )
    return raw


def added_tokens(folder: Path) -> list[str]:
    """What was added to XLM-R's tokenizer in a folder, by any of the files that transformers keeps such tokens in.

    Raises:
        UserError: One of the files is damaged.
    """
    config = settings(folder, "tokenizer_config.json")
    listed = [*settings(folder, "added_tokens.json"), *_added_in_document(folder / "tokenizer.json")]
    for key in ("added_tokens_decoder", "additional_special_tokens", "extra_special_tokens"):
        entries = config.get(key) or []
        listed.extend(entries.values() if isinstance(entries, dict) else entries if isinstance(entries, list) else [])
    found = [entry.get("content") if isinstance(entry, dict) else entry for entry in listed]
    names = [name for name in found if isinstance(name, str)]  # whoever opens the file says what else is wrong with it
    return [name for name in dict.fromkeys(names) if name not in _XLMR_SPECIALS]


def _added_in_document(path: Path) -> list[Any]:
    """`added_tokens` of a tokenizer.json, which stand near its beginning; the whole, of many megabytes, is not read."""
    try:
        check_regular(path, LARGE)
        with path.open("rb") as stream:
            head = stream.read(_HEAD).decode("utf-8", "replace")
    except FileNotFoundError:
        return []
    found = re.search(r'"added_tokens"\s*:\s*', head)
    try:
        value = json.JSONDecoder().raw_decode(head, found.end())[0] if found else read_json(path, LARGE)["added_tokens"]
    except (LookupError, TypeError, ValueError, RecursionError):
        return []  # whoever opens it says what is wrong with it
    return value if isinstance(value, list) else []


def check_vocabulary(tokenizer: TextTokenizer, folder: Path) -> None:
    """Refuse a tokenizer that is not that of the model beside it.

    A table may have a few more rows than there are tokens. Language tokens and the mask may lie beyond it: a model that
    was trained without them is never given one.

    Raises:
        UserError: Ids of ordinary tokens lie beyond the model's table, or fewer than half of its rows have a token.
    """
    rows = _rows(settings(folder, "config.json"))
    if rows is None:
        return
    languages = tokenizer.language_tokens
    never = {tokenizer.mask_id, *(() if languages is None else languages.ids.values())}
    highest = next(id for id in range(tokenizer.vocabulary_size - 1, -2, -1) if id not in never)
    if highest >= rows:
        raise UserError(
            f"the tokenizer in {folder} has tokens up to id {highest:,}, and the model a table of {rows:,} rows: they "
            "are of two models; copy the tokenizer's files of this one."
        )
    if 2 * tokenizer.vocabulary_size < rows:
        raise UserError(
            f"the tokenizer in {folder} knows {tokenizer.vocabulary_size:,} tokens, and the model has {rows:,}: its "
            "files are damaged or of another model; copy the tokenizer's files of this one."
        )


def _rows(config: dict[str, Any]) -> int | None:
    """Rows of the largest token table that a config asks for, ours or transformers'; None: it tells of none."""
    found = [config.get(key) for key in ("vocab_size", "decoder_vocab_size")]
    for part in (config, config.get("encoder"), config.get("language_model")):
        embeddings = part.get("embeddings") if isinstance(part, dict) else None
        found.append(embeddings.get("vocabulary_size") if isinstance(embeddings, dict) else None)
    return max((rows for rows in found if type(rows) is int), default=None)


def _asks_for_code(document: Any) -> bool:
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if value.get(_CODE):
                return True
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return False


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise UserError(f"{folder} cannot be read: {error.strerror or error}.") from None

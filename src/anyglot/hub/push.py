"""A model folder made ready for the Hugging Face hub, and its upload."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from anyglot.errors import UserError
from anyglot.hub.card import CardMetadata, model_card
from anyglot.hub.record import read_record
from anyglot.hub.tokenizer import never_written, tokenizer_files
from anyglot.models.config import EncoderConfig, EncoderDecoderConfig
from anyglot.models.encoder import Encoder
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.padding import pad_with
from anyglot.models.pretrained.locate import local_folder
from anyglot.models.pretrained.unfinished_runs import is_checkpoint, is_unfinished, run_of
from anyglot.models.store import CONFIG, WEIGHTS, is_model_folder, load_model
from anyglot.runtime.files import whole_folder
from anyglot.text.protocols import TextTokenizer
from anyglot.text.tokenizer import load_tokenizer

CARD = "README.md"
GENERATION = "generation_config.json"
LANGUAGES = "languages.json"
# Beside the model, the card and the tokenizer. A run's recipe, log and checkpoints stay at home: they tell of paths.
_CARRIED = (LANGUAGES, "LICENSE")
_NAME = re.compile(r"([A-Za-z0-9][\w.-]{0,95}/)?[A-Za-z0-9][\w.-]{0,95}")

Files = dict[str, Path | bytes]


def prepare(folder: Path, name: str, stated: CardMetadata | None = None, scores: Path | None = None) -> Files:
    """What an upload consists of: name in the repository -> a file here, or what is written in it.

    A README.md in the folder is taken as it is, so that a card can be written over by hand. A run that has not ended is
    uploaded as the checkpoint that `translate` would open: which is said once, and the card says that it is one.

    Args:
        folder: A model folder of this package, a run that has not ended, or a checkpoint.
        name: Of the repository, for the card.
        stated: What only a person knows.
        scores: The folder of an evaluation.

    Raises:
        UserError: No model folder, a damaged one, a run without a checkpoint, or a name that the hub does not allow.
    """
    check_name(name)
    home, begun = run_of(folder), is_checkpoint(folder) or is_unfinished(folder)
    model_folder = local_folder(folder) if begun else folder
    if not is_model_folder(model_folder):
        raise UserError(f"{folder} is no model folder of anyglot (it needs a {CONFIG} of ours): name a finished run.")
    # Opened whole: what cannot be opened here must not be offered to others.
    model = load_model(model_folder)
    if not isinstance(model, Encoder | EncoderDecoder) or getattr(model.config, "adapters", None) is not None:
        told = "has adapters" if isinstance(model, EncoderDecoder) else f"is of the kind '{model.config.kind}'"
        whole = f"what `anyglot model average {home} --best 1` writes" if begun else "the folder as it is"
        raise UserError(
            f"{folder} {told}, which transformers cannot open as a card promises: upload {whole}, for "
            "`anyglot translate`."
        )
    tokenizer_parts = tokenizer_files(model_folder)
    if not tokenizer_parts:
        raise UserError(f"{folder} holds no tokenizer: copy the tokenizer's files beside the model.")
    tokenizer = load_tokenizer(model_folder)
    pad_with(model, tokenizer.pad_id)
    files: Files = {CONFIG: _config(model.config), WEIGHTS: model_folder / WEIGHTS, **tokenizer_parts}
    if isinstance(model, EncoderDecoder):
        files[GENERATION] = _generation(home, model, tokenizer)
    files |= {carried: home / carried for carried in _CARRIED if (home / carried).is_file()}
    written = folder / CARD
    card = model_card(name, read_record(folder, scores, model_folder if begun else None), stated or CardMetadata())
    files[CARD] = written if written.is_file() else card.encode("utf-8")
    return files


def check_name(name: str) -> None:
    """Raise UserError for a name that no repository of the hub can have."""
    if not _NAME.fullmatch(name) or ".." in name or "--" in name or name.endswith((".git", ".", "-")):
        raise UserError(
            f"'{name}' is no name of a repository: write OWNER/NAME with letters, digits, '-', '_' and '.'."
        )


def write(files: Mapping[str, Path | bytes], folder: Path) -> None:
    """Write an upload into a new folder.

    Raises:
        UserError: The folder exists or cannot be written.
    """
    if folder.exists():
        raise UserError(f"{folder} exists already: name a folder that does not.")
    with whole_folder(folder) as made:
        for name, content in files.items():
            if isinstance(content, bytes):
                (made / name).write_bytes(content)
            else:
                shutil.copyfile(content, made / name)


def upload(
    files: Mapping[str, Path | bytes],
    name: str,
    *,
    private: bool = True,
    message: str = "Upload a model of anyglot",
    token: str | None = None,
    endpoint: str | None = None,
) -> str:
    """Create the repository if there is none, and commit the files to it in one go. Returns its address.

    Args:
        token: Of an account that may write there; that of `hf auth login` or HF_TOKEN when absent.
        endpoint: Of another hub than huggingface.co; HF_ENDPOINT when absent.

    Raises:
        UserError: The hub cannot be reached or does not let us.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi(endpoint=endpoint, token=token)
    try:
        repository = api.create_repo(name, private=private, exist_ok=True).repo_id
        operations = [CommitOperationAdd(path_in_repo=path, path_or_fileobj=content) for path, content in files.items()]
        api.create_commit(repository, operations, commit_message=message)
    except Exception as error:  # names, rights, network, disk: a dozen types of three libraries
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"the upload to {name} failed ({type(error).__name__}: {reason}): check the network, the name and "
            "your token (`hf auth login`)."
        ) from error
    return f"{api.endpoint}/{repository}"


def _config(network: EncoderConfig | EncoderDecoderConfig) -> bytes:
    """config.json with the name of the class that transformers opens it with."""
    from anyglot.hub.configuration import AnyglotConfig, AnyglotEncoderConfig

    if isinstance(network, EncoderDecoderConfig):
        known = AnyglotConfig(network, architectures=["AnyglotForConditionalGeneration"])
    else:
        name = "AnyglotForMaskedLM" if network.language_head else "AnyglotModel"
        known = AnyglotEncoderConfig(network, architectures=[name])
    return (json.dumps(known.to_dict(), indent=2) + "\n").encode("utf-8")


def _generation(folder: Path, model: EncoderDecoder, tokenizer: TextTokenizer) -> bytes:
    """generation_config.json: the folder's own settings or else our search, and no token that is not text."""
    from transformers import GenerationConfig

    from anyglot.hub.searching import search_settings

    never = never_written(tokenizer, model.config.end_id, model.output.weight.shape[0])
    settings = search_settings(model.config, never)
    if (folder / GENERATION).is_file():
        try:
            settings = GenerationConfig.from_pretrained(str(folder), local_files_only=True)
        except (OSError, ValueError) as error:
            raise UserError(f"{folder / GENERATION} cannot be read ({error}): mend or remove it.") from None
        settings.suppress_tokens = sorted({*(settings.suppress_tokens or ()), *never})
    text: str = settings.to_json_string(use_diff=True)
    return text.encode("utf-8")

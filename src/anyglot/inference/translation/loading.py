"""Where a model is, and what it is."""

import hashlib
import shutil
from pathlib import Path

import torch

from anyglot.errors import UserError
from anyglot.models.config import EncoderConfig
from anyglot.models.encoder import Encoder
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.fingerprint import weights_fingerprint
from anyglot.models.language import LanguageModel, PromptedLanguageModel
from anyglot.models.parallel import ParallelEncoderDecoder
from anyglot.models.pretrained.load import load_encoder, load_pretrained
from anyglot.models.pretrained.locate import local_folder
from anyglot.models.pretrained.unfinished_runs import is_checkpoint, is_unfinished
from anyglot.models.prompt_files import FILE, SavedPrompts, load_prompts, prompted, save_prompts
from anyglot.models.prompt_files import FOLDER as PROMPTS
from anyglot.models.prompted import PromptedEncoder
from anyglot.models.restrict import restrict_output
from anyglot.models.store import is_model_folder, load_config
from anyglot.runtime import hashes
from anyglot.runtime.files import whole_folder
from anyglot.text.protocols import TextTokenizer
from anyglot.text.templates import LANGUAGES
from anyglot.text.vocabulary import Vocabulary

TranslationModel = EncoderDecoder | PromptedEncoder | ParallelEncoderDecoder | PromptedLanguageModel
_IDENTIFYING = {".safetensors", ".bin", ".json", ".model", ".spm", ".txt"}
_ENCODER = (
    "{model} is an encoder and cannot translate: train a translator from it first (`anyglot list recipes` shows how), "
    "or name prompts that were trained over it with `prompts`."
)


def fetch_model(
    path_or_name: str | Path, prompts: SavedPrompts | None = None
) -> tuple[Path, TranslationModel, str | None]:
    """Find a model and load it; with prompts an encoder, or one that has others, to put them in front of.

    Returns:
        The local folder, the model, and of one made by prompts the key of the encoder (`weights_fingerprint`).

    Raises:
        UserError: Nothing there, damaged, an encoder without a decoder, or a checkpoint that cannot be read; or the
            prompts do not fit.
    """
    folder = local_folder(path_or_name)
    if prompts is not None:
        encoder = load_encoder(folder)
        base = weights_fingerprint(encoder)
        return folder, prompted(encoder, prompts, str(path_or_name), base), base
    model = load_pretrained(folder)
    if isinstance(model, Encoder):
        raise UserError(_ENCODER.format(model=path_or_name))
    if isinstance(model, LanguageModel):
        raise UserError(
            f"{path_or_name} is a language model and cannot translate: train prompts for it first (`anyglot train "
            "msp/tiny` shows how)."
        )
    if isinstance(model, EncoderDecoder) and model.config.family == "marian":
        silence_padding(model)
    return folder, model, _base_of(folder, model) if isinstance(model, PromptedEncoder) else None


def fetch_prompts(place: str | Path) -> SavedPrompts:
    """Read prompts from their folder or a run's; of a run that has not ended from a checkpoint, as of any model.

    Args:
        place: A folder of prompts, of a run, or of a checkpoint of one; or `RUN/prompts`, which a run has at its end.

    Raises:
        UserError: There are none, they are damaged, or the run has no checkpoint yet.
    """
    folder = Path(place)
    run = folder.parent if folder.name == PROMPTS and not folder.exists() else folder
    if not (is_checkpoint(run) or is_unfinished(run)):
        return load_prompts(folder)
    made = local_folder(run)
    if not (made / PROMPTS).is_dir():
        with whole_folder(made / PROMPTS) as written:
            write_prompts(made, written, str(run))
    return load_prompts(made)


def write_prompts(model_folder: Path, out: Path, name: str) -> None:
    """Write the prompts of a model alone into a folder, and the languages they were trained for.

    Args:
        name: What the model is called, for the error.

    Raises:
        UserError: The model is not an encoder with prompts, or `out` cannot be written.
    """
    model = load_pretrained(model_folder)
    if not isinstance(model, PromptedEncoder):
        raise UserError(f"{name} is not made by prompts over an encoder (method sga), so it holds none.")
    save_prompts(model, out)
    if (model_folder / LANGUAGES).is_file():
        shutil.copyfile(model_folder / LANGUAGES, out / LANGUAGES)


def check_translator(path_or_name: str | Path) -> None:
    """What can be told about a model before it is loaded: that it is there, and that it is no encoder.

    Raises:
        UserError: It is not to be had, its config is damaged, or it is an encoder.
    """
    folder = local_folder(path_or_name)
    if is_model_folder(folder) and isinstance(load_config(folder), EncoderConfig):
        raise UserError(_ENCODER.format(model=path_or_name))


def _base_of(folder: Path, model: PromptedEncoder) -> str:
    """Read from the run's folder where it stands there, which spares hashing the weights."""
    written = (folder / PROMPTS / FILE).is_file()
    return load_prompts(folder).base_key if written else weights_fingerprint(model.encoder)


def silence_padding(model: EncoderDecoder) -> None:
    """Take the padding token's probability away, as Marian itself never had that token.

    transformers' copies of Marian's models have it added with a row of zeros, whose logit of 0 would take a share of
    every step. transformers spreads that share over the others by `bad_words_ids` and `renormalize_logits`.
    """
    weight, bias = model.output.weight, model.output.bias
    silent = torch.zeros(len(weight), dtype=weight.dtype) if bias is None else bias.detach().clone()
    silent[model.config.padding_id] = -1e9
    model.output.bias = torch.nn.Parameter(silent, requires_grad=False)


def restrict(model: TranslationModel, tokenizer: TextTokenizer, path: str | Path) -> str:
    """Let the model write the tokens of a vocabulary file only; of a model that is restricted already, those of both.

    Returns:
        Hash of the choice.

    Raises:
        UserError: No such file, damaged, or of another tokenizer; or nothing could be written with it.
    """
    vocabulary = Vocabulary.load(Path(path).expanduser(), tokenizer)
    ids = torch.from_numpy(vocabulary.ids.copy())
    if model.output.rows is not None:
        ids = ids[torch.isin(ids, model.output.rows.ids)]
    restrict_output(model, ids, str(path))
    return vocabulary.fingerprint[:12]


def fingerprint(folder: Path) -> str:
    """Twelve hex digits that change with every bit of a model's config, tokenizer or weights.

    Files are read once and known again afterwards (`runtime/hashes.py`).
    """
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in _IDENTIFYING and path.is_file() and path.name != hashes.FILE:
            digest.update(f"{path.name}\0{hashes.file_hash(path)}\0".encode())
    return digest.hexdigest()[:12]

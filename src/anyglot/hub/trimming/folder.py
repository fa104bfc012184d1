"""From a model folder to a smaller one: chosen, dropped, rewritten, checked, and only then visible."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from anyglot.errors import UserError
from anyglot.hub.trimming.choice import Choice, VocabularySpecification, choose
from anyglot.hub.trimming.tokenizers import completed, differing, write_trimmed
from anyglot.models.encoder import Encoder
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.padding import pad_with
from anyglot.models.pretrained.load import load_pretrained
from anyglot.models.pretrained.locate import local_folder
from anyglot.models.pretrained.save import save_pretrained
from anyglot.models.restrict import restrict_output, trim_tables
from anyglot.models.store import is_model_folder, save_model
from anyglot.runtime.files import whole_folder
from anyglot.text.protocols import TextTokenizer
from anyglot.text.tokenizer import load_tokenizer
from anyglot.text.trimmed_record import Record
from anyglot.text.vocabulary import Coverage, Vocabulary, coverage

# Beside config, weights and tokenizer, what a folder of ours holds that stays true of a trimmed model.
_COPIED = ("languages.json", "generation_config.json")
_CHECKED_LINES = 20_000
_MADE_TEXTS = 500
# Two segmentations of equal probability are no fault; more than one text in a thousand is.
_ALLOWED = 1e-3


@dataclass(frozen=True)
class Trimmed:
    """What trimming did.

    Attributes:
        rows, full_rows: Tokens kept, and tokens there were.
        scripts: What can be spelt with them.
        parameters, full_parameters: Of the model.
        disk, full_disk: Bytes of weights and tokenizer.
        coverage: Of the texts that were given, by the kept tokens in the old segmentation; None without texts.
        tokens: Of the same lines in the new segmentation.
        unknown: Those of them that are unknown.
        output_rows: Tokens the output is restricted to; None: all.
        checked, different: Texts segmented by both tokenizers, and those where they disagree.
    """

    rows: int
    full_rows: int
    scripts: tuple[str, ...]
    parameters: int
    full_parameters: int
    disk: int
    full_disk: int
    coverage: Coverage | None
    tokens: int
    unknown: int
    output_rows: int | None
    checked: int
    different: int


def trim(
    name_or_folder: str,
    out: Path,
    wish: VocabularySpecification,
    *,
    target: VocabularySpecification | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Trimmed:
    """Write a copy of a model whose tables and tokenizer have only the tokens that are wished for.

    A folder of ours gives a folder of ours, a transformers folder one that transformers opens too.

    Args:
        name_or_folder: A model folder or a hub name; an encoder, or an encoder-decoder with one vocabulary.
        out: Must not exist; appears whole or not at all.
        target: Restricts the output further, to what a translation is written with.
        say: Told what happens.

    Raises:
        UserError: `out` exists or cannot be written, the model cannot be read, or its tokenizer cannot be trimmed.
    """
    if out.exists():
        raise UserError(f"{out} exists already; name a folder that does not.")
    folder = local_folder(name_or_folder)
    tokenizer = load_tokenizer(folder)
    choice = choose(wish, tokenizer)
    vocabulary = completed(choice.vocabulary, tokenizer, folder)
    say(f"{len(vocabulary):,} of {vocabulary.full_size:,} tokens are kept ({', '.join(choice.scripts)})")
    model = load_pretrained(folder)
    if not isinstance(model, Encoder | EncoderDecoder):
        raise UserError(
            f"{folder} is of the kind '{model.config.kind}', whose tables cannot be trimmed: trim the model it was "
            "trained from, and train it again on that."
        )
    if model_rows(model) < vocabulary.full_size:
        raise UserError(f"{folder}: the tokenizer has more tokens than the model has rows; they are of two models.")
    full_parameters = sum(parameter.numel() for parameter in model.parameters())
    if is_model_folder(folder) or (isinstance(model, Encoder) and not model.config.embeddings.position_offset):
        pad_with(model, tokenizer.pad_id)  # where a family counts positions from its padding, they stay what they are
    trim_tables(model, torch.from_numpy(vocabulary.ids.copy()))
    with whole_folder(out) as temporary:
        trimmed = write_trimmed(tokenizer, folder, vocabulary, temporary)
        checked, different = _check(wish, tokenizer, trimmed, vocabulary)
        if target is not None:
            _restrict(model, target, trimmed)
        _write(model, folder, temporary)
        _record(choice, vocabulary).save(temporary)
        result = Trimmed(
            rows=len(vocabulary),
            full_rows=vocabulary.full_size,
            scripts=choice.scripts,
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            full_parameters=full_parameters,
            disk=_size(temporary),
            full_disk=_size(folder),
            coverage=coverage(vocabulary, wish.lines(), tokenizer) if wish.texts else None,
            **_read_again(wish, trimmed),
            output_rows=len(model.output.rows) if isinstance(model, EncoderDecoder) and model.output.rows else None,
            checked=checked,
            different=different,
        )
    return result


def model_rows(model: Encoder | EncoderDecoder) -> int:
    """Rows of the table that a model reads by."""
    embeddings = model.embeddings if isinstance(model, Encoder) else model.encoder.embeddings
    return embeddings.tokens.num_embeddings


def _check(
    wish: VocabularySpecification, tokenizer: TextTokenizer, trimmed: TextTokenizer, vocabulary: Vocabulary
) -> tuple[int, int]:
    """Segment texts with both tokenizers: the given ones, and ones made of kept pieces."""
    texts = [*islice(wish.lines(), _CHECKED_LINES), *_made_texts(tokenizer, vocabulary)]
    checked, different = differing(texts, tokenizer, trimmed, vocabulary)
    if different > max(1, _ALLOWED * checked):
        raise UserError(
            f"this model's tokenizer cannot be trimmed: {different} of {checked} texts of kept tokens would be "
            "segmented otherwise than before."
        )
    return checked, different


def _made_texts(tokenizer: TextTokenizer, vocabulary: Vocabulary) -> Iterator[str]:
    drawn = np.random.default_rng(0)
    special = set(tokenizer.special_ids) | {tokenizer.unknown_id}
    words = np.asarray([id for id in vocabulary.ids.tolist() if id not in special], dtype=np.int64)
    rows = drawn.choice(words, (_MADE_TEXTS, 12)).tolist() if len(words) else []
    return iter(tokenizer.decode(rows))


def _restrict(model: Encoder | EncoderDecoder, target: VocabularySpecification, trimmed: TextTokenizer) -> None:
    if not isinstance(model, EncoderDecoder):
        raise UserError("`target` restricts what a translation is written with, but this model is an encoder.")
    ids = choose(target, trimmed, written=True).vocabulary.ids
    restrict_output(model, torch.from_numpy(ids.copy()), "`target`")


def _write(model: Encoder | EncoderDecoder, folder: Path, out: Path) -> None:
    if is_model_folder(folder):
        save_model(model, out)
    else:
        save_pretrained(model, out)
    for name in _COPIED:
        if (folder / name).is_file() and is_model_folder(folder):
            shutil.copyfile(folder / name, out / name)


def _record(choice: Choice, vocabulary: Vocabulary) -> Record:
    return Record(len(vocabulary), vocabulary.full_size, choice.scripts, vocabulary.tokenizer)


def _read_again(wish: VocabularySpecification, trimmed: TextTokenizer) -> dict[str, int]:
    tokens = unknown = 0
    for ids in trimmed.encode(list(wish.lines())):
        tokens += len(ids)
        unknown += ids.count(trimmed.unknown_id)
    return {"tokens": tokens, "unknown": unknown}


def _size(folder: Path) -> int:
    """Bytes of a folder's weights and tokenizer."""
    suffixes = {".safetensors", ".model", ".json", ".txt"}
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file() and path.suffix in suffixes)

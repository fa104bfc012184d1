"""Models from a folder or the hub: ours, or a checkpoint of another family under its rename table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType

import torch
from pydantic import ValidationError
from torch import Tensor

from anyglot.errors import UserError
from anyglot.models import config as shapes
from anyglot.models.build import Model, build, dropped_skips
from anyglot.models.empty import blank
from anyglot.models.encoder import Encoder
from anyglot.models.extraction import without_cross_attention
from anyglot.models.language import LanguageModel, PromptedLanguageModel
from anyglot.models.pretrained.families import find_family
from anyglot.models.pretrained.family import Config, Contents, Family
from anyglot.models.pretrained.foreign import CONFIG, first_problem, read_json, refuse_unsupported
from anyglot.models.pretrained.locate import local_folder
from anyglot.models.pretrained.rename import Table
from anyglot.models.pretrained.tensor_files import Checkpoint
from anyglot.models.store import assign, is_model_folder, load_model
from anyglot.nn.block import Block

_expected: ContextVar[Mapping[str, shapes.Config]] = ContextVar("_expected", default=MappingProxyType({}))


@contextmanager
def assume_configs(models: Mapping[str, shapes.Config]) -> Iterator[None]:
    """Inside, models of these names are built fresh in place of being read, for whom asks after shapes alone."""
    before = _expected.set({**_expected.get(), **models})
    try:
        yield
    finally:
        _expected.reset(before)


def load_pretrained(name_or_folder: str | Path, revision: str | None = None) -> Model:
    """The model of a folder of ours, of a transformers folder, or of a hub name, in eval mode and float32.

    Args:
        name_or_folder: A local folder comes before a hub name of the same spelling.
        revision: Of a hub name: a branch, a tag or a commit.

    Raises:
        UserError: There is no model at this place, it is damaged, or its family or settings are not supported.
    """
    return _load(name_or_folder, revision, encoder_only=False)


def load_encoder(name_or_folder: str | Path, revision: str | None = None, *, cross_attention: bool = False) -> Encoder:
    """The encoder of a model, alone; of an encoder-decoder its encoder, without the decoder's weights.

    Args:
        cross_attention: Keep the cross-attention in the blocks where there is one (VECO); else it is left out, and what
            is returned is an encoder like any other.

    Raises:
        UserError: as `load_pretrained`.
    """
    encoder = encoder_of(_load(name_or_folder, revision, encoder_only=True))
    return encoder if cross_attention else without_cross_attention(encoder)


def encoder_of(model: Model) -> Encoder:
    """The model's encoder as a model of its own, with all its parts but adapters, of which a language would choose one.

    Skips that were dropped in it stay dropped.
    """
    if isinstance(model, Encoder):
        return model
    if isinstance(model, LanguageModel | PromptedLanguageModel):
        raise UserError("a language model has no encoder: name an encoder, or a model that has one.")
    encoder = model.encoder
    encoder.config = encoder.config.model_copy(update={"dropped_skips": dropped_skips(encoder)})
    for block in [module for module in encoder.modules() if isinstance(module, Block)]:
        block.adapter = None
    return encoder


def load_language_model(name_or_folder: str | Path, revision: str | None = None) -> LanguageModel:
    """A causal language model.

    Raises:
        UserError: as `load_pretrained`; or the model is another kind.
    """
    model = load_pretrained(name_or_folder, revision)
    if not isinstance(model, LanguageModel):
        raise UserError(
            f"{name_or_folder} is no language model but of the kind '{model.config.kind}': name a GPT-2, an mGPT, or a "
            "run of the method causal_language."
        )
    return model


def _load(name_or_folder: str | Path, revision: str | None, *, encoder_only: bool) -> Model:
    shape = _expected.get().get(str(name_or_folder))
    if shape is not None:
        return build(shape)
    folder = local_folder(name_or_folder, revision)
    return load_model(folder) if is_model_folder(folder) else _load_foreign(folder, encoder_only=encoder_only)


def _load_foreign(folder: Path, *, encoder_only: bool) -> Model:
    raw = read_json(folder)
    origin = str(folder / CONFIG)
    family = find_family(raw, origin)
    refuse_unsupported(raw, origin, family.settings)
    with Checkpoint(folder, family.layout) as checkpoint:
        stored = _bare_names(checkpoint, family)
        contents = Contents(origin, frozenset(stored), lambda name: checkpoint.tensor(stored[name]))
        try:
            config = family.read(raw, contents, encoder_only)
        except ValidationError as error:
            raise UserError(f"{origin}: {first_problem(error)}") from None
        table = family.table(config)
        sources = _sources(checkpoint, stored, table, family)
        _check_tokens(checkpoint, sources, config)
        with blank():
            model = build(config)
        _check_names(folder, model, sources, stored, table)
        tensors = {ours: _value(checkpoint, name, family) for ours, name in sources.items()}
    assign(model, tensors, str(folder))
    return model.eval()


def _bare_names(checkpoint: Checkpoint, family: Family) -> dict[str, str]:
    """Bare name -> name in the file."""
    stored: dict[str, str] = {}
    for name in checkpoint.names:
        bare = family.prefix.remove(name)
        if bare in stored:
            raise UserError(f"{checkpoint.folder} holds both {stored[bare]} and {name}, which are one tensor.")
        stored[bare] = name
    return stored


def _sources(checkpoint: Checkpoint, stored: dict[str, str], table: Table, family: Family) -> dict[str, str]:
    """Our name -> name in the file; a tied tensor may stand there under any of its names."""
    sources: dict[str, str] = {}
    for bare, name in stored.items():
        ours = table.ours(bare)
        if ours is not None:
            sources[ours] = name
    for copy, original in table.copies.items():
        ours = table.ours(original)
        if copy not in stored or ours is None:
            continue
        first = sources.setdefault(ours, stored[copy])
        if first != stored[copy] and not torch.equal(checkpoint.tensor(first), checkpoint.tensor(stored[copy])):
            raise UserError(
                f"{checkpoint.folder} holds two different tensors {first} and {stored[copy]}, which are one in "
                f"{family.model_type}. Untied models are not supported."
            )
    return sources


def _check_tokens(checkpoint: Checkpoint, sources: dict[str, str], config: Config) -> None:
    """Compare the token tables with the config before anything of the config's sizes is built."""
    tables = {} if config.kind == "encoder-decoder" else {"embeddings": config.embeddings}
    if config.kind == "encoder-decoder":
        tables["encoder.embeddings"] = config.encoder.embeddings
        if not config.share_embeddings:
            tables["decoder.embeddings"] = config.decoder_embeddings
    for place, sizes in tables.items():
        name = sources.get(f"{place}.tokens.weight")
        if name is None:
            raise UserError(
                f"{checkpoint.folder} holds no token embeddings; its weights are damaged or of another family."
            )
        if checkpoint.shape(name) != (sizes.vocabulary_size, sizes.width):
            raise UserError(
                f"{checkpoint.folder}: {name} has shape {checkpoint.shape(name)}, but {CONFIG} asks for "
                f"{(sizes.vocabulary_size, sizes.width)}. Config and weights are of different models."
            )


def _check_names(
    folder: Path, model: torch.nn.Module, sources: dict[str, str], stored: dict[str, str], table: Table
) -> None:
    """Every parameter has its tensor, and every tensor a use or a reason to be left behind."""
    own = {name for name, _ in model.named_parameters()}
    missing = sorted(table.theirs(name) or name for name in own - sources.keys())
    used = set(sources.values())
    unexpected = sorted(
        name
        for bare, name in stored.items()
        if (name not in used and bare not in table.copies and not table.is_dropped(bare))
    )
    unexpected += sorted(sources[name] for name in sources.keys() - own)
    if missing or unexpected:
        raise UserError(
            f"the weights in {folder} do not fit its {CONFIG}: {len(missing)} tensors are missing {missing[:3]}, "
            f"{len(unexpected)} are unexpected {unexpected[:3]}. The files are damaged or of different models."
        )


def _value(checkpoint: Checkpoint, name: str, family: Family) -> Tensor:
    tensor = checkpoint.tensor(name)
    return tensor.reshape(-1) if family.prefix.remove(name) in family.row_vectors else tensor

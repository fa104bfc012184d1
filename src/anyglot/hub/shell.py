"""What our PreTrainedModels share."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NoReturn, Self

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers import initialization as first_values

from anyglot.errors import UserError
from anyglot.hub.card import CardMetadata
from anyglot.hub.push import prepare, upload
from anyglot.models.build import build
from anyglot.models.config import EncoderConfig, EncoderDecoderConfig
from anyglot.models.encoder import Encoder
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.store import current_config
from anyglot.nn.embeddings import SinusoidalPositions
from anyglot.nn.heads import OutputProjection
from anyglot.nn.losses.likelihood import chunked_likelihood
from anyglot.nn.projection import TargetProjection
from anyglot.nn.vocabulary_subset import VocabularySubset
from anyglot.runtime import hashes

IGNORED = -100  # label of positions without one
# The small files of a model folder: tokenizer, languages, recipe, what is known of the run.
ACCOMPANYING = (".json", ".model", ".txt", ".yaml", ".md")


class Shell(PreTrainedModel):  # type: ignore[misc]
    """A model of ours inside a PreTrainedModel.

    The shell holds the parts of the model under the names they have in a model folder, so weights need no renaming
    either way. It computes nothing: `network` puts the same parts together as this package's model, which does.

    Args:
        config: With the model's description in `config.network`.
        network: A model to put the shell around, which then shares its parts; a fresh one is built when absent.
    """

    _supports_sdpa = True
    supports_gradient_checkpointing = False
    accepts_loss_kwargs = True  # the Trainer hands in `num_items_in_batch`
    _no_split_modules: ClassVar[list[str]] = ["Block"]

    def __init__(self, config: Any, network: Encoder | EncoderDecoder | None = None) -> None:
        super().__init__(config)
        if network is None:
            network = blank(config.network)
        else:
            for module in network.modules():
                module._is_hf_initialized = True  # type: ignore[assignment]
        for name, part in network.named_children():
            self.add_module(name, part)
        self._tied_weights_keys = tied_names(network)
        config.tie_word_embeddings = bool(self._tied_weights_keys)
        self.post_init()

    @classmethod
    def around(cls, network: Encoder | EncoderDecoder) -> Self:
        """A shell around a model, whose weights it shares."""
        shell = cls(cls.config_class(current_config(network)), network)
        shell.train(network.training)
        return shell

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *arguments: Any, **options: Any) -> Self:
        """As in every PreTrainedModel; a local folder's files are compared with its hashes (`runtime/hashes.py`).

        Raises:
            UserError: A file is not the one that was written.
        """
        if pretrained_model_name_or_path is not None and Path(pretrained_model_name_or_path).is_dir():
            hashes.check(Path(pretrained_model_name_or_path))
        opened: Self = super().from_pretrained(pretrained_model_name_or_path, *arguments, **options)
        return opened

    def parts(self) -> dict[str, nn.Module]:
        """The parts by name. An adapter may have taken the place of what was in them."""
        return dict(self.named_children())

    def save_pretrained(self, save_directory: str | Path, **options: Any) -> None:
        """Write a folder that transformers and this package open alike; options as in every PreTrainedModel."""
        self.config.network = current_config(self.network)
        hashes.forget(Path(save_directory))
        super().save_pretrained(save_directory, **options)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool = True,
        token: str | None = None,
        commit_message: str = "Upload a model of anyglot",
        stated: CardMetadata | None = None,
        scores: Path | None = None,
        **others: Any,
    ) -> str:
        """Upload the model with a generated card, as `anyglot model push` does. Returns its address.

        The tokenizer, the languages and what is known of the training come from the local folder that the model was
        opened from.

        Args:
            private: Unlike other models' this is the default.
            stated: Licences, which the card else says are not stated.
            scores: The folder of an evaluation.

        Raises:
            UserError: The model was not opened from a folder here, or the hub does not let us.
        """
        refuse(others)
        origin = Path(self.name_or_path)
        if not self.name_or_path or not origin.is_dir():
            raise UserError("the model was not opened from a folder here: save it beside its tokenizer and push that.")
        with tempfile.TemporaryDirectory() as scratch:
            copied = Path(scratch) / origin.resolve().name
            copied.mkdir()
            for path in origin.iterdir():
                if path.is_file() and path.suffix in ACCOMPANYING:
                    shutil.copyfile(path, copied / path.name)
            self.save_pretrained(copied)
            return upload(
                prepare(copied, repo_id, stated, scores), repo_id, private=private, message=commit_message, token=token
            )

    def resize_token_embeddings(self, *arguments: Any, **options: Any) -> NoReturn:
        """Refused: the vocabulary is part of a model's description."""
        raise UserError("the vocabulary of an anyglot model cannot be resized in transformers.")

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, SinusoidalPositions):
            # No checkpoint holds the table, and transformers empties it while loading.
            table = module.waves(module.table.shape[0], module.width)
            module.table = table.to(device=module.table.device, dtype=self.dtype)
        elif isinstance(module, OutputProjection):
            first_values.normal_(module.weight, std=0.02)
            if module.bias is not None:
                first_values.zeros_(module.bias)
        elif isinstance(module, VocabularySubset):
            module.places = VocabularySubset(module.ids, module.full_size).places
        elif isinstance(module, TargetProjection):
            for weight in module.weight.unbind():
                first_values.xavier_uniform_(weight)
            first_values.zeros_(module.bias)


def blank(config: EncoderConfig | EncoderDecoderConfig) -> Encoder | EncoderDecoder:
    """A model with room for the values of a folder; of a restricted output the rows too are values."""
    network = build(config)
    assert isinstance(network, Encoder | EncoderDecoder)
    if isinstance(config, EncoderDecoderConfig) and config.output_rows is not None:
        assert isinstance(network, EncoderDecoder)
        anything = torch.arange(config.output_rows, device="cpu")  # real even where the model is built on meta
        network.output.restrict(VocabularySubset(anything, network.output.weight.shape[0]))
    return network


def tied_names(network: nn.Module) -> dict[str, str]:
    """Second and later names of a parameter -> its first name, under which it is stored."""
    first: dict[int, str] = {}
    tied: dict[str, str] = {}
    for name, parameter in network.named_parameters(remove_duplicate=False):
        known = first.setdefault(id(parameter), name)
        if known != name:
            tied[name] = known
    return tied


def refuse(others: Mapping[str, Any]) -> None:
    """Arguments that transformers' models know and ours do not: unset ones pass.

    Raises:
        UserError: One of them is set.
    """
    for name, value in others.items():
        if value is not None and value is not False:
            raise UserError(f"an anyglot model does not take '{name}' in transformers; leave it out.")


def bool_mask(tokens: Tensor, mask: Tensor | None, padding_id: int) -> Tensor:
    """transformers' mask as ours; without one, what is not padding may be attended to.

    Shape:
        tokens: (B, S)    mask: (B, S), 1 = may be attended to    returns: (B, S) bool

    Raises:
        UserError: Padding stands in front of a token: positions would be wrong.
    """
    known = tokens != padding_id if mask is None else mask.bool()
    if known.ndim != 2:
        raise UserError(f"an anyglot model takes a mask of rows and positions, not of {known.ndim} dimensions.")
    if bool((known[:, 1:] & ~known[:, :-1]).any()):
        raise UserError("an anyglot model wants its padding on the right: set padding_side='right' in the tokenizer.")
    return known


def mean_loss(hidden: Tensor, output: OutputProjection, labels: Tensor, items: Tensor | int | None) -> Tensor:
    """Cross-entropy of the labels, without ever holding all logits.

    Args:
        hidden: States in front of the output matrix.
        items: What the sum is divided by, the Trainer's count over all micro-batches; the labels counted here if None.

    Shape:
        hidden: (B, T, D)    labels: (B, T)    returns: a scalar, float32
    """
    counted = labels != IGNORED
    total = chunked_likelihood(hidden[counted], *output.matrix(), output.targets(labels[counted])).smoothed
    return total / (counted.sum() if items is None else torch.as_tensor(items, device=total.device))

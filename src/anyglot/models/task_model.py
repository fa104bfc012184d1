"""An encoder with the head of an understanding task, and its folder.

The folder is the encoder's own model folder (config.json, model.safetensors), so that every other command can open a
fine-tuned encoder, with `head.json` and `head.safetensors` beside them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, ValidationError
from torch import Tensor, nn

from anyglot.errors import UserError
from anyglot.models.config import Frozen
from anyglot.models.encoder import Encoder
from anyglot.models.extraction import without_cross_attention
from anyglot.models.initialize import initialise_bert
from anyglot.models.store import assign, load_model, load_tensors, parameters_of, save_model
from anyglot.nn.heads import ClassificationHead, PositionHead, VectorPooler
from anyglot.runtime.files import write_json, write_tensors
from anyglot.runtime.untrusted_files import read_json

HEAD = "head.json"
HEAD_WEIGHTS = "head.safetensors"
Kind = Literal["classes", "choices", "tags", "spans"]
Pooling = Literal["first", "mean"]


class HeadConfig(Frozen):
    """What stands on the encoder.

    Args:
        kind: Class logits of a row; one logit of each choice; tag logits at each position; start and end logits.
        classes: Of classes and tags.
        form: On the pooled vector: XTREME's head for XLM-R; jiant's, the same behind the encoder's pooler (a fresh one
            where there is none); BERT's, pooler, dropout and linear; or dropout and linear.
        pooling: The state of the first token, or the mean over all real tokens.
    """

    kind: Kind
    classes: int = Field(2, ge=1, le=100_000)
    form: Literal["xtreme", "jiant", "bert", "linear"] = "xtreme"
    pooling: Pooling = "first"
    dropout: float = Field(0.1, ge=0, lt=1)


class TaskModel(nn.Module):
    """An encoder and a head. What of the encoder a task does not use (language head, cross-attention) is left out."""

    def __init__(self, config: HeadConfig, encoder: Encoder, head: ClassificationHead | PositionHead) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder
        self.head = head

    def forward(self, tokens: Tensor, mask: Tensor, segments: Tensor | None = None) -> Tensor:
        """Logits in float32.

        Shape:
            tokens, mask, segments: (B, S); of choices (B, C, S)
            returns: (B, classes); of choices (B, C); of tags (B, S, classes); of spans (B, S, 2), start and end
        """
        shape = tokens.shape
        if tokens.dim() == 3:
            tokens, mask = tokens.flatten(0, 1), mask.flatten(0, 1)
            segments = None if segments is None else segments.flatten(0, 1)
        states = self.encoder(tokens, mask, segment_ids=segments).last
        if isinstance(self.head, PositionHead):
            return self.head(states).float()  # type: ignore[no-any-return]
        logits = self.head(self._pooled(states, mask)).float()
        return logits.view(shape[:2]) if len(shape) == 3 else logits  # type: ignore[no-any-return]

    def _pooled(self, states: Tensor, mask: Tensor) -> Tensor:
        if self.config.pooling == "first":
            return states[:, 0]
        real = mask[..., None].to(states.dtype)
        return (states * real).sum(dim=1) / real.sum(dim=1).clamp_min(1)


def task_model(encoder: Encoder, config: HeadConfig, *, seed: int) -> TaskModel:
    """A fresh head, N(0, 0.02) with zero biases, on an encoder whose parts are shared with the one given."""
    pooler = encoder.pooler
    bare = without_cross_attention(encoder, keep_heads=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = _head(config, bare.config.stack.width)
        initialise_bert(head)
    if pooler is not None and isinstance(head, ClassificationHead) and head.pooler is not None:
        head.pooler = VectorPooler(pooler.dense)
    return TaskModel(config, bare, head)


def _head(config: HeadConfig, width: int) -> ClassificationHead | PositionHead:
    if config.kind in ("tags", "spans"):
        return PositionHead(width, config.classes if config.kind == "tags" else 2, dropout=config.dropout)
    classes = config.classes if config.kind == "classes" else 1
    pooler = VectorPooler(nn.Linear(width, width)) if config.form in ("jiant", "bert") else None
    dense = config.form in ("xtreme", "jiant")
    return ClassificationHead(width, classes, dropout=config.dropout, pooler=pooler, dense=dense)


def save_task_model(model: TaskModel, folder: Path) -> None:
    """Write the encoder's model folder and the head beside it; each file appears whole or not at all.

    Raises:
        UserError: The disk is full, or the folder cannot be written.
    """
    save_model(model.encoder, folder)
    write_tensors(folder / HEAD_WEIGHTS, parameters_of(model.head))
    write_json(folder / HEAD, model.config.model_dump(mode="json"))


def load_task_model(folder: Path) -> TaskModel:
    """The inverse of `save_task_model`, in eval mode and float32.

    Raises:
        UserError: The folder is damaged or holds no head.
    """
    encoder = load_model(folder)
    if not isinstance(encoder, Encoder):
        raise UserError(f"{folder} holds a model of the kind '{encoder.config.kind}', not a fine-tuned encoder.")
    config = _read_head(folder / HEAD)
    head = _head(config, encoder.config.stack.width)
    assign(head, {name: tensor.float() for name, tensor in load_tensors(folder / HEAD_WEIGHTS).items()}, str(folder))
    return TaskModel(config, encoder, head).eval()


def _read_head(path: Path) -> HeadConfig:
    try:
        raw: Any = read_json(path)
        return HeadConfig.model_validate(raw)
    except FileNotFoundError:
        raise UserError(f"{path.parent} holds no {path.name}, so no task was fine-tuned there.") from None
    except ValidationError as error:
        raise UserError(f"{path} is damaged: {error.errors()[0]['msg']}.") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}.") from None

"""What has to be known about a family of checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from anyglot.models.config import EncoderConfig, EncoderDecoderConfig, LanguageModelConfig
from anyglot.models.pretrained.layout import TensorLayout
from anyglot.models.pretrained.rename import Prefix, Table

Config = EncoderConfig | EncoderDecoderConfig | LanguageModelConfig


@dataclass(frozen=True)
class Contents:
    """What a checkpoint holds, by bare names (prefix stripped)."""

    origin: str
    names: frozenset[str]
    tensor: Callable[[str], Tensor]


@dataclass(frozen=True)
class Family:
    """One family of checkpoints, both ways.

    Args:
        model_type: transformers' name for it.
        prefix: What stands in front of names in a model with a head.
        read: (config.json, contents, encoder only?) -> our config; raises UserError for what is unsupported.
        write: Our config -> config.json. It may lose what the family cannot express: the caller compares.
        table: Names for a model of this config.
        row_vectors: Bare names of vectors that the file stores as a matrix of one row.
        fillers: (our config) -> tensors, bare names, that the file format wants and our model does without.
        has_head: Whether names carry the prefix, and so the class with a head opens the file.
        settings: Keys of config.json and the values under which our arithmetic is theirs, where the family departs
            from the common ones.
        layout: How the file lays tensors out; the names of `table` are those of single tensors.
    """

    model_type: str
    prefix: Prefix
    read: Callable[[Mapping[str, Any], Contents, bool], Config]
    write: Callable[[Config], dict[str, Any]]
    table: Callable[[Config], Table]
    fillers: Callable[[Config], dict[str, Tensor]]
    has_head: Callable[[Config], bool]
    row_vectors: frozenset[str] = frozenset()
    settings: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    layout: TensorLayout = field(default_factory=TensorLayout)

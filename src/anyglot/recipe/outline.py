"""What a recipe would do, told before it runs: parts, origins of their values, what moves when, how much memory."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from torch import nn

from anyglot.data.tokenizer import load_tokenizer
from anyglot.methods import METHODS
from anyglot.methods import encoder as encoder_methods
from anyglot.methods.base import Method, Stage
from anyglot.models.blank import blank
from anyglot.models.build import build, build_encoder
from anyglot.models.config import EmbeddingsConfig, EncoderConfig, EncoderDecoderConfig, StackConfig
from anyglot.models.encoder import Encoder
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.store import is_model_folder, load_config
from anyglot.recipe.schema import LearnedTokenizer, Recipe
from anyglot.training.freezing import freeze

# Layers, width, heads, feed-forward width, vocabulary of published encoders, so that they need no download here.
_PUBLISHED = {
    "xlm-roberta-base": (12, 768, 12, 3072, 250_002),
    "xlm-roberta-large": (24, 1024, 16, 4096, 250_002),
    "xlm-v-base": (12, 768, 12, 3072, 901_629),
}
ADAM_STATES = 2
_BLOCK = re.compile(r"\.blocks\.(\d+)\.")


@dataclass(frozen=True)
class Part:
    """Parameters that belong together, such as the cross-attentions of all decoder blocks.

    Args:
        origin: Where their first values come from; a line for each block where that differs from block to block.
        shared: Other places the same tensors are used in.
        trained: Per stage, how many of the parameters move.
    """

    name: str
    parameters: int
    origin: str
    shared: tuple[str, ...]
    trained: tuple[int, ...]


@dataclass(frozen=True)
class Memory:
    """Bytes of a stage's training, without what the data and the machine's libraries take.

    Args:
        activations: Rough: inputs and outputs of every linear map and norm through which a gradient flows.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int

    @property
    def total(self) -> int:
        return self.weights + self.gradients + self.optimizer + self.activations


@dataclass(frozen=True)
class Outline:
    """A recipe's model and stages.

    Args:
        dropped: What the model it starts from has and this one does not: name and number of parameters. Empty where
            its shape is not known without loading it.
    """

    parts: tuple[Part, ...]
    dropped: tuple[tuple[str, int], ...]
    stages: tuple[Stage, ...]
    memory: tuple[Memory, ...]


class VocabularyOnly:
    """All that building a model asks of a tokenizer."""

    end_id = 2

    def __init__(self, vocabulary_size: int) -> None:
        self.vocabulary_size = vocabulary_size


def outline(recipe: Recipe) -> Outline:
    """Build the recipe's model without memory for its weights, where sizes are known, and look at it stage by stage.

    Raises:
        UserError: The model it starts from is neither here nor of known size, or a stage's patterns match nothing.
    """
    method = METHODS[recipe.method.name](recipe.method)  # type: ignore[attr-defined]
    with _published_start(method, recipe.start), blank():
        model = method.build(_vocabulary(recipe), recipe.seed)
        stages = method.stages()
    moving, memory = [], []
    for stage in stages:
        for edit in stage.edits:
            edit.apply(model)
        freeze(model, stage)
        moving.append({name for name, parameter in model.named_parameters() if parameter.requires_grad})
        options = recipe.stages.get(stage.name)
        tokens = (options.batch_tokens if options else None) or recipe.data.batch_tokens
        memory.append(memory_of(model, tokens * stage.passes))
    parts = parts_of(model, method.provenance(), moving)
    return Outline(parts, dropped_parts(recipe.start, model), tuple(stages), tuple(memory))


def parts_of(model: nn.Module, provenance: Mapping[str, str], moving: list[set[str]]) -> tuple[Part, ...]:
    """The model's parameters by part, in the order they are used."""
    names: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    groups: dict[str, list[tuple[str, nn.Parameter]]] = {}
    for name, parameter in model.named_parameters():
        groups.setdefault(part_name(name), []).append((name, parameter))
    parts = []
    for group, members in groups.items():
        origin = _told([(name, _origin(name, provenance)) for name, _ in members])
        shared = dict.fromkeys(part_name(other) for _, p in members for other in names[id(p)][1:])
        trained = tuple(sum(p.numel() for name, p in members if name in moves) for moves in moving)
        parameters = sum(parameter.numel() for _, parameter in members)
        parts.append(Part(group, parameters, origin, tuple(shared), trained))
    return tuple(parts)


def dropped_parts(start: str | None, model: nn.Module) -> tuple[tuple[str, int], ...]:
    """Parts, with their sizes, of the encoder a method starts from that its model has in no place."""
    config = None if start is None else _known_config(start)
    if config is None:
        return ()
    with blank():
        origin = build(config)
    own = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    front = "encoder." if isinstance(origin, EncoderDecoder) else ""  # methods start from the encoder of a model
    lost: dict[str, int] = {}
    for name, parameter in origin.named_parameters():
        bare = name.removeprefix(front)
        if not name.startswith(front) or not {bare, f"encoder.{bare}"} & own:
            lost[part_name(name)] = lost.get(part_name(name), 0) + parameter.numel()
    return tuple(lost.items())


def part_name(name: str) -> str:
    """`encoder.stack.blocks.3.self_attention.inner.query.weight` -> `encoder.stack.blocks.*.self_attention`."""
    pieces = name.split(".")
    for place, piece in enumerate(pieces):
        if piece.isdecimal():
            return ".".join([*pieces[:place], "*", *pieces[place + 1 : place + 2]])
    return ".".join(pieces[:-1]) or name


def memory_of(model: nn.Module, tokens: int) -> Memory:
    """The memory of training with Adam in float32 where `tokens` are read before the gradient is taken."""
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    gradients = sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
    widths = 0
    for child in model.children():
        if any(parameter.requires_grad for parameter in child.parameters()):
            widths += sum(_saved_width(module) for module in child.modules())
    return Memory(weights, gradients, ADAM_STATES * gradients, 4 * tokens * widths)


def _saved_width(module: nn.Module) -> int:
    if isinstance(module, nn.Linear):
        return module.in_features + module.out_features if module.out_features < 50_000 else module.in_features
    return int(module.weight.numel()) if isinstance(module, nn.LayerNorm) else 0


def _told(origins: list[tuple[str, str]]) -> str:
    """Where the parameters of a part come from, by name; block by block if the blocks differ."""
    distinct = dict.fromkeys(origin for _, origin in origins)
    blocks = [(_BLOCK.search(name), origin) for name, origin in origins]
    if len(distinct) < 2 or not all(found for found, _ in blocks):
        return ", ".join(distinct)
    lines = dict.fromkeys((found[1], origin) for found, origin in blocks if found)
    return "\n".join(f"block {place}: {origin}" for place, origin in lines)


def _origin(name: str, provenance: Mapping[str, str]) -> str:
    return next((origin for pattern, origin in provenance.items() if fnmatchcase(name, pattern)), "fresh")


def _vocabulary(recipe: Recipe) -> Any:
    if isinstance(recipe.tokenizer, LearnedTokenizer):
        return VocabularyOnly(recipe.tokenizer.train.vocabulary_size)
    if recipe.tokenizer is None:
        return VocabularyOnly(0)
    published = None if Path(recipe.tokenizer).exists() else _published_config(recipe.tokenizer)
    if published is not None:  # no download for the number of its pieces
        return VocabularyOnly(published.embeddings.vocabulary_size)
    return load_tokenizer(recipe.tokenizer)


@contextmanager
def _published_start(method: Method, start: str | None) -> Iterator[None]:
    """While the model is built, an encoder of known size stands in for one that would have to be downloaded."""
    encoder_config = None if start is None or Path(start).exists() else _published_config(start)
    if encoder_config is None:
        yield
        return

    def stand_in(name_or_folder: str, revision: str | None = None, *, cross_attention: bool = False) -> Encoder:
        return build_encoder(encoder_config)

    modules = (sys.modules[type(method).__module__], encoder_methods)
    places = [(module, name) for module in modules for name in ("load_encoder", "load_pretrained")]
    originals = [(module, name, getattr(module, name)) for module, name in places if hasattr(module, name)]
    for module, name, _ in originals:
        setattr(module, name, stand_in)
    try:
        yield
    finally:
        for module, name, original in originals:
            setattr(module, name, original)


def _known_config(start: str) -> EncoderConfig | EncoderDecoderConfig | None:
    """The shape of a model folder of ours, or of a published encoder."""
    if is_model_folder(start):
        return load_config(start)
    return None if Path(start).exists() else _published_config(start)


def _published_config(start: str) -> EncoderConfig | None:
    sizes = _PUBLISHED.get(start.rsplit("/", 1)[-1])
    if sizes is None:
        return None
    layers, width, heads, feedforward_width, vocabulary = sizes
    positions: Literal["learned"] = "learned"
    embeddings = EmbeddingsConfig(vocabulary_size=vocabulary, width=width, positions=positions, norm=True)
    stack = StackConfig(layers=layers, width=width, heads=heads, feedforward_width=feedforward_width, norm_first=False)
    return EncoderConfig(family="xlm-roberta", embeddings=embeddings, stack=stack, language_head=True)

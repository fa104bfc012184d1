"""What a recipe would do, told before it runs: parts, origins of their values, what moves when, how much memory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torch import nn

from anyglot.models.build import build
from anyglot.models.config import Config
from anyglot.models.empty import blank
from anyglot.models.encoder import Encoder
from anyglot.models.language import LanguageModel
from anyglot.models.pretrained.load import assume_configs
from anyglot.nn.prompt import Prompt
from anyglot.training.loop.freezing import freeze
from anyglot.training.methods.base import Stage
from anyglot.training.recipe.schema import Recipe
from anyglot.training.recipe.static_configs import expected_start, shape_of_start, vocabulary_of

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


def outline(recipe: Recipe) -> Outline:
    """Build the recipe's model without memory for its weights, where sizes are known, and look at it stage by stage.

    Raises:
        UserError: The model it starts from is neither here nor of known size, or a stage's patterns match nothing.
    """
    method = recipe.build_method()
    with assume_configs(expected_start(recipe)), blank():
        model = method.build(vocabulary_of(recipe), recipe.seed)
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
    return Outline(
        parts, dropped_parts(shape_of_start(recipe), model, method.provenance()), tuple(stages), tuple(memory)
    )


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


def dropped_parts(start: Config | None, model: nn.Module, provenance: Mapping[str, str]) -> tuple[tuple[str, int], ...]:
    """Parts, with their sizes, of the model a method starts from that its own has in no place."""
    if start is None:
        return ()
    with blank():
        origin = build(start)
    own = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    # Of a model that has an encoder most methods start from that.
    front = "" if isinstance(origin, Encoder | LanguageModel) else "encoder."
    lost: dict[str, int] = {}
    for name, parameter in origin.named_parameters():
        if name in own and _origin(name, provenance) != "fresh":
            continue
        bare = name.removeprefix(front)
        if not name.startswith(front) or not {bare, f"encoder.{bare}", f"language_model.{bare}"} & own:
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
    # To a prompt the gradient comes through all that attends to it, frozen or not.
    prompted = any(isinstance(part, Prompt) and part.keys.requires_grad for part in model.modules())
    for child in model.children():
        if prompted or any(parameter.requires_grad for parameter in child.parameters()):
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

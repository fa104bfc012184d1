"""The shape of the model a recipe starts from, and of its vocabulary, known before either is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from anyglot.models.build import Model
from anyglot.models.config import Config, EmbeddingsConfig, EncoderConfig, LanguageModelConfig, StackConfig
from anyglot.models.empty import blank
from anyglot.models.pretrained.load import assume_configs
from anyglot.models.store import current_config, is_model_folder, load_config
from anyglot.text.tokenizer import load_tokenizer
from anyglot.training.recipe.base_models import recipe_of_start
from anyglot.training.recipe.schema import LearnedTokenizer, Recipe

# Layers, width, heads, feed-forward width, vocabulary of published encoders, so that they need no download here.
_PUBLISHED = {
    "xlm-roberta-base": (12, 768, 12, 3072, 250_002),
    "xlm-roberta-large": (24, 1024, 16, 4096, 250_002),
    "xlm-v-base": (12, 768, 12, 3072, 901_629),
    "multilingual-e5-base": (12, 768, 12, 3072, 250_002),
    "multilingual-e5-large": (24, 1024, 16, 4096, 250_002),
}


class StubTokenizer:
    """All that building a model asks of a tokenizer, in XLM-R's layout."""

    begin_id, pad_id, end_id, unknown_id = range(4)

    def __init__(self, vocabulary_size: int) -> None:
        self.vocabulary_size = vocabulary_size
        self.mask_id = vocabulary_size - 1

    def id_of(self, piece: str) -> int:
        """Of any piece that of `<unk>`: which pieces there will be is not known, and no shape depends on it."""
        return self.unknown_id


def expected_start(recipe: Recipe) -> dict[str, Config]:
    """Name and shape of the start where it is not here and its shape is known all the same; else nothing."""
    if recipe.start is None or Path(recipe.start).exists():
        return {}
    origin = recipe_of_start(recipe)
    config = published_config(recipe.start) if origin is None else _trained(origin)
    return {} if config is None else {recipe.start: config}


def shape_of_start(recipe: Recipe) -> Config | None:
    """The shape of the model a recipe starts from: a folder of ours, a recipe or a published encoder; None: unknown."""
    if recipe.start is None:
        return None
    return load_config(recipe.start) if is_model_folder(recipe.start) else expected_start(recipe).get(recipe.start)


def vocabulary_of(recipe: Recipe) -> Any:
    """The recipe's tokenizer; or what stands for one that is not here, or not learned yet."""
    if isinstance(recipe.tokenizer, LearnedTokenizer):
        return StubTokenizer(recipe.tokenizer.train.vocabulary_size)
    place = recipe.tokenizer or recipe.start
    assert place is not None  # the recipe's own check
    if Path(place).exists():
        return load_tokenizer(place)
    origin = recipe_of_start(recipe)
    if recipe.tokenizer is None and origin is not None:
        return vocabulary_of(origin)
    published = published_config(place)
    return load_tokenizer(place) if published is None else StubTokenizer(published.embeddings.vocabulary_size)


def published_config(name: str) -> EncoderConfig | LanguageModelConfig | None:
    """The shape of a published model of known size."""
    name = name.rsplit("/", 1)[-1]
    if name in _OTHERS:
        return _OTHERS[name]()
    sizes = _PUBLISHED.get(name)
    if sizes is None:
        return None
    layers, width, heads, feedforward_width, vocabulary = sizes
    positions: Literal["learned"] = "learned"
    embeddings = EmbeddingsConfig(vocabulary_size=vocabulary, width=width, positions=positions, norm=True)
    stack = StackConfig(layers=layers, width=width, heads=heads, feedforward_width=feedforward_width, norm_first=False)
    # The E5s were trained on without the language model's head, and kept a pooler that nothing uses.
    is_e5 = name.startswith("multilingual-e5")
    return EncoderConfig(
        family="xlm-roberta", embeddings=embeddings, stack=stack, language_head=not is_e5, pooler=is_e5
    )


def _e5_small() -> EncoderConfig:
    """A BERT with XLM-R's vocabulary, as it comes from the package index (the hub's has a pooler too)."""
    embeddings = EmbeddingsConfig(
        vocabulary_size=250_037,
        width=384,
        positions="learned",
        position_rows=512,
        position_offset=0,
        segments=2,
        norm=True,
        epsilon=1e-12,
    )
    stack = StackConfig(
        layers=12,
        width=384,
        heads=12,
        feedforward_width=1536,
        norm_first=False,
        epsilon=1e-12,
        attention_dropout=0.1,
    )
    return EncoderConfig(family="bert", embeddings=embeddings, stack=stack, padding_id=0)


def _mgpt() -> LanguageModelConfig:
    """The 560 million parameters that MSP starts from (method card 5.6)."""
    return LanguageModelConfig(
        family="gpt2",
        embeddings=EmbeddingsConfig(
            vocabulary_size=250_100, width=1024, positions="learned", position_rows=1024, position_offset=0, norm=False
        ),
        stack=StackConfig(
            layers=24, width=1024, heads=16, feedforward_width=4096, activation="gelu_tanh", norm_first=True
        ),
    )


_OTHERS: dict[str, Callable[[], EncoderConfig | LanguageModelConfig]] = {
    "mGPT": _mgpt,
    "multilingual-e5-small": _e5_small,
}


def _trained(recipe: Recipe) -> Config:
    """The shape of what a recipe trains, after the edits of all its stages."""
    method = recipe.build_method()
    with assume_configs(expected_start(recipe)), blank():
        model = method.build(vocabulary_of(recipe), recipe.seed)
        stages = [stage for stage in method.stages() if recipe.stages[stage.name].updates > 0]
    for stage in stages:
        for edit in stage.edits:
            edit.apply(model)
    assert isinstance(model, Model)
    return current_config(model)

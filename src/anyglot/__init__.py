"""anyglot: any multilingual encoder, made to understand, translate and generate.

    >>> import anyglot
    >>> translator = anyglot.Translator.from_pretrained("runs/demo/sixt")                        # doctest: +SKIP
    >>> translator.translate(["Il gatto dorme in giardino."], source="it", target="en")          # doctest: +SKIP
    ['The cat is sleeping in the garden.']

The names below are the public ones (docs/api.md); each is imported when it is first used, so that `import anyglot`
itself takes milliseconds and imports neither torch nor transformers. transformers' Auto classes open this package's
model folders after `import anyglot.hub` or `anyglot.register()`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anyglot.errors import UserError
    from anyglot.evaluation.translation.evaluate import evaluate
    from anyglot.hub.auto_classes import register
    from anyglot.inference.embedding import Embedder, EmbeddingSettings
    from anyglot.inference.translation import SearchSettings, Translator
    from anyglot.models.pretrained.load import load_encoder, load_pretrained
    from anyglot.text.tokenizer import load_tokenizer
    from anyglot.training.recipe.train import train

    __version__: str

__all__ = [
    "Embedder",
    "EmbeddingSettings",
    "SearchSettings",
    "Translator",
    "UserError",
    "__version__",
    "evaluate",
    "load_encoder",
    "load_pretrained",
    "load_tokenizer",
    "register",
    "train",
]

_MODULES = {
    "Embedder": "anyglot.inference.embedding",
    "EmbeddingSettings": "anyglot.inference.embedding",
    "SearchSettings": "anyglot.inference.translation",
    "Translator": "anyglot.inference.translation",
    "UserError": "anyglot.errors",
    "evaluate": "anyglot.evaluation.translation.evaluate",
    "load_encoder": "anyglot.models.pretrained.load",
    "load_pretrained": "anyglot.models.pretrained.load",
    "load_tokenizer": "anyglot.text.tokenizer",
    "register": "anyglot.hub.auto_classes",
    "train": "anyglot.training.recipe.train",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for (PEP 562).

    Raises:
        AttributeError: There is no such public name.
    """
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("anyglot")
    elif name in _MODULES:
        value = getattr(import_module(_MODULES[name]), name)
    else:
        raise AttributeError(f"module 'anyglot' has no attribute {name!r}; it has {', '.join(__all__)}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""Tells transformers' Auto classes about ours the moment transformers arrives, so that `import anyglot` costs nothing.

transformers has no place where a package can announce its models without importing transformers, which takes seconds.
So `import anyglot` only puts a watch on the import of the two modules the Auto classes live in; when either is
imported, before or after us, our classes are registered there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType


def introduce_configs() -> None:
    """Tell AutoConfig which of our classes reads a config.json."""
    from transformers import AutoConfig

    from anyglot.hub.configuration import AnyglotConfig, AnyglotEncoderConfig

    for config in (AnyglotConfig, AnyglotEncoderConfig):
        AutoConfig.register(config.model_type, config, exist_ok=True)


def introduce_models() -> None:
    """Tell the AutoModels which of our classes opens a model of which config."""
    from transformers import AutoModel, AutoModelForMaskedLM, AutoModelForSeq2SeqLM

    from anyglot.hub.configuration import AnyglotConfig, AnyglotEncoderConfig
    from anyglot.hub.encoding import AnyglotForMaskedLM, AnyglotModel
    from anyglot.hub.translation import AnyglotForConditionalGeneration

    AutoModelForSeq2SeqLM.register(AnyglotConfig, AnyglotForConditionalGeneration, exist_ok=True)
    AutoModel.register(AnyglotEncoderConfig, AnyglotModel, exist_ok=True)
    AutoModelForMaskedLM.register(AnyglotEncoderConfig, AnyglotForMaskedLM, exist_ok=True)


INTRODUCTIONS: dict[str, Callable[[], None]] = {
    "transformers.models.auto.configuration_auto": introduce_configs,
    "transformers.models.auto.modeling_auto": introduce_models,
}


class _Introducer(SourceFileLoader):
    """Loads a module of transformers as ever, then introduces ours to it."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        INTRODUCTIONS[module.__name__]()


class _Watch:
    """A finder of modules: finds those of `INTRODUCTIONS` where they are, and no others."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in INTRODUCTIONS:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader) and spec.origin is not None:
            spec.loader = _Introducer(fullname, spec.origin)
        return spec


def await_transformers() -> None:
    """Register our classes with transformers: now if it is here, or else when it is imported."""
    for name, introduce in INTRODUCTIONS.items():
        if name in sys.modules:
            introduce()
    if not any(isinstance(finder, _Watch) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Watch())

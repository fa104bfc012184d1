"""transformers' Auto classes open this package's model folders once our classes are registered with them.

`import anyglot.hub` registers lazily: transformers takes seconds to import, and offers no place where a package can
announce its models without that. So a finder is put on `sys.meta_path` that waits for the two modules of the Auto
classes; when either is imported, before or after us, our classes are registered there. `anyglot.register()` imports
transformers and registers at once. `import anyglot` alone does neither.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType


def register_configs() -> None:
    """Tell AutoConfig which of our classes reads a config.json."""
    from transformers import AutoConfig

    from anyglot.hub.configuration import AnyglotConfig, AnyglotEncoderConfig

    for config in (AnyglotConfig, AnyglotEncoderConfig):
        AutoConfig.register(config.model_type, config, exist_ok=True)


def register_models() -> None:
    """Tell the AutoModels which of our classes opens a model of which config."""
    from transformers import AutoModel, AutoModelForMaskedLM, AutoModelForSeq2SeqLM

    from anyglot.hub.configuration import AnyglotConfig, AnyglotEncoderConfig
    from anyglot.hub.encoding import AnyglotForMaskedLM, AnyglotModel
    from anyglot.hub.translation import AnyglotForConditionalGeneration

    AutoModelForSeq2SeqLM.register(AnyglotConfig, AnyglotForConditionalGeneration, exist_ok=True)
    AutoModel.register(AnyglotEncoderConfig, AnyglotModel, exist_ok=True)
    AutoModelForMaskedLM.register(AnyglotEncoderConfig, AnyglotForMaskedLM, exist_ok=True)


REGISTRATIONS: dict[str, Callable[[], None]] = {
    "transformers.models.auto.configuration_auto": register_configs,
    "transformers.models.auto.modeling_auto": register_models,
}


class _RegisteringLoader(SourceFileLoader):
    """Loads a module of transformers as ever, then registers our classes with it."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        REGISTRATIONS[module.__name__]()


class _ImportHook:
    """A finder of modules: finds those of `REGISTRATIONS` where they are, and no others."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in REGISTRATIONS:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader) and spec.origin is not None:
            spec.loader = _RegisteringLoader(fullname, spec.origin)
        return spec


def register_lazily() -> None:
    """Register our classes with transformers: now if it is here, or else when it is imported."""
    for name, registration in REGISTRATIONS.items():
        if name in sys.modules:
            registration()
    if not any(isinstance(finder, _ImportHook) for finder in sys.meta_path):
        sys.meta_path.insert(0, _ImportHook())


def register() -> None:
    """Register our classes with transformers' Auto classes now; transformers is imported where it was not yet."""
    from transformers.models.auto import configuration_auto, modeling_auto

    assert configuration_auto and modeling_auto  # imported, so that nothing is left to be waited for
    register_configs()
    register_models()

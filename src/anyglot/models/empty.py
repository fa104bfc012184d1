"""Models without values: shapes and names, before a checkpoint's tensors are put in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_FILLS = frozenset({Tensor.normal_, Tensor.uniform_})


class _NoFirstValues(TorchFunctionMode):
    """Passes over what fills a fresh tensor with random numbers.

    On the meta device a normal draw is nothing but shapes, yet the first one imports torch's compiler, which takes
    longer than all the rest of opening a small model.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        options: Mapping[str, Any] = kwargs or {}
        if func in _FILLS or getattr(func, "__module__", None) == nn.init.__name__:
            return args[0] if args else options["tensor"]
        return func(*args, **options)


@contextmanager
def blank() -> Iterator[None]:
    """Build modules inside without memory for weights and without drawing their first values (meta device)."""
    with torch.device("meta"), _NoFirstValues():
        yield

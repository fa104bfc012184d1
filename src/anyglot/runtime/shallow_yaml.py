"""YAML of few levels: what nests deeply costs the parser time that grows with its depth squared, then the stack."""

from __future__ import annotations

from typing import Any

import yaml

DEEPEST = 64
"""Levels of lists and mappings inside each other; a recipe has five."""


class ShallowLoader(yaml.SafeLoader):
    """PyYAML's safe loader, which stops at the first value that is nested too deeply."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """As in `SafeLoader`.

        Raises:
            yaml.composer.ComposerError: Too many levels.
        """
        self._depth += 1
        if self._depth > DEEPEST + 1:  # a document without levels is one node
            problem = f"values are nested more than {DEEPEST} levels deep"
            here = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, problem, here)
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

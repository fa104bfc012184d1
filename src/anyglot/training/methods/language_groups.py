"""How a recipe lists the parts of a model that belong to languages."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from anyglot.errors import UserError
from anyglot.text.language_groups import checked_groups


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _known(labels: tuple[str, ...]) -> tuple[str, ...]:
    if not labels:
        raise ValueError('an empty list leaves nothing to train: write ["*"] for one part that serves all')
    try:
        return checked_groups(labels)
    except UserError as error:
        raise ValueError(str(error)) from None


Groups = Annotated[tuple[str, ...], BeforeValidator(_tuple), AfterValidator(_known)]
"""["*"] for one part (a prompt set, an adapter) for all, ["en", "de"] for one a target language, ["de-en"] for one a
direction."""

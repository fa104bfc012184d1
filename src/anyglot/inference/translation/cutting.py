"""Texts cut into pieces that a model can read at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from anyglot.inference.generation.pieces import Piece
from anyglot.text.sentences import split_to_fit


def _like(fits: Callable[[Sequence[str], Piece], list[bool]], text: Piece) -> Callable[[Sequence[str]], list[bool]]:
    return lambda parts: fits(parts, text)


def cut(
    texts: Sequence[Piece],
    fits: Callable[[Sequence[str], Piece], list[bool]],
    truncates: Callable[[Piece], bool],
) -> tuple[list[list[Piece]], list[Piece]]:
    """Each text as the pieces it is written from; an empty text has none.

    Args:
        fits: Whether each of some parts is read at once, as a part of the text given.
        truncates: Whether the end of a text that does not fit is left unread, in place of the text being split.

    Returns:
        The pieces of each text; and the texts whose end is not read.
    """
    whole: dict[tuple[str, str], bool] = {}
    for example in {text.target: text for text in texts}.values():
        full = list(dict.fromkeys(text.source for text in texts if text.source and text.target == example.target))
        fitting = fits(full, example)
        whole.update({(text, example.target): fit for text, fit in zip(full, fitting, strict=True)})
    result: list[list[Piece]] = []
    truncated: list[Piece] = []
    for text in texts:
        if not text.source or whole[text.source, text.target]:
            result.append([text] if text.source else [])
        elif truncates(text):
            truncated.append(text)
            result.append([text])
        else:
            result.append(text.split(split_to_fit(text.source, _like(fits, text))))
    return result, truncated

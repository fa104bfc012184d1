"""What stands around a recipe's sentences: special tokens, and a checkpoint's language tokens."""

from __future__ import annotations

from anyglot.errors import UserError
from anyglot.text.protocols import TextTokenizer
from anyglot.text.templates import Frames
from anyglot.training.methods.base import Learner, Method
from anyglot.training.methods.pretrained import Framed
from anyglot.training.recipe.schema import Recipe


def frames_of_method(recipe: Recipe, method: Method, tokenizer: TextTokenizer) -> Frames | None:
    """The frames that the model a method starts from expects; None: `<s> x </s>` and a decoder that starts with `</s>`.

    Raises:
        UserError: A translator is to write several languages and nothing tells it which.
    """
    if not isinstance(method, Framed):
        return None
    frames = method.frames(tokenizer)
    untold = not (method.start is not None and method.start.uses_language_tokens) and not recipe.target_languages
    if method.kind == "translation" and untold and len(recipe.written) > 1:
        raise UserError(
            f"data has pairs into {', '.join(sorted(recipe.written))}, but {recipe.start} has neither language tokens "
            "nor target projections to be told by which is wanted; train a model for each, or pretrain one with "
            "method.target_languages."
        )
    return frames


def uses_language_tokens(method: Learner) -> bool:
    """Whether the method's model is told languages by the tokens of the checkpoint it comes from."""
    return isinstance(method, Framed) and method.start is not None and method.start.uses_language_tokens

"""Settings that are given as `--set KEY=VALUE`, and the flags they were until the next release."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from anyglot.cli.renamed import say_renamed

if TYPE_CHECKING:
    from anyglot.runtime.options import AnyOptions

R = TypeVar("R")
_DECODER = "decoder."


class FromOldFlag(str):
    """A KEY=VALUE that was given by the flag it was called before."""

    __slots__ = ()


def moved(*keys: str, switches: Sequence[str] = ()) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Let a verb take keys of its `--set` as the flags they were, hidden, with a line that names the key.

    Args:
        keys: Such as "decoder.top_k", which was `--top-k`.
        switches: Keys whose flags had no value, such as "decoder.show_rounds".

    The verb's argument `settings` gets what the flags said as items `FromOldFlag`, before what `--set` says.
    """
    flag_of = {key: f"--{key.removeprefix(_DECODER).replace('_', '-')}" for key in (*keys, *switches)}

    def wrap(function: Callable[..., R]) -> Callable[..., R]:
        signature = inspect.signature(function, eval_str=True)
        name_of = {key: f"old_{key.replace('.', '_')}" for key in flag_of}

        @wraps(function)
        def run(*positional: Any, **arguments: Any) -> R:
            old = []
            for key, name in name_of.items():
                value = arguments.pop(name, None)
                if value in (None, False):
                    continue
                old.append(FromOldFlag(f"{key}={'true' if value is True else value}"))
                say_renamed(flag_of[key], f"--set {old[-1]}")
            arguments["settings"] = [*old, *(arguments.get("settings") or [])]
            return function(*positional, **arguments)

        hidden = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=False if key in switches else None,
                annotation=Annotated[
                    bool if key in switches else str | None,
                    typer.Option(flag_of[key], hidden=True),
                ],
            )
            for key, name in name_of.items()
        ]
        run.set_keys = {key.removeprefix(_DECODER): f"--set {key}" for key in flag_of}  # type: ignore[attr-defined]
        run.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[*signature.parameters.values(), *hidden]
        )
        return run

    return wrap


def key_values(words: Iterable[str] | None) -> dict[str, str]:
    """Key -> value of every KEY=VALUE; of a key that stands twice the last.

    Raises:
        UserError: A word is no KEY=VALUE.
    """
    from anyglot.errors import UserError

    found = {}
    for word in words or ():
        key, equals, value = word.partition("=")
        if not equals or not key.strip() or not value:
            raise UserError(f"--set takes KEY=VALUE, such as --set seed=2; found {word!r}.")
        found[key.strip()] = value.strip()
    return found


def read_settings(kind: type[AnyOptions], words: Sequence[str] | None) -> AnyOptions:
    """A verb's further settings.

    Raises:
        UserError: A key is unknown, or a value is none of its type.
    """
    from anyglot.runtime.options import read_options

    return read_options(kind, key_values(words))


def read_search(
    kind: type[AnyOptions],
    words: Sequence[str] | None,
    decoder: str | None,
    beam: int | None,
    among: Sequence[str] | None = None,
) -> tuple[AnyOptions, dict[str, Any]]:
    """A verb's further settings, and those of its search: what `SearchSettings` takes and the options of drafts.

    Args:
        kind: Of the settings that are no decoder's.
        words: As they were given by `--set` and by old flags.
        decoder: As it was given by `--decoder`.
        beam: As it was given by `--beam`.
        among: The decoders that can be chosen; None: all.

    Raises:
        UserError: A key is unknown or another decoder's, a value is none of its type, or the beam is given twice.
    """
    from anyglot.errors import UserError
    from anyglot.inference.generation.decoder_options import OPTIONS_OF, AnyDecoder, read_decoder_options
    from anyglot.inference.generation.settings import chosen_decoder
    from anyglot.runtime.options import read_options, unknown_key

    choices = [name for name in OPTIONS_OF if among is None or name in among]
    chosen = chosen_decoder(decoder, among=choices)
    found = key_values(words)
    known = [*kind.model_fields, *(_DECODER + name for name in AnyDecoder.model_fields)]
    for key in found:
        if key not in known:
            raise unknown_key(key, known)
    of_decoder = {key.removeprefix(_DECODER): text for key, text in found.items() if key.startswith(_DECODER)}
    # A flag may be given beside any decoder until the next release; where it does harm the search refuses it.
    lenient = any(isinstance(word, FromOldFlag) and word.startswith(_DECODER) for word in words or ())
    search = read_decoder_options(of_decoder, None if lenient else chosen, choices)
    if beam is not None:
        if "beam" in search:
            raise UserError("--beam and --set decoder.beam were both given; leave one of them out.")
        search["beam"] = beam
    own = {key: text for key, text in found.items() if not key.startswith(_DECODER)}
    return read_options(kind, own), {"decoder": chosen, **search}

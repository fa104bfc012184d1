"""A setting that a message names, as the flag of the verb that runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from typer.models import OptionInfo
from typer.utils import get_params_from_function

from anyglot.errors import Spelling


def flags_of(function: Callable[..., object], others: Mapping[str, str]) -> Spelling:
    """How a verb's user writes a setting: `max_length=200` is --max-length 200, `figures=False` is --no-figures.

    Args:
        function: The verb's. A setting is found by its flag's name and by its parameter's.
        others: Settings that the library has under another name -> their flags. A flag with a word behind it, as in
            "--set beam", takes its value by "=".
    """

    @cache
    def table() -> dict[str, str]:  # when a message needs it: most runs have none
        flags, parameters = {**getattr(function, "set_keys", {}), **others}, {}
        for name, parameter in get_params_from_function(function).items():
            if not isinstance(parameter.default, OptionInfo) or parameter.default.hidden:
                continue
            written = [each for words in parameter.default.param_decls or () for each in words.split("/")]
            long = [each for each in written if each.startswith("--")] or [f"--{name.replace('_', '-')}"]
            flags |= {each[2:].replace("-", "_"): each for each in long}
            parameters[name] = long[0]
        return parameters | flags

    def spell(name: str, value: str | None) -> str | None:
        flags = table()
        if value in ("None", "False") and f"no_{name}" in flags:
            return flags[f"no_{name}"]
        flag = flags.get(name)
        if flag is None or value in (None, "True"):
            return flag
        return f"{flag}{'=' if ' ' in flag else ' '}{value}"

    return spell

"""Command lines as the shell and the program read them, without running anything."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from functools import cache
from typing import Any

import typer

from anyglot.cli.main import app
from anyglot.cli.renamed import with_new_words

_BETWEEN = {"|", "&&", ";", "||", "&"}
PLACEHOLDER = re.compile(r"\.\.\.|[A-Z][A-Z_0-9]*")


class Wrong(Exception):
    """The program would not take it."""


def simple_commands(text: str) -> list[list[str]]:
    """The commands of a line, without comments, redirections and variables in front."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    commands: list[list[str]] = [[]]
    to_file = False
    for token in lexer:
        if token in _BETWEEN:
            commands.append([])
        elif to_file or token in ("<", ">", ">>"):
            to_file = not to_file
        elif commands[-1] or not re.match(r"[A-Z_]+=", token):
            commands[-1].append(token)
    return [command for command in commands if command]


def own_arguments(command: Sequence[str]) -> list[str] | None:
    """What the program is given, where the command is ours: by its name, or by its module."""
    if command[0] == "anyglot":
        return list(command[1:])
    if "anyglot.cli.main" in command:
        return list(command[command.index("anyglot.cli.main") + 1 :])
    return None


def read(arguments: Sequence[str], *, whole: bool) -> tuple[str, dict[str, Any]] | None:
    """The verb and the values of its parameters.

    Args:
        whole: Whether all that is required must be there.

    Returns:
        None for a pattern (`anyglot --offline VERB`), for help, and where something required was left out on purpose.

    Raises:
        Wrong: There is no such verb or option, a value is of the wrong kind, or a word is an old one, which the program
            takes for one release only.
    """
    if with_new_words(arguments) != list(arguments):
        raise Wrong(f"an old word: {arguments}")
    rest = [argument for argument in arguments if argument != "..."]
    whole = whole and len(rest) == len(arguments)
    if "VERB" in rest:
        return None
    command: Any = _program()
    context, name = None, "anyglot"
    try:
        while True:
            context = command.make_context(name, rest, parent=context)
            if not hasattr(command, "commands"):
                refuse_hidden(command, arguments)
                return context.command_path.removeprefix("anyglot "), context.params
            rest = [*context._protected_args, *context.args]
            name, command, rest = command.resolve_command(context, rest)
    except Wrong:
        raise
    except Exception as error:  # of typer's own copy of click, whose errors have no public name
        kind = type(error).__name__
        # `anyglot model trim --target-corpus` names an option, and leaves its value out as well.
        if kind in ("Exit", "NoArgsIsHelpError") or (kind in ("MissingParameter", "BadOptionUsage") and not whole):
            return None
        raise Wrong(f"{kind}: {error}") from error


@cache
def _program() -> Any:
    """The program's verbs, which take a moment to build."""
    return typer.main.get_command(app)


def refuse_hidden(command: Any, arguments: Sequence[str]) -> None:
    """Options that are not in the help are flags of before."""
    old = {option for parameter in command.params if getattr(parameter, "hidden", False) for option in parameter.opts}
    given = {argument.partition("=")[0] for argument in arguments} & old
    if given:
        raise Wrong(f"an old word: {', '.join(sorted(given))}")

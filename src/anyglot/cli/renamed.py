"""Verbs and flags that are called otherwise now: the old ones are taken until the next release, and a line says so."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from difflib import get_close_matches

from typer.core import TyperGroup

RENAMED_VERBS: dict[str, tuple[str, ...]] = {
    "show": ("model", "show"),
    "average": ("model", "average"),
    "trim": ("model", "trim"),
    "export": ("model", "export"),
    "push": ("model", "push"),
    "phrasebook": ("data", "phrasebook"),
    "sheet": ("data", "manifest"),
    "vocabulary": ("data", "vocabulary"),
    "distil": ("data", "distill"),
    "doctor": ("data", "check"),
    "retrieve": ("evaluate",),
    "study-text": ("study", "text"),
    "study-report": ("study", "report"),
}
"""A verb as it was -> its words now."""
RENAMED_FLAGS = {
    "--centre": "--center",
    "--no-centre": "--no-center",
    "--centre-from": "--center-from",
    "--normalise": "--normalize",
}
"""Flags as they were -> as they are."""
# Words that follow these verbs now; before, what came next was a model or a file.
_UNDER = {
    "evaluate": ("translation", "tasks", "tatoeba", "bucc"),
    "study": ("run", "list", "report", "text"),
}


class RenamingGroup(TyperGroup):
    """The program, which takes its old words too."""

    def parse_args(self, ctx: object, args: list[str]) -> list[str]:
        """Rename, then parse as ever."""
        found: list[str] = super().parse_args(ctx, with_new_words(args))  # type: ignore[arg-type]
        return found


def with_new_words(words: Sequence[str]) -> list[str]:
    """A command's words with verbs and flags under the names they have now; what is changed is said on stderr."""
    at = next((place for place, word in enumerate(words) if not word.startswith("-")), len(words))
    front, rest = list(words[:at]), list(words[at:])
    if rest:
        verb = rest[0]
        if verb in RENAMED_VERBS:
            rest = _said([verb], list(RENAMED_VERBS[verb])) + rest[1:]
        elif verb in _UNDER and len(rest) > 1 and rest[1] != "--help" and not _near(rest[1], _UNDER[verb]):
            second, rest = _meant(verb, rest)
            rest = [*_said([verb], [verb, second]), *rest[1:]]
    return front + [_with_new_flag(word) for word in rest]


def _near(word: str, among: Sequence[str]) -> bool:
    """Whether a word is one of these, or one of them misspelled."""
    return bool(get_close_matches(word, among, n=1, cutoff=0.75))


def _meant(verb: str, words: list[str]) -> tuple[str, list[str]]:
    """Which of a verb's words an old command line means, and the line without what that word says."""
    if verb == "evaluate":
        tasks = any(word.partition("=")[0] in ("--suite", "--tasks") for word in words)
        return ("tasks" if tasks else "translation"), words
    if "--list-steps" in words:
        return "list", [word for word in words if word != "--list-steps"]
    return "run", words


def _said(old: list[str], new: list[str]) -> list[str]:
    _say(f"`anyglot {' '.join(old)}` is called `anyglot {' '.join(new)}` now")
    return new


def _with_new_flag(word: str) -> str:
    flag, separator, value = word.partition("=")
    if flag not in RENAMED_FLAGS:
        return word
    say_renamed(flag, RENAMED_FLAGS[flag])
    return f"{RENAMED_FLAGS[flag]}{separator}{value}"


def say_renamed(flag: str, now: str) -> None:
    """Say on stderr what a flag is called now."""
    _say(f"{flag} is called {now} now")


def _say(what: str) -> None:
    print(f"anyglot: {what}; the old name is taken until the next release.", file=sys.stderr)

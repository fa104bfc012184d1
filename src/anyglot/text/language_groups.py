"""Parts of a model that belong to languages: a prompt set or an adapter for a direction, a target language, or all.

They are told by labels: "de-en" (a direction), "en" (whatever is translated into it), "*" (everything).
"""

from collections.abc import Sequence

from anyglot.errors import UserError
from anyglot.text.languages import language

ALL = "*"


def group_of(groups: Sequence[str], source: str, target: str) -> int | None:
    """Index of the group a pair belongs to: its direction's, else its target's, else "*"; None: no group is for it."""
    for label in (f"{source}-{target}", target, ALL):
        if label in groups:
            return groups.index(label)
    return None


def checked_groups(groups: Sequence[str]) -> tuple[str, ...]:
    """The labels with their language codes in this package's spelling.

    Raises:
        UserError: A label is none of the three kinds, names an unknown language, or stands twice.
    """
    checked = tuple(_checked(label) for label in groups)
    twice = next((label for label in checked if checked.count(label) > 1), None)
    if twice is not None:
        raise UserError(f"the group '{twice}' stands twice in {', '.join(groups)}.")
    return checked


def _checked(label: str) -> str:
    if label == ALL:
        return label
    parts = label.split("-")
    for place in range(1, len(parts)):  # a code may hold a hyphen itself: zh-Hant
        try:
            pair = [language("-".join(side)).code for side in (parts[:place], parts[place:])]
        except UserError:
            continue
        return "-".join(pair)
    try:
        return language(label).code
    except UserError:
        raise UserError(
            f"'{label}' is no group: write a direction (de-en), a target language (en), or * for all."
        ) from None


def written_languages(groups: Sequence[str]) -> set[str] | None:
    """The target languages that groups tell apart; None: "*" is among them, so any."""
    if ALL in groups:
        return None
    return {_target(label) for label in groups}


def _target(label: str) -> str:
    parts = label.split("-")
    for place in range(1, len(parts)):
        try:
            language("-".join(parts[:place]))
            return language("-".join(parts[place:])).code
        except UserError:
            continue
    return label

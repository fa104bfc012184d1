"""How results reach the user: tables on a terminal, lines that a program reads elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def show(markdown: str) -> None:
    """Print a result: drawn on a terminal, as the Markdown it is into a pipe or a file."""
    if not sys.stdout.isatty():
        print(markdown)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console(highlight=False).print(Markdown(markdown))


def table_console() -> Console:
    """What draws rich tables; piped into another program a line must not be folded to a terminal's width."""
    from rich.console import Console

    return Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else 200)

"""The verb alone as a program, for tests that need a real process."""

import os
import sys

import typer

from anyglot.cli.translate import translate
from anyglot.errors import UserError

if __name__ == "__main__":
    if "TRANSLATE_WINDOW" in os.environ:  # small windows, so that a short test sees many of them
        from anyglot.inference.translation import jobs

        jobs.WINDOW_LINES = int(os.environ["TRANSLATE_WINDOW"])
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(translate)
    try:
        app()
    except UserError as error:
        print(f"anyglot: {error}", file=sys.stderr)
        sys.exit(2)

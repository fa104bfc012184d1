"""The command `anyglot`: its verbs, and what becomes of errors. Verbs import what is heavy when they run."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from anyglot.cli.analyze import analyze
from anyglot.cli.average import average
from anyglot.cli.demo import demo
from anyglot.cli.distil import distil
from anyglot.cli.doctor import doctor
from anyglot.cli.embed import embed
from anyglot.cli.evaluate import evaluate
from anyglot.cli.export import export
from anyglot.cli.fetch import fetch
from anyglot.cli.listing import list_things
from anyglot.cli.mine import mine
from anyglot.cli.phrasebook import phrasebook
from anyglot.cli.push import push
from anyglot.cli.retrieve import retrieve
from anyglot.cli.sheet import sheet
from anyglot.cli.show import show
from anyglot.cli.study import study, study_report, study_text
from anyglot.cli.train import train
from anyglot.cli.translate import translate
from anyglot.cli.trim import trim
from anyglot.cli.vocabulary import vocabulary
from anyglot.errors import UserError
from anyglot.runtime.arguments import impossible_path
from anyglot.runtime.files import ADVICE
from anyglot.runtime.offline import VARIABLE, refuse_network

USER_MISTAKE = 2
INTERRUPTED = 130
RENAMED_FLAGS = {"--centre": "--center", "--centre-from": "--center-from", "--normalise": "--normalize"}
"""Flags as they were -> as they are."""

app = typer.Typer(
    name="anyglot",
    help="Turn a pretrained multilingual encoder into a translator of languages it has no parallel data for.\n\n"
    "Start with:  anyglot demo",
    epilog="Exit codes: 0 done, 2 a mistake in what was asked, 130 or 143 stopped by a signal (docs/files.md).",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from anyglot import __version__

        print(f"anyglot {__version__}")
        raise typer.Exit


@app.callback()
def options(
    offline: Annotated[
        bool, typer.Option("--offline", envvar=VARIABLE, help="Reach nothing beyond this machine (docs/security.md).")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """What holds for every verb."""
    if offline:
        refuse_network()


app.command()(demo)
app.command()(train)
app.command()(translate)
app.command()(fetch)
app.command()(evaluate)
app.command()(doctor)
app.command()(distil)
app.command()(embed)
app.command()(show)
app.command("list")(list_things)
app.command()(average)
app.command()(trim)
app.command()(vocabulary)
app.command()(phrasebook)
app.command()(sheet)
app.command()(export)
app.command()(push)
app.add_typer(retrieve, name="retrieve")
app.command()(mine)
app.add_typer(analyze, name="analyze")
app.command()(study)
app.command("study-text", hidden=True)(study_text)
app.command("study-report", hidden=True)(study_report)


def with_new_flags(words: Sequence[str]) -> list[str]:
    """A command's words with flags under the names they have now; what is changed is said on standard error."""
    found = []
    for word in words:
        flag, separator, value = word.partition("=")
        if flag in RENAMED_FLAGS:
            new = RENAMED_FLAGS[flag]
            print(
                f"anyglot: {flag} is called {new} now; the old name is taken until the next release.", file=sys.stderr
            )
            word = f"{new}{separator}{value}"
        found.append(word)
    return found


def run() -> int | None:
    """The verb's exit code. Wrong arguments are told as typer tells them."""
    try:
        # Not standalone: click would turn an interrupt and a closed pipe into exit code 1.
        code: int | None = app(with_new_flags(sys.argv[1:]), standalone_mode=False)
        sys.stdout.flush()  # while what a full disk says can still be told
    except Exception as error:
        # typer carries a click of its own inside, whose usage errors have no public name.
        if not isinstance(error, typer.BadParameter.__mro__[1]):
            raise
        error.show()  # type: ignore[attr-defined]
        return USER_MISTAKE
    return code


def _give_up_output() -> None:
    """Nothing more can be written, as to a reader that went away (say, `| head`). Keep the last flush quiet too."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _unwritten(error: Exception) -> str | None:
    """What to tell of a disk that is full; None of other errors."""
    if not isinstance(error, OSError) or error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return None
    named = error.filename
    if named is None:  # it was an open file, and files of ours tell their names
        named = "standard output" if _is_full(sys.stdout.fileno()) else "a temporary file or the cache"
    _give_up_output()
    return f"cannot write {named}: {(error.strerror or str(error)).lower()}; {ADVICE}."


def _is_full(descriptor: int) -> bool:
    """Whether nothing more can be written to an open file."""
    try:
        os.write(descriptor, b"")
        return stat.S_ISREG(os.fstat(descriptor).st_mode) and os.fstatvfs(descriptor).f_bavail == 0
    except OSError:
        return True


def main() -> None:
    """Run a verb. A user's mistake is one sentence on stderr and exit code 2, never a traceback."""
    try:
        code = run()
    except UserError as error:
        print(f"anyglot: {error}", file=sys.stderr)
        code = USER_MISTAKE
    except (RuntimeError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            _give_up_output()
            code = 0
        elif (told := impossible_path(error) or _unwritten(error)) is not None:
            print(f"anyglot: {told}", file=sys.stderr)
            code = USER_MISTAKE
        else:
            raise
    except (KeyboardInterrupt, typer.Abort):
        print("anyglot: interrupted.", file=sys.stderr)
        code = INTERRUPTED
    sys.exit(code)


if __name__ == "__main__":
    main()

"""The command `anyglot`: its verbs, and what becomes of errors. Verbs import what is heavy when they run."""

from __future__ import annotations

import errno
import os
import stat
import sys
from typing import Annotated

import typer

from anyglot.cli.analyze import analyze
from anyglot.cli.average import average
from anyglot.cli.check import check
from anyglot.cli.demo import demo
from anyglot.cli.distill import distill
from anyglot.cli.embed import embed
from anyglot.cli.evaluate_retrieval import bucc, tatoeba
from anyglot.cli.evaluate_tasks import evaluate_tasks
from anyglot.cli.evaluate_translation import evaluate_translation
from anyglot.cli.export import export
from anyglot.cli.fetch import fetch
from anyglot.cli.listing import list_things
from anyglot.cli.manifest import manifest
from anyglot.cli.mine import mine
from anyglot.cli.phrasebook import phrasebook
from anyglot.cli.push import push
from anyglot.cli.renamed import RenamingGroup
from anyglot.cli.show import show
from anyglot.cli.study import study
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

app = typer.Typer(
    name="anyglot",
    cls=RenamingGroup,
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


evaluate = typer.Typer(
    help="Score models: translations, understanding tasks, retrieval.\n\n"
    "For example:  anyglot evaluate translation runs/mine --tests tests.yaml",
    no_args_is_help=True,
)
evaluate.command("translation")(evaluate_translation)
evaluate.command("tasks")(evaluate_tasks)
evaluate.command("tatoeba")(tatoeba)
evaluate.command("bucc")(bucc)

model = typer.Typer(
    help="Look at a model folder, or make another one of it.\n\nFor example:  anyglot model show runs/mine",
    no_args_is_help=True,
)
model.command("show")(show)
model.command("average")(average)
model.command("trim")(trim)
model.command("export")(export)
model.command("push")(push)

data = typer.Typer(
    help="Make and check what models are trained and scored on.\n\n"
    "For example:  anyglot data phrasebook --languages en,fi,zh --out runs/book",
    no_args_is_help=True,
)
data.command("phrasebook")(phrasebook)
data.command("manifest")(manifest)
data.command("vocabulary")(vocabulary)
data.command("distill")(distill)
data.command("check")(check)

app.command("demo")(demo)
app.command("train")(train)
app.command("translate")(translate)
app.command("embed")(embed)
app.command("mine")(mine)
app.add_typer(evaluate, name="evaluate")
app.add_typer(analyze, name="analyze")
app.add_typer(model, name="model")
app.add_typer(data, name="data")
app.add_typer(study, name="study")
app.command("fetch")(fetch)
app.command("list")(list_things)


def run() -> int | None:
    """The verb's exit code. Wrong arguments are told as typer tells them."""
    try:
        # Not standalone: click would turn an interrupt and a closed pipe into exit code 1.
        code: int | None = app(standalone_mode=False)
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

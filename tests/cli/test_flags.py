"""A message names settings as who reads it writes them: a library's user `rounds=0`, at the command line --rounds 0."""

from __future__ import annotations

import ast
import re
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

import anyglot
from anyglot.cli.flags import flags_of
from anyglot.cli.main import app
from anyglot.cli.verb import verb
from anyglot.errors import UserError, spelled, spelled_by
from anyglot.inference.generation.settings import SearchSettings
from support.tiny_translators import write_model_folder

SOURCE = Path(anyglot.__file__).parent
# Words of git, which provenance asks, and a whole command that the demo's run writes down as what made it.
OTHER_PROGRAMS = {"--error-unmatch", "--porcelain", "--untracked-files=no", "anyglot demo --seed "}
# A whole command in backticks is the same for every reader.
COMMANDS = re.compile(r"`anyglot [^`]*`")
FLAG = re.compile(r"(?<![\w-])--[a-z{]")
SETTING = re.compile(r"`([a-z][a-z0-9_]*)(?:=[^`]*)?`")
# In backticks, but no settings: words of reports and of errors that only a programmer sees.
NO_SETTINGS = {"generate", "target_language", "wanted", "duplicates", "best"}


def literals() -> Iterator[tuple[str, str]]:
    """Where, and the text, of each string outside the command line that is no docstring; fields of f-strings as {}."""
    for path in sorted(SOURCE.rglob("*.py")):
        if "cli" not in path.relative_to(SOURCE).parts:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for line, text in texts_of(tree):
                yield f"{path.relative_to(SOURCE)}:{line}", text


def texts_of(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
            yield node.lineno, "".join(map(str, parts))
            for part in node.values:
                yield from texts_of(part) if isinstance(part, ast.FormattedValue) else ()
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        else:
            yield from texts_of(node)


def commands(program: typer.Typer) -> Iterator[object]:
    for command in program.registered_commands:
        yield command.callback
    for group in program.registered_groups:
        yield from commands(group.typer_instance)  # type: ignore[arg-type]


def test_no_message_outside_the_command_line_names_a_flag() -> None:
    found = [
        f"{where}: {text}"
        for where, text in literals()
        if FLAG.search(COMMANDS.sub("", text)) and not any(text.startswith(word) for word in OTHER_PROGRAMS)
    ]
    assert not found, "write a setting as `name` or `name=value`: " + "\n".join(found)


def test_a_flag_would_be_found() -> None:
    tree = ast.parse('"""--no"""\nx = f"give --{name} {x or \'--that\'}" "and --this"; "`anyglot train --out x`"')
    texts = [text for _, text in texts_of(tree) if FLAG.search(COMMANDS.sub("", text))]
    assert len(texts) == 2 and texts[1] == "--that"


def test_every_setting_a_message_names_is_a_flag_of_some_verb() -> None:
    spellings = [callback.spelling for callback in commands(app)]  # type: ignore[attr-defined]
    assert len(spellings) > 20
    unknown = [
        f"{where}: {name}"
        for where, text in literals()
        for name in SETTING.findall(COMMANDS.sub("", text))
        if name not in NO_SETTINGS and all(spelling(name, None) is None for spelling in spellings)
    ]
    assert not unknown


def test_the_library_names_fields() -> None:
    with pytest.raises(UserError, match="use `rounds=0`"):
        SearchSettings(rounds=3).settled(("ctc",))
    with pytest.raises(UserError, match="`n_best` must lie between 1 and 100, not 0"):
        SearchSettings(n_best=0)
    with pytest.raises(UserError, match="`length_beam` belongs to `decoder=mask-predict`, not to beam"):
        SearchSettings(length_beam=2).settled(("beam",))


def test_the_command_line_names_flags(tmp_path: Path) -> None:
    model = write_model_folder(tmp_path / "tiny")
    (tmp_path / "a.de").write_text("Das Haus ist alt.\n", "utf-8")
    for words, told in (
        (["--length-beam", "2"], "--set decoder.length_beam belongs to --decoder mask-predict, not to beam"),
        (["--n-best", "0"], "--n-best must lie between 1 and 100, not 0"),
        (["--n-best", "2", "--beam", "1"], "use --beam 2, or --decoder sample where the model can"),
        (["--resume"], "give --input and --output"),
    ):
        line = ["translate", str(model), "-s", "de", "-t", "en", "-i", str(tmp_path / "a.de"), "--device", "cpu"]
        found = CliRunner().invoke(app, [*line, *words])
        assert isinstance(found.exception, UserError) and told in str(found.exception)
    assert spelled("`rounds=0`") == "`rounds=0`"  # the verb is over


def test_a_verbs_table_comes_from_its_parameters() -> None:
    def some(
        output_name: Annotated[str, typer.Option("--output", "-o")],
        model: Annotated[str, typer.Argument()],
        center: Annotated[bool, typer.Option("--center/--no-center")] = False,
        no_figures: Annotated[bool, typer.Option("--no-figures")] = False,
        top_k: Annotated[int, typer.Option(help="no name of its own")] = 1,
    ) -> None: ...

    with spelled_by(flags_of(some, {"few": "--few-shot", "beam": "--set beam"})):
        for message, told in (
            ("`output=x y`", "--output x y"),
            ("`output_name`", "--output"),
            ("`center=True` or `center=False`", "--center or --no-center"),
            ("`figures=False`, `figures=None`, `figures`", "--no-figures, --no-figures, `figures`"),
            ("`top_k=3`", "--top-k 3"),
            ("`few=2` `beam=2` `beam`", "--few-shot 2 --set beam=2 --set beam"),
            ("`model` `rounds=0` `anyglot list` `Top` a`output`", "`model` `rounds=0` `anyglot list` `Top` a--output"),
        ):
            assert spelled(message) == told
            assert str(UserError(message)) == told
    assert str(UserError("`output=x`")) == "`output=x`"


def test_errors_of_threads_and_kept_sentences_have_flags_too(capsys: pytest.CaptureFixture[str]) -> None:
    from anyglot.runtime.signals import Stopped

    @verb(kept="go on with `resume=True`")
    def work(
        how: str,
        resume: Annotated[bool, typer.Option("--resume")] = False,
        max_length: Annotated[int, typer.Option("--max-length")] = 1,
    ) -> None:
        if how == "stop":
            raise Stopped(15)
        made: list[UserError] = []
        thread = threading.Thread(target=lambda: made.append(UserError("raise `max_length`")))
        thread.start()
        thread.join()
        raise made[0]

    with pytest.raises(UserError, match=r"^raise --max-length$"):
        work("thread")
    with pytest.raises(Stopped):
        work("stop")
    assert "go on with --resume." in capsys.readouterr().err


def test_a_warning_has_flags_too() -> None:
    from anyglot.cli.translate import translate
    from anyglot.nn.batch_invariance import said

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "take another `precision` or" in said("so it is")
        with spelled_by(translate.spelling):  # type: ignore[attr-defined]
            assert "take another --precision or" in said("so it is")

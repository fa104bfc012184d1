"""Every command line that is shown, in pages, helps, docstrings and recipes: the program takes it as it stands."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from anyglot.errors import UserError
from anyglot.experiments.study.file import bundled_studies, load_study
from anyglot.training.recipe.document import bundled_recipes
from anyglot.training.recipe.load import load_recipe
from docs.extracting import ROOT, Example, shell_examples
from docs.parsing import PLACEHOLDER, Wrong, own_arguments, read, simple_commands

EXAMPLES = shell_examples()
NO_COMMAND = {"docs/overview.md: anyglot train RECIPE": "the road from command to matmul is a drawing"}
RECIPE_VERBS = ("train", "data distill", "model show")


def ours(example: Example) -> list[list[str]]:
    return [given for one in simple_commands(example.text) if (given := own_arguments(one)) is not None]


COMMANDS = [
    (example, given)
    for example in EXAMPLES
    if not any(f"{example.page}: {example.text}".startswith(drawing) for drawing in NO_COMMAND)
    for given in ours(example)
]


def test_w11_examples_are_found_of_every_kind() -> None:
    kinds = Counter(example.kind for example in EXAMPLES)
    assert min(kinds[kind] for kind in ("fence", "inline", "help", "comment")) > 50
    assert len(COMMANDS) > 300
    verbs = {given[0] for _, given in COMMANDS}
    assert {"train", "translate", "evaluate", "embed", "mine", "analyze", "study", "model", "data"} <= verbs


@pytest.mark.parametrize(("example", "given"), COMMANDS, ids=[f"{example}" for example, _ in COMMANDS])
def test_w11_the_program_takes_it(
    example: Example, given: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verb, options and kinds of values; of recipes and studies the name, and every key that is overridden."""
    understood = read(given, whole=example.kind != "inline")
    if understood is None:
        return
    verb, values = understood
    monkeypatch.chdir(tmp_path)
    name = values.get("recipe") or values.get("recipe_or_model") or values.get("study") or values.get("name")
    if verb in RECIPE_VERBS and isinstance(name, str):
        check_recipe(name, list(values.get("overrides") or ()), values)
    elif verb.startswith("study ") and isinstance(name, str):
        check_study(name, list(values.get("overrides") or values.get("set") or ()))


def check_recipe(name: str, overrides: list[str], values: dict[str, object]) -> None:
    if is_a_run(name):
        return
    named = re.sub(r"^recipes/|\.yaml$", "", name)
    if values.get("recipe") is None and named not in bundled_recipes():
        return  # `show` takes models too
    assert named in bundled_recipes(), f"there is no recipe {name}"
    overrides = [one for one in overrides if not PLACEHOLDER.fullmatch(one.partition("=")[2])]
    sheet = [one for one in overrides if "sheet:" in one]
    load_recipe(named, [one for one in overrides if one not in sheet])  # what sheets list is the user's


def check_study(name: str, sets: list[str]) -> None:
    named = re.sub(r"^recipes/|\.yaml$", "", name)
    assert named in bundled_studies() or named in bundled_recipes(), f"there is no study {name}"
    load_study(named, sets)


def is_a_run(name: str) -> bool:
    """Whether a name is the user's own run or file, and not one that we bundle."""
    return name.startswith(("runs/", "/")) or name in ("recipe.yaml", "my.yaml", "RECIPE", "RUN", "MODEL")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("anyglot translat runs/a -s de -t en", "No such command|translat"),
        ("anyglot translate runs/a -s de -t en --beems 3", "beems"),
        ("anyglot translate runs/a -s de -t en --beam many", "beam|int"),
        ("anyglot translate runs/a -s de", "target"),
        ("echo x | anyglot evaluate tatoebas a b", "tatoebas"),
        ("anyglot show runs/a", "an old word"),
        ("anyglot evaluate runs/a --suite xtreme", "an old word"),
        ("anyglot embed runs/a -i a -o b --centre", "an old word"),
        ("anyglot translate runs/a -s de -t en --top-p 0.9", "an old word: --top-p"),
    ],
)
def test_w11_a_wrong_line_is_found(text: str, told: str) -> None:
    [given] = [given for one in simple_commands(text) if (given := own_arguments(one)) is not None]
    with pytest.raises(Wrong, match=told):
        read(given, whole=True)


def test_w11_a_wrong_recipe_or_key_is_found() -> None:
    with pytest.raises(AssertionError, match="no recipe tiny/nat"):
        check_recipe("tiny/nat", [], {"recipe": "tiny/nat"})
    with pytest.raises(UserError, match="disentangel"):
        check_recipe("sixt/xlmr_base", ["method.disentangel=true"], {"recipe": "sixt/xlmr_base"})


SCRIPTS = sorted(
    {
        (str(example), word)
        for example in EXAMPLES
        for one in simple_commands(example.text)
        for word in one
        if word.endswith(".py") and word.startswith(("benchmarks/", "src/", "tests/"))
    }
)


@pytest.mark.parametrize(("where", "script"), SCRIPTS)
def test_w11_every_script_named_exists_and_has_the_options(where: str, script: str) -> None:
    text = (ROOT / script).read_text(encoding="utf-8")
    folder = "".join(path.read_text(encoding="utf-8") for path in (ROOT / script).parent.glob("*.py"))
    for example in EXAMPLES:
        if str(example) == where:
            [command] = [one for one in simple_commands(example.text) if script in one]
            for word in command:
                if word.startswith("-") and word not in ("-m", "-s", "-t"):
                    assert f'"{word}"' in text + folder, f"{script} has no {word}"

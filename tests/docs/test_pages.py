"""Links, paths, recipes and Python that pages and docstrings show: they are there, by these names."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from functools import cache
from typing import Any

import pytest

from anyglot.experiments.study.file import bundled_studies
from anyglot.training.recipe.document import bundled_recipes
from docs.extracting import PACKAGE, PAGES, ROOT, Block, python_examples

BLOCKS = python_examples()
TEXTS = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in PAGES}
ROOMS = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
CONTRACTS = "docs/overview.md"
ABSENT = {"sga/e5_small"}  # the log says why there is none
ELSEWHERE = {"print", "len", "range", "getattr", "min", "max"}
FAMILIES = {name.split("/")[0] for name in bundled_recipes()}


def anchors(text: str) -> set[str]:
    """The names that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), flags=re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


def prose(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("page", TEXTS)
def test_w11_links_lead_somewhere(page: str) -> None:
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(TEXTS[page])):
        if re.match(r"[a-z]+:", target):
            continue
        place, _, anchor = target.partition("#")
        path = (ROOT / page).parent / place if place else ROOT / page
        if not path.exists() or (anchor and anchor not in anchors(path.read_text(encoding="utf-8"))):
            wrong.append(target)
    assert not wrong, f"{page} links to {wrong}"


@pytest.mark.parametrize("page", TEXTS)
def test_w11_files_of_ours_that_are_named_exist(page: str) -> None:
    wrong = []
    for code in re.findall(r"`([^`\n]+)`", prose(TEXTS[page])):
        for path in re.findall(r"(?<![\w/.])((?:[\w-]+/)+[\w-]+\.(?:py|md|yaml|tsv|html))\b", code):
            first = path.split("/")[0]
            ours = {"src", "tests", "benchmarks", "docs"} | (ROOMS if path.endswith(".py") else set())
            places = (ROOT / path, PACKAGE / path)
            if first in ours and "xx" not in path and not any(place.exists() for place in places):  # xx: any language
                wrong.append(path)
    assert not wrong, f"{page} names {wrong}"


@pytest.mark.parametrize("page", TEXTS)
def test_w11_recipes_that_are_named_exist(page: str) -> None:
    known = {*bundled_recipes(), *bundled_studies()}
    named = {
        code
        for code in re.findall(r"`([a-z]+/[\w-]+)`", prose(TEXTS[page]))
        if code.split("/")[0] in FAMILIES and not (PACKAGE / code).exists()
    }
    assert named <= known | ABSENT, f"{page} names {sorted(named - known - ABSENT)}"


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.page}:{block.line}")
def test_w11_python_compiles_and_its_names_exist(block: Block) -> None:
    if block.page == CONTRACTS:
        check_contract(block)
        return
    tree = ast.parse(block.text)
    compile(tree, f"{block.page}:{block.line}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    known = imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and isinstance(node.targets[0], ast.Name):
            made = what(node.value.func, known)
            owner = what(node.value.func.value, known) if isinstance(node.value.func, ast.Attribute) else made
            if inspect.isclass(owner):
                known.setdefault(node.targets[0].id, owner)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            check_call(node, known)


def check_contract(block: Block) -> None:
    """Signatures in short (`f(x) -> Y  # room/file.py`): every name that is called is ours, every file is there."""
    wrong = [
        path
        for path in re.findall(r"\b((?:[a-z_]+/)+[a-z_]+\.py)\b", block.text)
        if not (PACKAGE / path).exists() and not (ROOT / path).exists()
    ]
    code = "\n".join(line.partition("#")[0] for line in block.text.splitlines())
    wrong += [name for name in re.findall(r"\b([A-Za-z_]\w*)\(", code) if name not in defined() | ELSEWHERE]
    assert not wrong, f"{block.page}:{block.line} names {wrong}"


@cache
def defined() -> set[str]:
    """Every name of a function, a class, a method or a field of ours."""
    names: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.AnnAssign | ast.Assign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names |= {one.id for one in targets if isinstance(one, ast.Name)}
    return names


def imported(tree: ast.AST) -> dict[str, Any]:
    """What a block's names stand for, as far as they are imported from us."""
    known: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "anyglot":
            module = importlib.import_module(str(node.module))
            for alias in node.names:
                if not hasattr(module, alias.name):
                    importlib.import_module(f"{node.module}.{alias.name}")
                known[alias.asname or alias.name] = getattr(module, alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "anyglot":
                    importlib.import_module(alias.name)
    return known


def what(node: ast.expr, known: dict[str, Any]) -> Any:
    """What an expression stands for; None where nobody knows."""
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = what(node.value, known)
        if inspect.isclass(owner) and owner.__module__.startswith("anyglot"):
            fields = {name for one in owner.__mro__ for name in getattr(one, "__annotations__", {})}
            assert hasattr(owner, node.attr) or node.attr in fields, f"{owner.__name__} has no {node.attr}"
            return getattr(owner, node.attr, None)
        return getattr(owner, node.attr, None) if inspect.ismodule(owner) else None
    return None


def check_call(node: ast.Call, known: dict[str, Any]) -> None:
    called = what(node.func, known)
    if called is None or not callable(called) or not getattr(called, "__module__", "").startswith("anyglot"):
        return
    parameters = inspect.signature(called).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    for keyword in node.keywords:
        assert keyword.arg is None or keyword.arg in parameters, f"{ast.unparse(node.func)} takes no {keyword.arg}"


@pytest.mark.parametrize("page", TEXTS)
def test_w11_lines_of_prose_are_short(page: str) -> None:
    """Outside tables and code at most 100 characters, so that a change of a word is a change of a line."""
    fenced, long = False, []
    for number, line in enumerate(TEXTS[page].splitlines(), start=1):
        fenced ^= line.startswith("```")
        if not fenced and not line.startswith("|") and len(line) > 100:
            long.append(number)
    assert not long, f"{page} has lines of more than 100 characters: {long}"


def test_w11_a_wrong_name_is_found() -> None:
    for text in (
        "from anyglot.inference.translation import Translater",
        "from anyglot import Translator\nTranslator.from_pretraind('x')",
        "from anyglot import Translator as T\nt = T.from_pretrained('x')\nt.translate(['a'], sorce='de')",
    ):
        with pytest.raises((ImportError, AssertionError)):
            test_w11_python_compiles_and_its_names_exist(Block("a", 1, "python", text))
    with pytest.raises(AssertionError, match="no_such_thing"):
        check_contract(Block(CONTRACTS, 1, "python", "no_such_thing(x) -> y"))

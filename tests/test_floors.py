"""The package has layers: imports run downward only, without circles, and no file outgrows a screenful or ten."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
LONGEST = 400


def floors() -> list[list[str]]:
    """The layers of docs/overview.md, lowest first; packages of one layer stand in one line."""
    text = (ROOT / "docs" / "overview.md").read_text(encoding="utf-8")
    block = re.search(r"## Layers.*?```\n(.*?)```", text, flags=re.DOTALL)
    assert block is not None
    return [line.split() for line in reversed(block[1].strip().splitlines())]


FLOOR = {room: index for index, rooms in enumerate(floors()) for room in rooms}
FILES = sorted((SOURCE / "anyglot").rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def room_of(module: str) -> str | None:
    """anyglot.nn.block -> nn, anyglot.nn.losses.ctc -> nn.losses, as the layers name them; None for what joins them.

    That is the package itself, and a package such as anyglot.inference, which holds nothing but packages.
    """
    parts = module.split(".")[1:]
    if not parts or (
        len(parts) == 1 and any(room.startswith(f"{parts[0]}.") for room in FLOOR) and parts[0] not in FLOOR
    ):
        return None
    two = ".".join(parts[:2])
    return two if two in FLOOR else parts[0]


def imports(module: str, path: Path, *, deferred: bool = True) -> Iterator[str]:
    """Modules of ours that a module imports; with `deferred` those inside functions and type checks too."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in _nodes(ast.parse(path.read_text(encoding="utf-8")), deferred):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                front = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*front, *([base] if base else [])])
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            while name and name not in MODULES:
                name = name.rpartition(".")[0]
            if name and name != module:
                yield name


def _nodes(tree: ast.AST, deferred: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(tree):
        if not deferred and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        yield child
        yield from _nodes(child, deferred)


def test_the_floors_name_every_room() -> None:
    rooms = {room for module in MODULES if (room := room_of(module)) is not None}
    assert rooms <= set(FLOOR), f"rooms without a floor in docs/overview.md: {sorted(rooms - set(FLOOR))}"


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_downward(module: str) -> None:
    room = room_of(module)
    for imported in imports(module, MODULES[module]):
        other = room_of(imported)
        if other is None or room is None or other == room:
            continue
        assert {room, other} <= set(FLOOR), f"{module} imports {imported}: one of the two has no floor in overview.md"
        assert FLOOR[other] < FLOOR[room], f"{module} ({room}) imports {imported} ({other}), which is not below it"


def test_no_circles() -> None:
    graph = {module: sorted(set(imports(module, path))) for module, path in MODULES.items()}
    circle = _circle(graph)
    assert circle is None, " -> ".join(circle or [])


def _circle(graph: dict[str, list[str]]) -> list[str] | None:
    done: set[str] = set()
    for start in graph:
        road = [start]
        choices = [iter(graph[start])]
        while road:
            following = next((name for name in choices[-1] if name not in done), None)
            if following is None:
                done.add(road.pop())
                choices.pop()
            elif following in road:
                return [*road[road.index(following) :], following]
            else:
                road.append(following)
                choices.append(iter(graph[following]))
    return None


def test_a_circle_would_be_found() -> None:
    assert _circle({"a": ["b"], "b": ["c"], "c": ["a"]}) == ["a", "b", "c", "a"]
    assert _circle({"a": ["b", "c"], "b": ["c"], "c": []}) is None


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_files_stay_short(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines < LONGEST, f"{path} has {lines} lines; {LONGEST} is too many"

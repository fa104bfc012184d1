"""Every example that the project shows: fenced blocks and inline code of its pages, helps, docstrings, recipes.

A shell example is one command line, joined over its continued lines; a Python example is one block.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "src" / "anyglot"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# `anyglot data manifest: lists ...` is a docstring's title, and `python: The interpreter` an argument's.
_COMMAND = re.compile(
    r"(\$ )?(anyglot (?!(?:\w+ )?\w+:)|echo .*\| anyglot |python3? (-m |benchmarks/)|make |pip install |torchrun )"
)


@dataclass(frozen=True)
class Example:
    """One example and where it stands.

    Attributes:
        page: Path below the project's root.
        line: From 1.
        kind: "fence" (a line of a fenced block), "inline" (of running text), "help" (of a verb's docstring) or
            "comment" (of a bundled recipe).
        text: The command line, or the block.
    """

    page: str
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    page: str
    line: int
    language: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, each with the number of its first line."""
    inside: list[str] | None = None
    language, first = "", 0
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("```"):
            if inside is None:
                inside, language, first = [], line[3:].strip(), number + 1
            else:
                yield Block(_name(page), first, language, "\n".join(inside))
                inside = None
        elif inside is not None:
            inside.append(line)


def command_lines(text: str, first: int) -> Iterator[tuple[int, str]]:
    """The command lines of a block, continued lines joined, without what stands behind them as a comment."""
    number, held = first, ""
    for line in text.splitlines():
        begun = f"{held} {line.strip()}" if held else line
        if begun.rstrip().endswith("\\"):
            held = begun.rstrip()[:-1].rstrip()
            number += 1
            continue
        held = ""
        if _COMMAND.match(begun.strip()):
            yield number, re.sub(r"\s+# .*", "", begun.strip().removeprefix("$ "))
        number += 1


def shell_examples() -> list[Example]:
    """Every command line in a fence of a page, in a verb's docstring, in a recipe's comment or in running text."""
    found: list[Example] = []
    for page in PAGES:
        for block in blocks(page):
            if block.language in ("", "bash", "sh", "shell", "console"):
                found += [
                    Example(block.page, line, "fence", one) for line, one in command_lines(block.text, block.line)
                ]
        found += _inline(page)
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
                text = ast.get_docstring(node, clean=True) or ""
                line = getattr(node, "lineno", 1)
                found += [Example(_name(path), line, "help", one) for _, one in command_lines(text, line)]
    for path in sorted((PACKAGE / "recipes").rglob("*.yaml")):
        comments = "\n".join(
            line.lstrip()[1:].strip() if line.lstrip().startswith("#") else ""
            for line in path.read_text(encoding="utf-8").splitlines()
        )
        found += [Example(_name(path), line, "comment", one) for line, one in command_lines(comments, 1)]
    return found


def python_examples() -> list[Block]:
    """Every fenced block of Python, and every block of `>>>` lines in a docstring as one."""
    found = [block for page in PAGES for block in blocks(page) if block.language == "python"]
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
                continue
            text = ast.get_docstring(node, clean=True) or ""
            lines = [line[4:] for line in text.splitlines() if re.match(r"(>>>|\.\.\.) ", line)]
            if lines:
                found.append(Block(_name(path), getattr(node, "lineno", 1), "doctest", "\n".join(lines)))
    return found


def _inline(page: Path) -> Iterator[Example]:
    fenced = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced:
            for code in re.findall(r"`([^`]+)`", line):
                if code.startswith("anyglot ") and len(code.split()) > 1:
                    yield Example(_name(page), number, "inline", code)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))

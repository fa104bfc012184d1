"""From a study's templates to its steps: every command line with its values, what it needs, and where it writes."""

from __future__ import annotations

import itertools
import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from anyglot.errors import UserError
from anyglot.experiments.study.file import Study, Template

_PLAIN = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_REFERENCE = re.compile(r"\{(step|file|path|recipe):([^{}\s]+)\}")
_ALL = "*"
_DEEPEST = 10
_LONGEST = 1_000_000


@dataclass(frozen=True)
class Step:
    """One process of a study.

    Attributes:
        number: From 1, in the order of the file.
        name: Of the step and of its folder: the template's, and its values of the lists.
        template: The name it has in the file.
        values: Its values of the lists.
        words: The command line; `{out}`, `{step:NAME}` and the other references still stand in it.
        needs: Names of the steps it reads.
        resume: Words to add after an interruption.
        reads: References beside those of the command; only its key depends on them.
        document: What is written into its folder as `input.json` before it begins; part of its key.
    """

    number: int
    name: str
    template: str
    words: tuple[str, ...]
    values: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    resume: tuple[str, ...] = ()
    says: str = ""
    reads: tuple[str, ...] = ()
    document: Mapping[str, Any] | None = None


def steps_of(study: Study) -> tuple[Step, ...]:
    """Write out the steps of a study, in an order in which each follows what it needs.

    Raises:
        UserError: A command names a variable or a step that there is not, or a later step.
    """
    steps: list[Step] = []
    for template in study.templates:
        known = tuple(steps)
        lists = [study.lists[name] for name in template.each]
        for combination in itertools.product(*lists):
            values = dict(zip(template.each, combination, strict=True))
            step = _step(study, template, values, known, len(steps) + 1)
            if any(step.name == other.name for other in steps):
                raise UserError(f"{study.origin}: two steps are called {step.name}; a list holds or is named twice.")
            steps.append(step)
    return tuple(steps)


def references(words: tuple[str, ...]) -> list[tuple[str, str]]:
    """Kind and name of every reference in a command, in order."""
    return [(found[1], found[2]) for word in words for found in _REFERENCE.finditer(word)]


def replaced(words: tuple[str, ...], out: str, value: Callable[[str, str], str]) -> tuple[str, ...]:
    """The words with `{out}` and every reference replaced, the latter by `value(kind, name)`."""
    return tuple(_REFERENCE.sub(lambda found: value(found[1], found[2]), word).replace("{out}", out) for word in words)


def _step(study: Study, template: Template, values: dict[str, str], known: tuple[Step, ...], number: int) -> Step:
    where = f"{study.origin}: steps.{template.name}"
    words = tuple(_filled(word, study, values, where) for word in _words(template.command, f"{where}.command"))
    needs: dict[str, None] = {}
    bound: list[str] = []
    for word in words:
        bound.append(_REFERENCE.sub(lambda found: _bound(found, template, values, known, needs, where), word))
    for name in template.after:
        matching = [step.name for step in known if name in (_ALL, step.template) and _agrees(step, values)]
        if not matching:
            raise UserError(f"{where}.after names {name}, which is no step above it.")
        needs |= dict.fromkeys(matching)
    name = "-".join([template.name, *values.values()])
    if any(step.name == name for step in known) or "/" in name or name.startswith("."):
        raise UserError(f"{where}: {name!r} cannot name a step's folder, or another step has it; rename it.")
    resume = tuple(_filled(word, study, values, where) for word in _words(template.resume, f"{where}.resume"))
    says = _filled(template.says, study, values, where)
    reads = tuple(_filled(word, study, values, where) for word in template.reads)
    document = _manifest(study, known) if _ALL in template.after else None
    return Step(number, name, template.name, tuple(bound), values, tuple(needs), resume, says, reads, document)


def _words(line: str, where: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UserError(f"{where}: {str(error).lower()}; close what you open.") from None


def _filled(text: str, study: Study, values: Mapping[str, str], where: str) -> str:
    """The text with its variables; a variable may hold others."""
    for _ in range(_DEEPEST):
        filled = _PLAIN.sub(lambda found: _value(found[1], study, values, where), text)
        if len(filled) > _LONGEST:  # a few variables of each other can stand for billions of characters
            raise UserError(f"{where}: its variables make a text of more than {_LONGEST:,} characters.")
        if filled == text:
            return text
        text = filled
    raise UserError(f"{where}: a variable holds itself in the end; found {text[:80]!r}.")


def _value(name: str, study: Study, values: Mapping[str, str], where: str) -> str:
    if name == "out":
        return "{out}"
    if name in values:
        return values[name]
    if name in study.variables:
        return study.variables[name]
    if name in study.lists:
        raise UserError(f"{where} uses {{{name}}}, a list; name it in the step's each.")
    known = ", ".join([*study.variables, *values, "out"])
    raise UserError(f"{where} uses {{{name}}}, which the study does not define; it has {known}.")


def _bound(
    found: re.Match[str],
    template: Template,
    values: Mapping[str, str],
    known: tuple[Step, ...],
    needs: dict[str, None],
    where: str,
) -> str:
    """A reference to a step by the template's name becomes one by the step's own."""
    kind, name = found[1], found[2]
    if kind != "step":
        return found[0]
    matching = [step for step in known if step.template == name and _agrees(step, values)]
    exact = [step for step in known if step.name == name]
    chosen = exact or matching
    if len(chosen) != 1:
        what = f"is {len(chosen)} steps, {', '.join(step.name for step in chosen)}" if chosen else "is no step above it"
        raise UserError(f"{where} reads {{step:{name}}}, which {what}; name one step, or share its lists in each.")
    needs[chosen[0].name] = None
    return f"{{step:{chosen[0].name}}}"


def _agrees(step: Step, values: Mapping[str, str]) -> bool:
    """Whether the lists that both have, have the same values in both."""
    return all(values.get(name, value) == value for name, value in step.values.items())


def _manifest(study: Study, known: tuple[Step, ...]) -> dict[str, Any]:
    """What a step that follows all others is told: which folder holds what."""
    steps = [
        {"name": step.name, "template": step.template, "values": dict(step.values), "words": list(step.words)}
        for step in known
    ]
    report = json.loads(json.dumps(study.report))
    return {
        "study": study.name,
        "file": "/".join(study.origin.parts[-2:]),  # as a bundled one is called; no more of where it lies
        "title": study.title,
        "variables": dict(study.variables),
        "report": report,
        "steps": steps,
    }

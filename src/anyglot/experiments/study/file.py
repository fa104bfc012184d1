"""A study's file: variables, lists and steps, laid over the study it extends, with `--set key=value` on top.

    study: mt_bridge_tiny                # what reports call it; marks the file as a study
    extends: study/mt_bridge_tiny        # one level: variables, lists and steps of the same name are laid over
    variables: {data: data, updates: 500}
    lists: {seed: [1, 2]}
    jobs: 1
    steps:
      lm:
        each: [seed]                     # one step for every value, or for every combination of several lists
        command: anyglot train {recipe:study/pretrain} seed={seed} --out {out}
        resume: --resume                 # further arguments when the step was interrupted before
      o2m: null                          # a step of the extended study that this one leaves out

In a command `{name}` is a variable or this step's value of a list; `{out}` its folder; `{step:NAME}` the folder of an
earlier step, with the same values of the lists both have; `{file:PATH}` a file, folder or pattern and `{recipe:NAME}` a
recipe, known by content; `{path:PATH}` a path that changes nothing, such as a folder of which `reads` names the parts
that count. Other braces are left as they are.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from anyglot.errors import UserError
from anyglot.runtime import yaml_text
from anyglot.runtime.untrusted_files import DOCUMENT, read_bytes
from anyglot.training.recipe.document import renamed

STUDY = "study"
_EXTENDS = "extends"
_TOP = (STUDY, "title", "variables", "lists", "jobs", "steps", "report")
_OF_STEP = ("each", "command", "resume", "says", "after", "reads")


@dataclass(frozen=True)
class Template:
    """A step before it is written out for every value of its lists.

    Attributes:
        each: Names of lists.
        command: The command line as the file has it.
        resume: Arguments to add when it goes on from an interruption.
        says: What it does, for people.
        reads: Files, as `{file:PATH}`, that it depends on and its command does not name one by one.
        after: Names of templates whose steps must all be done before, beside those the command names; "*": all above.
    """

    name: str
    command: str
    each: tuple[str, ...] = ()
    resume: str = ""
    says: str = ""
    after: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()


@dataclass(frozen=True)
class Study:
    """A study's file, read and checked."""

    name: str
    title: str
    variables: Mapping[str, str]
    lists: Mapping[str, tuple[str, ...]]
    templates: tuple[Template, ...]
    jobs: int = 1
    report: Mapping[str, Any] = field(default_factory=dict)
    origin: Path = Path()


def load_study(name_or_path: str, overrides: Sequence[str] = ()) -> Study:
    """Read a study: a YAML file, or the name of a bundled one such as "study/mt_bridge_tiny".

    Args:
        overrides: "key=value": a variable, a list, or a dotted key such as steps.lm.command.

    Raises:
        UserError: What is wrong, with the key, what was found and what to do.
    """
    path = find_study(name_or_path)
    values = _read(path)
    base = values.pop(_EXTENDS, None)
    if base is not None:
        beside = path.parent / str(base)
        below = _read(beside if beside.is_file() else find_study(str(base)))
        if _EXTENDS in below:
            raise UserError(f"{path} extends {base}, which extends another itself; one level is allowed.")
        values = _merged(below, values)
    for override in overrides:
        _override(values, override)
    return _checked(values, path)


def find_study(name_or_path: str) -> Path:
    """The file of a study, on disk or in the package."""
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    name = str(name_or_path).removesuffix(".yaml").removeprefix("recipes/")
    bundled = bundled_studies()
    name = renamed(name, bundled)
    if name in bundled:
        return bundled[name]
    near = difflib.get_close_matches(name, bundled, n=1, cutoff=0.3)
    hint = f"did you mean {near[0]}?" if near else f"the package has {', '.join(bundled)}."
    raise UserError(f"There is no study {name_or_path}, neither as a file nor in the package; {hint}")


def bundled_studies() -> dict[str, Path]:
    """Name -> file of every study in the package."""
    folder = Path(str(resources.files("anyglot"))) / "recipes" / STUDY
    return {f"{STUDY}/{path.stem}": path for path in sorted(folder.glob("*.yaml")) if is_study(path)}


def is_study(path: Path) -> bool:
    """Whether a YAML file is a study and not a recipe."""
    try:
        content = read_bytes(path, DOCUMENT)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from None
    return any(line.startswith(f"{STUDY}:".encode()) for line in content.splitlines())


def _read(path: Path) -> dict[str, Any]:
    values, _ = yaml_text.read(path)
    if not isinstance(values, dict) or STUDY not in values:
        raise UserError(f"{path} is no study: it has no key '{STUDY}'; `anyglot train` runs single recipes.")
    return values


def _merged(old: Any, new: Any) -> Any:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}


def _override(values: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator or not key.strip():
        raise UserError(f"`overrides` {override!r} is no setting; write key=value, such as data=../data.")
    value, _ = yaml_text.parse(text, f"`overrides` {key}")
    keys = key.strip().split(".")
    if len(keys) == 1:
        for section in ("variables", "lists"):
            if keys[0] in _names(values, section):
                keys = [section, keys[0]]
                break
        else:
            if keys[0] not in _TOP:
                known = [*_names(values, "variables"), *_names(values, "lists"), *_TOP]
                raise UserError(f"`overrides` {override}: the study has no {keys[0]!r}; it has {', '.join(known)}.")
    place = values
    for part in keys[:-1]:
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            raise UserError(f"`overrides` {override}: {part} is not a section of the study.")
    place[keys[-1]] = value


def _names(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    section = values.get(key)
    return section if isinstance(section, dict) else {}


def _checked(values: dict[str, Any], path: Path) -> Study:
    _refuse_unknown(values, _TOP, str(path))
    steps = values.get("steps")
    if not isinstance(steps, dict) or not steps:
        raise UserError(f"{path}: a study has steps; found {steps!r}.")
    lists = {
        str(name): _texts(items, f"{path}: lists.{name}") for name, items in _section(values, "lists", path).items()
    }
    variables = {str(name): _text(value) for name, value in _section(values, "variables", path).items()}
    twice = sorted(set(lists) & set(variables))
    if twice:
        raise UserError(f"{path}: {', '.join(twice)} is both a variable and a list; rename one.")
    jobs = values.get("jobs", 1)
    if not isinstance(jobs, int) or isinstance(jobs, bool) or jobs < 1:
        raise UserError(f"{path}: jobs is how many steps may run at once, 1 or more; found {jobs!r}.")
    templates = tuple(_template(str(name), step, lists, path) for name, step in steps.items() if step is not None)
    return Study(
        name=str(values[STUDY]),
        title=str(values.get("title", values[STUDY])),
        variables=variables,
        lists=lists,
        templates=templates,
        jobs=jobs,
        report=_section(values, "report", path),
        origin=path,
    )


def _template(name: str, step: Any, lists: Mapping[str, Sequence[str]], path: Path) -> Template:
    where = f"{path}: steps.{name}"
    if not isinstance(step, dict) or not isinstance(step.get("command"), str):
        raise UserError(f"{where} needs a command, such as: `anyglot train study/pretrain --out {{out}}`")
    _refuse_unknown(step, _OF_STEP, where)
    each = _texts(step.get("each", []), f"{where}.each")
    missing = [item for item in each if item not in lists]
    if missing:
        raise UserError(f"{where}.each names {', '.join(missing)}, but the study's lists are {', '.join(lists)}.")
    after = _texts(step.get("after", []), f"{where}.after")
    reads = _texts(step.get("reads", []), f"{where}.reads")
    return Template(name, step["command"], each, str(step.get("resume", "")), str(step.get("says", "")), after, reads)


def _section(values: Mapping[str, Any], key: str, path: Path) -> dict[str, Any]:
    section = values.get(key) or {}
    if not isinstance(section, dict):
        raise UserError(f"{path}: {key} is a mapping of names to values; found {section!r}.")
    return section


def _texts(items: Any, where: str) -> tuple[str, ...]:
    if not isinstance(items, list):
        raise UserError(f"{where} is a list such as [1, 2]; found {items!r}.")
    return tuple(_text(item) for item in items)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refuse_unknown(values: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}."
            raise UserError(f"{where}: unknown key '{key}'; {hint}")

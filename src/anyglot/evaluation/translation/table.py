"""The table of test sets a user writes, and their sentences.

    # tests.yaml
    - {source: de, target: en, files: [flores.de, flores.en]}
    - {name: tatoeba hi, source: hi, target: en, file: tatoeba.tsv, columns: [0, 1]}

Every entry is a `data.corpus.ParallelSource` with a name; paths are taken from the table's own folder.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from anyglot.data.corpus import ParallelSource, content_hash, read_parallel
from anyglot.errors import UserError
from anyglot.runtime import yaml_text


class TestSet(BaseModel):
    """One test set: where its sentences are and what to call it."""

    __test__ = False  # for pytest, which collects by name
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, description="how tables and files call it")
    pairs: ParallelSource

    @property
    def file_name(self) -> str:
        """The name as a file name."""
        return file_name_of(self.name)


@dataclass(frozen=True)
class TestSentences:
    """The sentences of a test set without the pairs of which a side is blank.

    Attributes:
        skipped: How many pairs were blank on a side.
        data_hash: SHA-256 of the raw files.
        input_hash: SHA-256 of the source sentences as they are translated.
    """

    __test__ = False

    sources: list[str]
    references: list[str]
    skipped: int
    data_hash: str
    input_hash: str


def read_tests(path: Path) -> tuple[TestSet, ...]:
    """Read a table of test sets from YAML (or JSON): a list of entries, or a mapping with the list under `tests`.

    Raises:
        UserError: The file is missing, no such list, or entries have mistakes; all of them are told at once.
    """
    try:
        content, _ = yaml_text.read(path)
    except UserError as error:
        raise UserError(f"{str(error).rstrip('.')}; give a YAML list of test sets, as in docs/evaluate.md") from error
    entries = content.get("tests") if isinstance(content, dict) else content
    if not isinstance(entries, list) or not entries:
        raise UserError(f"{path} holds no list of test sets; write one entry per test set, as in docs/evaluate.md")
    return parse_tests(entries, folder=path.parent, where=str(path))


def parse_tests(entries: list[Any], *, folder: Path, where: str) -> tuple[TestSet, ...]:
    """Check entries and resolve their paths.

    Raises:
        UserError: With every mistake of every entry, and on two test sets of one name.
    """
    tests: list[TestSet] = []
    mistakes: list[str] = []
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict):
            mistakes.append(f"entry {number} is not a mapping but {entry!r:.80}")
            continue
        fields = {str(key): value for key, value in entry.items() if key != "name"}
        try:
            pairs = ParallelSource.model_validate(fields).resolved(folder)
            tests.append(TestSet(name=str(entry.get("name") or pairs.name), pairs=pairs))
        except ValidationError as error:
            mistakes += [f"entry {number}: {_told(mistake)}" for mistake in error.errors()]
    if mistakes:
        raise UserError(f"{where} has mistakes: {'; '.join(mistakes)}")
    _check_names(tests, where)
    return tuple(tests)


def _told(mistake: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in mistake["loc"])
    if mistake["type"] == "extra_forbidden":
        near = get_close_matches(key, ["name", *ParallelSource.model_fields], n=1)
        return f"unknown key {key!r}" + (f", did you mean {near[0]!r}?" if near else "")
    message = str(mistake["msg"]).removeprefix("Value error, ")
    return f"{key}: {message}" if key else message


def _check_names(tests: list[TestSet], where: str) -> None:
    seen: dict[str, str] = {}
    for test in tests:
        # Case folded, because some file systems do not tell A from a.
        file_name = test.file_name.casefold()
        if file_name in seen:
            raise UserError(f"{where} has two test sets called {test.name!r}; give each entry a name of its own")
        seen[file_name] = test.name


def file_name_of(test: str) -> str:
    """A test set's name as a file name: other characters than letters, digits, `.`, `_` and `-` become `-`."""
    return re.sub(r"[^\w.-]+", "-", test).strip("-.") or "test"


def read_sentences(test: TestSet) -> TestSentences:
    """Read a test set.

    Raises:
        UserError: A fault of its files: missing, not UTF-8, unequal counts, empty.
    """
    sources, references, skipped = read_parallel(test.pairs)
    digest = hashlib.sha256()
    for sentence in sources:
        raw = sentence.encode("utf-8", "surrogatepass")
        digest.update(f"{len(raw)}\n".encode() + raw)
    return TestSentences(sources, references, skipped, content_hash(test.pairs), digest.hexdigest())

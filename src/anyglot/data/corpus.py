"""What a recipe says about a corpus, and the sentences in it.

    {source: de, target: en, files: [a.de, a.en]}           plain text, line i of both belong together
    {source: de, target: en, file: x.tsv, columns: [0, 1]}  tab-separated, columns counted from 0
    {source: de, target: en, file: x.jsonl, fields: [german, english]}
    {source: de, target: en, file: "hf:owner/name?split=train", fields: [translation.de, translation.en]}
    {language: de, file: a.txt.gz}
    {language: de, file: "phrasebook:sentences=20000&level=beginner"}      the embedded phrasebook, pairs likewise

Every file may end in `.gz`. Empty lines are skipped (in a pair: when either side is empty) and counted by who reads.
"""

import hashlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt, model_validator

from anyglot.data import phrasebook_text
from anyglot.data.huggingface import PREFIX, field_exists, parse_address, read_dataset
from anyglot.errors import UserError
from anyglot.text.languages import language
from anyglot.text.readers import kind_of, raw_hash, raw_lines, read_columns, read_fields, read_lines

ADDRESSES = (PREFIX, phrasebook_text.PREFIX)
"""How a location begins that is no file."""


def _language_code(value: Any) -> str:
    # YAML reads an unquoted `no` as false; nothing else can arrive here as False.
    code = "no" if value is False else value
    if not isinstance(code, str):
        raise ValueError(f"a language code is text such as de or deu_Latn, found {code!r}")
    try:
        return language(code).code
    except UserError as error:
        raise ValueError(str(error)) from error


def _columns(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


LanguageCode = Annotated[str, BeforeValidator(_language_code)]
Column = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


def place_of(text: str) -> float:
    """Where a text's hash lies in [0, 1), spaces at its ends aside: the same on any machine, in any corpus."""
    digest = hashlib.sha256(text.strip().encode("utf-8", "surrogatepass")).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


class _Source(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: PositiveInt | None = Field(None, description="use only the first so many lines or records")
    hash_part: Annotated[tuple[Share, Share] | None, BeforeValidator(_columns)] = Field(
        None, description="of these only the lines whose text (a pair: its target) has a hash in [from, to) of 0 to 1"
    )

    @model_validator(mode="after")
    def _check_part(self) -> Self:
        if self.hash_part is not None and self.hash_part[0] >= self.hash_part[1]:
            raise ValueError(f"hash_part is [from, to) with from below to, found {list(self.hash_part)}")
        return self

    def _wanted(self, text: str) -> bool:
        """Whether a line belongs to the part; a blank one always does, as it ends a document of any part."""
        if self.hash_part is None or not text.strip():
            return True
        return self.hash_part[0] <= place_of(text) < self.hash_part[1]


class ParallelSource(_Source):
    """Sentence pairs of two languages: two text files, or one TSV, JSON-lines or Hugging Face source."""

    source: LanguageCode = Field(description="language of the source side, in any common code")
    target: LanguageCode = Field(description="language of the target side")
    files: Annotated[tuple[str, str] | None, BeforeValidator(_columns)] = Field(
        None, description="source file and target file, one sentence a line"
    )
    file: str | None = Field(
        None, description="one .tsv or .jsonl file (also .gz), hf:owner/name?config=..&split=.. or phrasebook:.."
    )
    columns: Annotated[tuple[Column, Column] | None, BeforeValidator(_columns)] = Field(
        None, description="TSV: columns of source and target, from 0 (default 0, 1)"
    )
    fields: Annotated[tuple[str, str] | None, BeforeValidator(_columns)] = Field(
        None, description="JSON lines, Hugging Face: field names (default: the two codes)"
    )

    @model_validator(mode="after")
    def _check(self) -> "ParallelSource":
        if (self.files is None) == (self.file is None):
            raise ValueError("a pair of languages needs either files: [source, target] or file: x.tsv|x.jsonl|hf:...")
        if self.file is not None and _kind(self.file) == "text":
            raise ValueError(
                f"one file for two languages must be .tsv, .jsonl, hf:... or phrasebook:..., found {self.file!r}"
            )
        _check_options(self.file, self.columns is not None, self.fields is not None, "columns", "fields")
        _check_address(self.file, self.source, self.target)
        return self

    @property
    def name(self) -> str:
        """The pair, such as `de-en`."""
        return f"{self.source}-{self.target}"

    @property
    def locations(self) -> tuple[str, ...]:
        """The files or the one address this source reads."""
        return self.files if self.files is not None else (str(self.file),)

    def resolved(self, folder: Path) -> "ParallelSource":
        """The same source with relative paths taken from `folder`."""
        if self.files is not None:
            return self.model_copy(update={"files": tuple(_resolve(file, folder) for file in self.files)})
        return self.model_copy(update={"file": _resolve(str(self.file), folder)})

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Every pair in file order, blank ones included.

        Raises:
            UserError: A fault of the files; see `readers`. Unequal line counts are told with both counts.
        """
        for number, (source, target) in enumerate(self._all_pairs()):
            if self.limit is not None and number >= self.limit:
                return
            if self._wanted(target):
                yield source, target

    def _all_pairs(self) -> Iterator[tuple[str, ...]]:
        if self.files is not None:
            return _zip_lines(Path(self.files[0]), Path(self.files[1]))
        location = str(self.file)
        if _kind(location) == "tsv":
            return read_columns(Path(location), self.columns or (0, 1))
        if _kind(location) == "jsonl":
            return read_fields(Path(location), self.fields or (self.source, self.target))
        if _kind(location) == "phrasebook":
            return iter(phrasebook_text.read_phrasebook(location, self.source, self.target))
        return read_dataset(location, self.fields or self._dataset_fields(location))

    def _dataset_fields(self, address: str) -> tuple[str, str]:
        nested = (f"translation.{self.source}", f"translation.{self.target}")
        return nested if field_exists(address, nested[0]) else (self.source, self.target)


class MonolingualSource(_Source):
    """Sentences of one language in document order: a text, TSV, JSON-lines or Hugging Face source."""

    language: LanguageCode = Field(description="language of the text, in any common code")
    file: str = Field(
        description="text, .tsv or .jsonl file (also .gz), hf:owner/name?config=..&split=.. or phrasebook:.."
    )
    column: Column | None = Field(None, description="TSV: the column, from 0 (default 0)")
    field: str | None = Field(None, description="JSON lines, Hugging Face: the field name (default text)")

    @model_validator(mode="after")
    def _check(self) -> "MonolingualSource":
        _check_options(self.file, self.column is not None, self.field is not None, "column", "field")
        _check_address(self.file, self.language)
        return self

    @property
    def name(self) -> str:
        """The language's code."""
        return self.language

    @property
    def locations(self) -> tuple[str, ...]:
        """The one file or address this source reads."""
        return (self.file,)

    def resolved(self, folder: Path) -> "MonolingualSource":
        """The same source with relative paths taken from `folder`."""
        return self.model_copy(update={"file": _resolve(self.file, folder)})

    def sentences(self) -> Iterator[str]:
        """Every line in file order, blank ones included.

        Raises:
            UserError: A fault of the file; see `readers`.
        """
        for number, sentence in enumerate(self._all_sentences()):
            if self.limit is not None and number >= self.limit:
                return
            if self._wanted(sentence):
                yield sentence

    def _all_sentences(self) -> Iterator[str]:
        kind = _kind(self.file)
        if kind == "text":
            return read_lines(Path(self.file))
        if kind == "tsv":
            return (row[0] for row in read_columns(Path(self.file), (self.column or 0,)))
        if kind == "jsonl":
            return (row[0] for row in read_fields(Path(self.file), (self.field or "text",)))
        if kind == "phrasebook":
            return (row[0] for row in phrasebook_text.read_phrasebook(self.file, self.language))
        return (row[0] for row in read_dataset(self.file, (self.field or "text",)))


Source = ParallelSource | MonolingualSource


def rows(source: Source) -> Iterator[tuple[str, ...]]:
    """The sentences of a source as rows of one side (monolingual) or two (parallel), blank ones included."""
    if isinstance(source, ParallelSource):
        yield from source.pairs()
    else:
        for sentence in source.sentences():
            yield (sentence,)


def line_count(source: Source) -> int | None:
    """How many rows `rows` gives, of a part about; None for what is no file, where only reading tells.

    Raises:
        UserError: The file cannot be read (see `readers`).
    """
    if source.locations[0].startswith(ADDRESSES):
        return source.limit
    lines = sum(1 for _ in islice(raw_lines(Path(source.locations[0])), source.limit))
    low, high = source.hash_part or (0.0, 1.0)
    return round(lines * (high - low))


def read_parallel(source: ParallelSource) -> tuple[list[str], list[str], int]:
    """All pairs without those that have an empty side: source sentences, target sentences, pairs skipped.

    Raises:
        UserError: A fault of the files, or nothing left after the empty lines.
    """
    pairs = list(source.pairs())
    kept = [(left, right) for left, right in pairs if left.strip() and right.strip()]
    if not kept:
        raise nothing_left(source, len(pairs))
    return [left for left, _ in kept], [right for _, right in kept], len(pairs) - len(kept)


def read_monolingual(source: MonolingualSource) -> tuple[list[str], int]:
    """All sentences that are not empty, and how many empty ones were skipped.

    Raises:
        UserError: A fault of the file, or nothing left after the empty lines.
    """
    sentences = list(source.sentences())
    kept = [sentence for sentence in sentences if sentence.strip()]
    if not kept:
        raise nothing_left(source, len(sentences))
    return kept, len(sentences) - len(kept)


def content_hash(source: Source) -> str:
    """SHA-256 of the raw bytes of a source's files; of what has no file (Hugging Face, phrasebook), of its text.

    Raises:
        UserError: A file is missing or cannot be read.
    """
    if not source.locations[0].startswith(ADDRESSES):
        return raw_hash(tuple(Path(location) for location in source.locations))
    digest = hashlib.sha256()
    for row in rows(source):
        for text in row:
            raw = text.encode("utf-8", "surrogatepass")
            digest.update(f"{len(raw)}\n".encode() + raw)
    return digest.hexdigest()


def nothing_left(source: Source, lines: int) -> UserError:
    """The error for a source without one usable line."""
    return UserError(f"{' and '.join(source.locations)}: all {lines} lines are empty; there is nothing to learn from.")


def _zip_lines(source: Path, target: Path) -> Iterator[tuple[str, str]]:
    left, right = read_lines(source), read_lines(target)
    count = 0
    for line in left:
        other = next(right, None)
        if other is None:
            longer = count + 1 + sum(1 for _ in left)
            raise _unequal(source, longer, target, count)
        count += 1
        yield line, other
    rest = sum(1 for _ in right)
    if rest:
        raise _unequal(source, count, target, count + rest)


def _unequal(source: Path, source_lines: int, target: Path, target_lines: int) -> UserError:
    return UserError(
        f"Unequal line counts: {source} has {source_lines} lines, {target} has {target_lines}; "
        "line i of both must be the same sentence."
    )


def _kind(location: str) -> str:
    if location.startswith(phrasebook_text.PREFIX):
        return "phrasebook"
    return "dataset" if location.startswith(PREFIX) else kind_of(Path(location))


def _check_options(location: str | None, has_columns: bool, has_fields: bool, columns: str, fields: str) -> None:
    kind = "text" if location is None else _kind(location)
    if has_columns and kind != "tsv":
        raise ValueError(f"{columns} belongs to a .tsv file, found {location or 'files'!r}")
    if has_fields and kind not in ("jsonl", "dataset"):
        raise ValueError(f"{fields} belongs to a .jsonl file or an hf: source, found {location or 'files'!r}")


def _check_address(location: str | None, *languages: str) -> None:
    """Refuse an address that cannot be right while a recipe is read, and not when its text is wanted."""
    try:
        if location is not None and _kind(location) == "dataset":
            parse_address(location)
        elif location is not None and _kind(location) == "phrasebook":
            phrasebook_text.parse_address(location)
            phrasebook_text.check_speaks(*languages)
    except UserError as error:
        raise ValueError(str(error)) from error


def _resolve(location: str, folder: Path) -> str:
    if not location.startswith(ADDRESSES):
        return str(folder / Path(location).expanduser())
    name = location.removeprefix(PREFIX)
    if location.startswith(PREFIX) and name.startswith(("./", "../")):  # a local data set; owner/name is on the hub
        return f"{PREFIX}{folder / name}"
    return location

"""Reader of ranking: a query, a document and how well they go together, a row each; a query's rows stand together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from anyglot.evaluation.tasks.data_issues import FileIssues
from anyglot.evaluation.tasks.examples import TextExample
from anyglot.evaluation.tasks.tsv import Columns, joined_texts, label_of, rows


def ranked(
    path: Path, shapes: tuple[Columns, ...], labels: tuple[str, ...], faults: FileIssues, *, test: bool
) -> Iterator[tuple[int, TextExample]]:
    """The examples of a file, each with the number of its query's group: the item that is never divided.

    A group is a run of consecutive rows with one query, as XGLUE's official script takes it (method card 4.3). A query
    that comes again later is a new group, told as a fault that is no harm.
    """
    group = -1
    query: str | None = None
    seen: set[str] = set()
    for row in rows(path, shapes, faults, test=test):
        texts = joined_texts(row, faults)
        label = label_of(row, labels, faults) if texts is not None else None
        if texts is None or label is None:
            continue
        if texts[0] != query:
            group += 1
            query = texts[0]
            if query in seen:
                faults.add(row.line, "the query stood further up too; these rows are a group of their own", "mended")
            seen.add(query)
        yield group, TextExample(str(row.place), texts, label, f"{group}")

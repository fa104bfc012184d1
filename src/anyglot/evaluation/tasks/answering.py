"""Reader of question answering: SQuAD's JSON, as SQuAD 1.1, XQuAD, MLQA and TyDiQA-GoldP write it."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from anyglot.errors import UserError
from anyglot.evaluation.tasks.data_issues import FileIssues
from anyglot.evaluation.tasks.examples import Answer, QuestionExample
from anyglot.evaluation.tasks.line_io import shown
from anyglot.evaluation.tasks.tsv import distinct
from anyglot.runtime.untrusted_files import parse_json
from anyglot.runtime.untrusted_files import read_bytes as read_guarded

_LARGEST = 2**30
"""Bytes of a file, unpacked; it is read whole, and the largest known has 50 MB."""
UNKNOWN = "the file is not JSON to its end, so it is probably half downloaded"


def questions(
    path: Path, faults: FileIssues, *, test: bool, language: str = ""
) -> Iterator[tuple[int, QuestionExample]]:
    """The questions of a file, each with the place of its paragraph (from 0): questions on one text stay together.

    An answer that does not stand where the file says is looked for in the context: where it occurs, its nearest place
    is taken (a fault, mended); where not, the answer goes, and the question with it if it was the last.

    Args:
        test: Whether answers may be missing, as XTREME's preprocessing leaves its test files (empty answer texts).
        language: English name in lower case: only questions with ids such as `english-12-0` (TyDiQA's whole files).
    """
    ids: dict[str, int] = {}
    place = -1
    for number, context, record in _records(path, faults):
        if number == 0:
            place += 1
        if language and not str(record.get("id", "")).startswith(f"{language}-"):
            continue
        faults.rows += 1
        where = f"question {faults.rows} (id {shown(str(record.get('id', '')))})"
        example = question_example(record, context, where, faults, test=test)
        if example is None:
            continue
        name = distinct(example.id, ids, 0, faults)
        yield place, QuestionExample(name, example.question, context, example.answers)


def question_example(
    record: dict[str, Any], context: str, where: str, faults: FileIssues, *, test: bool
) -> QuestionExample | None:
    """A question as SQuAD's `qas` have it; None and a fault where it is of no use."""
    question, name, found = record.get("question"), record.get("id"), record.get("answers", [])
    if not isinstance(question, str) or not question.strip():
        faults.add(0, f"{where}: the question is missing or empty")
        return None
    if not isinstance(name, str | int) or not str(name):
        faults.add(0, f"{where}: the id is missing")
        return None
    if not context.strip():
        faults.add(0, f"{where}: the context is missing or empty")
        return None
    given = [answer for answer in found if isinstance(answer, dict)] if isinstance(found, list) else []
    if test and all(answer.get("text") in ("", None) for answer in given):
        return QuestionExample(str(name), question.strip(), context, ())
    answers = tuple(answer for item in given if (answer := _answer(item, context, where, faults)) is not None)
    if not answers:
        faults.add(0, f"{where}: none of its {len(given)} answers can be used")
        return None
    return QuestionExample(str(name), question.strip(), context, answers)


def _answer(item: dict[str, Any], context: str, where: str, faults: FileIssues) -> Answer | None:
    text, start = item.get("text"), item.get("answer_start")
    if not isinstance(text, str) or not text.strip():
        return None
    # White space around an answer is none of it; the place moves along.
    before = len(text) - len(text.lstrip())
    text = text.strip()
    start = start + before if isinstance(start, int) and not isinstance(start, bool) else -1
    if start >= 0 and context[start : start + len(text)] == text:
        return Answer(start, text)
    found = nearest(text, context, max(start, 0))
    if found < 0:
        faults.add(0, f"{where}: the answer {shown(text)} does not stand in the context", "mended")
        return None
    faults.add(0, f"{where}: the answer {shown(text)} stands at {found}, not {start}; put right", "mended")
    return Answer(found, text)


def nearest(text: str, context: str, start: int) -> int:
    """Where a text stands nearest to a place; -1 where it does not stand at all."""
    after = context.find(text, start)
    before = context.rfind(text, 0, start + len(text))
    if before < 0 or after < 0:
        return max(before, after)
    return after if after - start < start - before else before


def _records(path: Path, faults: FileIssues) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Number in the paragraph, context and record of each question."""
    data = _loaded(path, faults)
    articles = data.get("data") if isinstance(data, dict) else None
    if not isinstance(articles, list):
        if not faults.broken:
            faults.add(0, "the file has no list 'data', so it is not of SQuAD's format", "broken")
        return
    for article in articles:
        paragraphs = article.get("paragraphs") if isinstance(article, dict) else None
        for paragraph in paragraphs if isinstance(paragraphs, list) else [None]:
            records = paragraph.get("qas") if isinstance(paragraph, dict) else None
            if not isinstance(paragraph, dict) or not isinstance(records, list):
                faults.rows += 1
                faults.add(0, "an article or paragraph without 'paragraphs' or 'qas'")
                continue
            context = paragraph.get("context")
            for number, record in enumerate(records):
                yield (
                    number,
                    context if isinstance(context, str) else "",
                    record if isinstance(record, dict) else {},
                )


def _loaded(path: Path, faults: FileIssues) -> Any:
    """The file's JSON, which is read whole: it is one object. None and a fault where it cannot be read."""
    try:
        raw = read_guarded(path, _LARGEST)
        text = (_unpacked(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
    except UserError as error:
        faults.add(0, str(error), "broken")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        faults.add(0, f"the file is no sound gzip file ({error}), so it is probably half downloaded", "broken")
    except UnicodeDecodeError:
        faults.add(0, "the file is not UTF-8", "broken")
    except OSError as error:
        faults.add(0, f"the file cannot be read: {error.strerror or error}", "broken")
    else:
        try:
            return parse_json(text, unique_keys=True)
        except json.JSONDecodeError as error:
            # At the end of the text, it breaks off; elsewhere it is damaged.
            message = UNKNOWN if error.pos >= len(text) - 1 or "Unterminated" in error.msg else f"no JSON: {error.msg}"
            faults.add(error.lineno, message, "broken")
        except ValueError as error:
            faults.add(0, f"the file's JSON is not SQuAD's: {error}", "broken")
    return None


def _unpacked(raw: bytes) -> bytes:
    """What a gzip file holds, up to a limit: a few megabytes can stand for as many gigabytes.

    Raises:
        UserError: It holds more.
    """
    with gzip.GzipFile(fileobj=io.BytesIO(raw)) as stream:
        content = stream.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise UserError(f"the file unpacks to more than {_LARGEST:,} bytes, which SQuAD's files do not")
    return content

"""Readers of tagging: a word and its tag on a line, an empty line after each sentence; CoNLL and CoNLL-U too.

- PAN-X (WikiANN): words begin with their language, `de:Haus`; it is cut at the first colon, in files that do so.
- UD as XTREME converts it (method card 6.2): a fused word is one word, with the tag of its weightiest part; zero-width
  non-joiners and spaces inside words go; a sentence of underscores, or of them and one word, is left out.
- CoNLL 2002 and 2003: first and last column; `-DOCSTART-` is no sentence; IOB1 becomes IOB2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from anyglot.evaluation.tasks.data_issues import FileIssues
from anyglot.evaluation.tasks.examples import TaggedExample
from anyglot.evaluation.tasks.line_io import NOT_UTF8, numbered_lines, shown
from anyglot.runtime.untrusted_files import written_number

NON_JOINER = "\u200c"
# Stands for a word that is empty: the sentence keeps its length, and tokenizers have no piece for it.
NO_WORD = "\ufffd"

# The tag of a fused word is the first of these that one of its parts bears (the UD conversion tool XTREME runs).
_WEIGHT = "VERB NOUN PROPN PRON ADJ NUM ADV INTJ AUX ADP DET PART CCONJ SCONJ X PUNCT"
_WEIGHTS = {
    "es": "VERB AUX PRON ADP DET",
    "fr": "VERB AUX PRON NOUN ADJ ADV ADP DET PART SCONJ CONJ",
    "it": "VERB AUX ADV PRON ADP DET INTJ",
}


@dataclass(frozen=True)
class TagRules:
    """How the words and tags of a file are to be read.

    Args:
        separator: Between word and tag: a tab; "" stands for any white space (XGLUE, CoNLL).
        prefix: Language whose code and a colon may stand before each word; "": none does.
        underscores: Whether sentences of nothing but underscores are left out, as UD treebanks without their text have.
        iob1: Whether tags may be IOB1, where `I-X` may begin a name.
    """

    separator: str = "\t"
    prefix: str = ""
    underscores: bool = False
    iob1: bool = False


class _Word(NamedTuple):
    """A row: a plain tuple, since treebanks have millions."""

    line: int
    word: str
    tag: str | None


def tagged(
    path: Path, rules: TagRules, tags: tuple[str, ...], faults: FileIssues, *, test: bool
) -> Iterator[tuple[int, TaggedExample]]:
    """The sentences of a file, each with its place among the file's sentences (from 0), the bad ones counted in.

    Args:
        tags: The task's.
        test: Whether the file may come without tags, as XTREME's preprocessing leaves its test files.
    """
    place = -1
    labelled: bool | None = None if test else True
    prefixed: bool | None = None if rules.prefix else False
    for lines in _sentences(path, faults):
        words = [_word(line, text, rules) for line, text in lines]
        if not words or words[0].word == "-DOCSTART-":
            continue
        place += 1
        faults.rows += 1
        if labelled is None and words[0].word:
            labelled = any(word.tag is not None for word in words)
        if prefixed is None:
            prefixed = all(word.word.startswith(f"{rules.prefix}:") for word in words)
        sentence = _checked(words, labelled is not False, tags, rules, faults)
        if sentence is None:
            continue
        names = tuple(_clean(word, rules, prefixed, faults) for word in sentence)
        found = tuple(word.tag or "" for word in sentence) if labelled is not False else ()
        yield place, TaggedExample(str(place), names, iob2(found) if rules.iob1 else found)


def _checked(
    words: list[_Word], labelled: bool, tags: tuple[str, ...], rules: TagRules, faults: FileIssues
) -> list[_Word] | None:
    """The words if the sentence is sound; None and a fault if not."""
    for word in words:
        wrong = ""
        if word.tag == NOT_UTF8:
            wrong = NOT_UTF8
        elif labelled and word.tag is None:
            wrong = f"{shown(word.word)} has no tag, so there are {len(words)} words but fewer tags"
        elif not labelled and word.tag is not None:
            wrong = f"{shown(word.word)} has a tag, but words of the file's first sentence have none"
        elif labelled and word.tag not in tags:
            wrong = f"the tag {shown(word.tag or '')} is none of {', '.join(tags)}"
        if wrong:
            faults.add(word.line, f"{wrong}; its sentence is left out")
            return None
    bare = sum(word.word == "_" for word in words)
    # XTREME keeps a sentence with no underscore, or with two real words at least.
    if rules.underscores and bare and bare >= len(words) - 1:
        faults.add(words[0].line, "the sentence is nothing but underscores, and XTREME leaves such ones out")
        return None
    return words


def _clean(word: _Word, rules: TagRules, prefixed: bool, faults: FileIssues) -> str:
    text = word.word
    if prefixed and text.startswith(f"{rules.prefix}:"):
        text = text[len(rules.prefix) + 1 :].strip()
    # Of spaces only the plain one: that is what XTREME removes, and others do not divide the columns of its files.
    text = text.replace(NON_JOINER, "").replace(" ", "")
    if text:
        return text
    faults.add(word.line, f"an empty word; {NO_WORD} stands for it", "mended")
    return NO_WORD


def _word(line: int, text: str | None, rules: TagRules) -> _Word:
    """The word and tag of a line: its first cell and its last. A tag of None: there is one cell only."""
    if text is None:
        return _Word(line, "", NOT_UTF8)
    if rules.separator and rules.separator in text:
        word, _, tag = text.partition(rules.separator)
        return _Word(line, word.strip(), tag.strip())
    if rules.separator:
        return _Word(line, text.strip(), None)
    cells = text.split()
    return _Word(line, cells[0], cells[-1] if len(cells) > 1 else None)


def _sentences(path: Path, faults: FileIssues) -> Iterator[list[tuple[int, str | None]]]:
    """Runs of lines that are not blank, with their numbers."""
    sentence: list[tuple[int, str | None]] = []
    for number, line in numbered_lines(path, faults):
        if line is None or line.strip():
            sentence.append((number, line))
        elif sentence:
            yield sentence
            sentence = []
    if sentence and not faults.broken:
        # Where the file breaks off, so may its last sentence.
        yield sentence


def iob2(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Tags with `B-` at each name's beginning. IOB1 has it only between neighbours of one type; IOB2 stays as it is."""
    begun: list[str] = []
    for place, tag in enumerate(tags):
        before = tags[place - 1] if place else "O"
        starts = tag.startswith("I-") and before[2:] != tag[2:]
        begun.append(f"B-{tag[2:]}" if starts else tag)
    return tuple(begun)


def universal(path: Path, code: str, tags: tuple[str, ...], faults: FileIssues) -> Iterator[tuple[int, TaggedExample]]:
    """The sentences of a CoNLL-U file as XTREME reads them: a fused word (`3-4 zum`) stands for its parts.

    Args:
        code: The language: three have their own order of the tags a fused word may take.
    """
    weights = _WEIGHTS.get(code, _WEIGHT).split()
    place = -1
    for lines in _sentences(path, faults):
        place += 1
        faults.rows += 1
        words = _fused(lines, weights, faults)
        if words is None:
            continue
        sentence = _checked(words, True, tags, TagRules(underscores=True), faults)
        if sentence is None:
            continue
        names = tuple(_clean(word, TagRules(), False, faults) for word in sentence)
        yield place, TaggedExample(str(place), names, tuple(word.tag or "" for word in sentence))


def _fused(lines: list[tuple[int, str | None]], weights: list[str], faults: FileIssues) -> list[_Word] | None:
    """The words of a sentence with fused ones in the places of their parts; None and a fault where a row is no good."""
    words: list[_Word] = []
    ranges: list[tuple[int, int, _Word]] = []
    for number, line in lines:
        if line is not None and line.startswith("#"):
            continue
        cells = line.split("\t") if line is not None else []
        if len(cells) != 10:
            wrong = NOT_UTF8 if line is None else f"{len(cells)} tab-separated columns where there are to be 10"
            faults.add(number, f"{wrong}; its sentence is left out")
            return None
        start, _, end = cells[0].partition("-")
        first, last = written_number(start), written_number(end)
        if first is not None and last is not None:
            ranges.append((first, last, _Word(number, cells[1].strip(), None)))
        elif written_number(cells[0]) == len(words) + 1:
            words.append(_Word(number, cells[1].strip(), cells[3].strip()))
        elif "." not in cells[0]:
            faults.add(number, f"the word's number is {shown(cells[0])}; its sentence is left out")
            return None
    if not words:
        faults.add(lines[0][0], "the sentence has no words")
        return None
    for first_word, last_word, fused in reversed(ranges):
        parts = words[first_word - 1 : last_word]
        borne = {part.tag for part in parts}
        tag = next((tag for tag in weights if tag in borne), parts[0].tag if parts else None)
        words[first_word - 1 : last_word] = [_Word(fused.line, fused.word, tag)]
    return words

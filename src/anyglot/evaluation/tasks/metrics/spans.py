"""Precision, recall and F1 of spans: seqeval's reading of tags (conlleval's rules), micro-averaged.

A tag is taken apart into its first character and its type, what stands behind the first hyphen after that character.
A span begins where the first character says so (B, S; I and E after O or after an end) or where the type changes, and
ends likewise, so that an I- without a B- begins a span all the same. These are seqeval 1.2.2's rules in its lenient
mode, written as two tables over a whole part of a test set at once.

seqeval's older releases (before 1.0) kept the whole of a tag without a hyphen as its type. Scores of bare
part-of-speech tags differ between the two: see `legacy_pos.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from anyglot.evaluation.tasks.examples import Example
from anyglot.evaluation.tasks.metrics.accuracy import tags
from anyglot.evaluation.tasks.metrics.metric import ratio
from anyglot.evaluation.tasks.predictions import Prediction

# First characters that mean something; any other is the last one.
_MARKS = "OBIES."
_OTHER = len(_MARKS)
_OUTSIDE = 0


def _table(pairs: Iterable[str]) -> NDArray[np.bool_]:
    """(7, 7): whether something happens between a mark and the next one, whatever their types."""
    table = np.zeros((_OTHER + 1, _OTHER + 1), dtype=np.bool_)
    for pair in pairs:
        table[_MARKS.index(pair[0]), _MARKS.index(pair[1])] = True
    return table


_ENDS = _table(["BB", "BS", "BO", "IB", "IS", "IO"])
_ENDS[[_MARKS.index(mark) for mark in "ES"], :] = True
_STARTS = _table(["EE", "EI", "SE", "SI", "OE", "OI"])
_STARTS[:, [_MARKS.index(mark) for mark in "BS"]] = True
# A change of type begins or ends no span beside these.
_QUIET = np.array([mark in "O." for mark in _MARKS] + [False])


@dataclass(slots=True)
class _Place:
    """How far a test set has gone by: in tags, each sentence with one O more, and where spans last began."""

    tags: int = 0
    gold_start: int = 0
    own_start: int = 0


@dataclass(frozen=True, slots=True)
class Spans:
    """Counts spans; the unit is a sentence.

    A span is right if type, first and last word are. seqeval reads a test set as one sequence, and in it a span can
    end that never began: that of a tag with a first character that means nothing and no type ("X", "_") after O. It
    then reaches back to where a span last began, in an earlier sentence perhaps. So that such spans too count as
    they do there, and the same however a test set is cut into parts, a `Spans` keeps its place.
    """

    name: str = "span_f1"
    values: tuple[str, ...] = ("f1", "precision", "recall")
    statistics: tuple[str, ...] = ("right", "predicted", "gold")
    _place: _Place = field(default_factory=_Place, repr=False, compare=False)

    def of(self, examples: Sequence[Example], predictions: Sequence[Prediction]) -> NDArray[np.float64]:
        pairs = tags(examples, predictions)
        if not pairs:
            return np.zeros((0, len(self.statistics)))
        place = self._place
        types: dict[str, int] = {}
        gold = _read([sentence for sentence, _ in pairs], types, place.tags, place.gold_start)
        own = _read([sentence for _, sentence in pairs], types, place.tags, place.own_start)
        right = gold.ends & own.ends & (gold.types == own.types) & (gold.starts == own.starts)
        lengths = np.array([len(sentence) + 1 for sentence, _ in pairs])
        first = np.cumsum(lengths) - lengths
        counts = np.stack([right, own.ends, gold.ends], axis=1).astype(np.float64)
        place.tags += int(lengths.sum())
        place.gold_start, place.own_start = gold.last, own.last
        return np.add.reduceat(counts, first, axis=0)

    def value(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        right, predicted, gold = sums[..., 0], sums[..., 1], sums[..., 2]
        found = {
            "f1": ratio(2 * right, predicted + gold),
            "precision": ratio(right, predicted),
            "recall": ratio(right, gold),
        }
        return np.stack([found[name] for name in self.values], axis=-1)


@dataclass(frozen=True, slots=True)
class _Spans:
    """Spans of T tags, at the tag after their last one.

    Args:
        ends: Whether a span ended before this tag.
        types: Its type, an index.
        starts: Where in the test set it began.
        last: Where a span last began.

    Shape:
        ends, types, starts: (T,)
    """

    ends: NDArray[np.bool_]
    types: NDArray[np.int64]
    starts: NDArray[np.int64]
    last: int


def _read(sentences: Sequence[tuple[str, ...]], types: dict[str, int], offset: int, last: int) -> _Spans:
    """Find the spans of sentences, each with an O behind it.

    Args:
        types: Indices of types so far; new ones are added.
        offset: Place of the first tag in the test set.
        last: Where a span last began.
    """
    codes = {"O": (_OUTSIDE, types.setdefault("_", 0))}
    flat = [tag for sentence in sentences for tag in (*sentence, "O")]
    for tag in set(flat) - codes.keys():
        mark = _MARKS.find(tag[:1])
        kind = tag[1:].split("-", maxsplit=1)[-1] or "_"
        codes[tag] = (_OTHER if mark < 0 else mark, types.setdefault(kind, len(types)))
    # Before a test set, as before each part of it, there is an O.
    table = np.array([codes["O"], *(codes[tag] for tag in flat)], dtype=np.int64)
    marks, kinds = table[:, 0], table[:, 1]
    changed = kinds[:-1] != kinds[1:]
    ends = _ENDS[marks[:-1], marks[1:]] | (~_QUIET[marks[:-1]] & changed)
    starts = _STARTS[marks[:-1], marks[1:]] | (~_QUIET[marks[1:]] & changed)
    began = np.maximum.accumulate(np.concatenate([[last], np.where(starts, offset + np.arange(len(flat)), last)]))
    return _Spans(ends, kinds[:-1], began[:-1], int(began[-1]))

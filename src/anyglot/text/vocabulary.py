"""Which tokens one side of a model needs, and the report on what that choice costs.

| question | function |
|---|---|
| the tokens of a text, or the fewest that cover a share of it | `choose_by_counts`, from `count_tokens` |
| all tokens written in some scripts | `choose_by_scripts` |
| how well a choice covers a text | `coverage` |
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anyglot.errors import UserError
from anyglot.runtime.files import write_text
from anyglot.runtime.untrusted_files import DAMAGE, LARGE, read_json, whole_number
from anyglot.text.protocols import TextTokenizer
from anyglot.text.scripts import is_written_in, script_of, scripts_of

_FORMAT = "anyglot-vocabulary-1"
# A script with fewer of a text's letters than this is a foreign name here and there, not what the text is written in.
_SCRIPT_SHARE = 0.01
_CHUNK = 10_000
_MOST_ROWS = 10_000_000  # of a table; the largest known has 1,000,000


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Some tokens of a tokenizer, numbered anew by their place; special tokens are always among them.

    Attributes:
        ids: Kept token ids, ascending, (C,).
        full_size: Tokens there are, V.
        tokenizer: Fingerprint of the tokenizer the ids belong to.
    """

    ids: NDArray[np.int64]
    full_size: int
    tokenizer: str

    def __post_init__(self) -> None:
        inside = len(self.ids) > 0 and self.ids[0] >= 0 and self.ids[-1] < self.full_size
        if not inside or bool((np.diff(self.ids) <= 0).any()):
            raise ValueError(f"a vocabulary is ascending ids within 0..{self.full_size - 1}")

    def __len__(self) -> int:
        return len(self.ids)

    def holds(self, ids: Sequence[int] | NDArray[Any]) -> NDArray[np.bool_]:
        """Which of these ids of the full table are kept; (N,) -> (N,)."""
        kept = np.zeros(self.full_size, dtype=np.bool_)
        kept[self.ids] = True
        return kept[np.asarray(ids, dtype=np.int64)]

    def compact(self, ids: Sequence[int] | NDArray[Any]) -> NDArray[np.int64]:
        """Ids of the full table -> places among the kept ones; (N,) -> (N,).

        Raises:
            ValueError: An id is not kept.
        """
        wanted = np.asarray(ids, dtype=np.int64)
        places = np.searchsorted(self.ids, wanted)
        found = self.ids[np.minimum(places, len(self) - 1)] == wanted
        if not bool(found.all()):
            raise ValueError(f"token {int(wanted[~found][0])} is not kept")
        return places.astype(np.int64)

    def full(self, places: Sequence[int] | NDArray[Any]) -> NDArray[np.int64]:
        """Places among the kept ids -> ids of the full table; (N,) -> (N,)."""
        return self.ids[np.asarray(places, dtype=np.int64)]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the choice."""
        content = f"{_FORMAT} {self.full_size} {self.tokenizer}\n".encode() + self.ids.astype("<i8").tobytes()
        return hashlib.sha256(content).hexdigest()

    def save(self, path: Path) -> None:
        """Write the choice as JSON: runs of consecutive ids as [first, last]."""
        breaks = np.flatnonzero(np.diff(self.ids) > 1)
        firsts = self.ids[np.concatenate([[0], breaks + 1])]
        lasts = self.ids[np.concatenate([breaks, [len(self) - 1]])]
        document = {
            "format": _FORMAT,
            "full_size": self.full_size,
            "kept": len(self),
            "tokenizer": self.tokenizer,
            "fingerprint": self.fingerprint,
            "runs": np.stack([firsts, lasts], axis=1).tolist(),
        }
        write_text(path, json.dumps(document) + "\n")

    @classmethod
    def load(cls, path: Path, tokenizer: TextTokenizer) -> Vocabulary:
        """Read what `save` wrote, for this tokenizer.

        Raises:
            UserError: There is no such file, it is damaged, or it was made for another tokenizer.
        """
        try:
            document = read_json(path, LARGE)
        except FileNotFoundError:
            raise UserError(f"The vocabulary {path} cannot be read: there is no such file.") from None
        if not isinstance(document, dict) or document.get("format") != _FORMAT:
            raise UserError(f"{path} is no vocabulary of this package; make one with `anyglot data vocabulary`.")
        try:
            full_size = whole_number(document["full_size"], 1, _MOST_ROWS)
            ends = [(whole_number(first), whole_number(last)) for first, last in document["runs"]]
            if sum(last + 1 - first for first, last in ends) > full_size or any(last < first for first, last in ends):
                raise ValueError("more rows than there are")
            runs = [range(first, last + 1) for first, last in ends]
            ids = np.fromiter((id for run in runs for id in run), dtype=np.int64)
            vocabulary = cls(ids, full_size, str(document["tokenizer"]))
        except DAMAGE:
            raise UserError(f"The vocabulary {path} is damaged; make it again.") from None
        if vocabulary.fingerprint != document.get("fingerprint"):
            raise UserError(f"The vocabulary {path} is damaged, its content and its hash differ; make it again.")
        if vocabulary.tokenizer != tokenizer.fingerprint:
            raise UserError(f"The vocabulary {path} was made for another tokenizer; make it again with this model.")
        return vocabulary


def count_tokens(
    texts: Iterable[str], encode: Callable[[Sequence[str]], list[list[int]]], tokenizer: TextTokenizer
) -> NDArray[np.int64]:
    """How often each token occurs in the texts; (V,).

    Args:
        encode: `tokenizer.encode` for what a model reads, `tokenizer.encode_target` for what it writes.
    """
    counts = np.zeros(tokenizer.vocabulary_size, dtype=np.int64)
    for ids in _encoded(texts, encode):
        counts += np.bincount(np.fromiter((id for row in ids for id in row), dtype=np.int64), minlength=len(counts))
    return counts


def choose_by_counts(
    counts: NDArray[np.int64], tokenizer: TextTokenizer, *, share: float = 1.0, minimum: int = 1
) -> Vocabulary:
    """The smallest set of tokens, the most frequent first, that covers a share of all occurrences.

    Args:
        counts: Of every token, see `count_tokens`.
        share: How much of the text the kept tokens must make up: 1 keeps all that occur.
        minimum: Tokens that occur less often are left out, whatever `share` says.

    Shape:
        counts: (V,)

    Raises:
        UserError: No token occurs, or the numbers are out of range.
    """
    if not 0 < share <= 1 or minimum < 1:
        raise UserError(f"coverage must lie in (0, 1] and the minimum at 1 or above, not {share} and {minimum}.")
    total = int(counts.sum())
    if total == 0:
        raise UserError("there is no text to choose a vocabulary from; give at least one line that is not blank.")
    order = np.argsort(-counts, kind="stable")  # among equals the lower id
    needed = int(np.searchsorted(np.cumsum(counts[order]), share * total * (1 - 1e-12))) + 1
    chosen = order[:needed]
    return with_specials(chosen[counts[chosen] >= minimum], tokenizer)


def choose_by_scripts(scripts: Sequence[str], tokenizer: TextTokenizer) -> Vocabulary:
    """All tokens without a letter or mark of another script; punctuation, digits and symbols belong to all.

    Raises:
        UserError: A script nobody knows.
    """
    wanted = scripts_of(scripts)
    pieces = tokenizer.pieces(range(tokenizer.vocabulary_size))
    kept = [id for id, piece in enumerate(pieces) if is_written_in(piece, wanted)]
    return with_specials(np.asarray(kept, dtype=np.int64), tokenizer)


def single_characters(scripts: Sequence[str], tokenizer: TextTokenizer) -> NDArray[np.int64]:
    """Tokens of one character of these scripts or of none: with them every word of the scripts can be spelt."""
    wanted = scripts_of(scripts)
    pieces = tokenizer.pieces(range(tokenizer.vocabulary_size))
    kept = [id for id, piece in enumerate(pieces) if len(piece) == 1 and is_written_in(piece, wanted)]
    return np.asarray(kept, dtype=np.int64)


def with_specials(ids: NDArray[np.int64], tokenizer: TextTokenizer) -> Vocabulary:
    """These tokens, the special ones, the unknown one, and those that somebody added to the tokenizer."""
    always = np.asarray([*tokenizer.special_ids, tokenizer.unknown_id, *tokenizer.added_ids], dtype=np.int64)
    kept = np.unique(np.concatenate([ids.astype(np.int64), always]))
    return Vocabulary(kept, tokenizer.vocabulary_size, tokenizer.fingerprint)


def written_scripts(counts: NDArray[np.int64], tokenizer: TextTokenizer) -> tuple[str, ...]:
    """The scripts a text is written in: those with at least 1 % of its letters, by the tokens' counts."""
    letters: dict[str, int] = {}
    occurring = np.flatnonzero(counts)
    for piece, count in zip(tokenizer.pieces(occurring.tolist()), counts[occurring].tolist(), strict=True):
        for character in piece:
            script = script_of(character)
            if script is not None:
                letters[script] = letters.get(script, 0) + count
    total = sum(letters.values())
    return tuple(sorted(script for script, count in letters.items() if count >= _SCRIPT_SHARE * total))


@dataclass(frozen=True)
class Coverage:
    """How much of a text a vocabulary holds.

    Attributes:
        sentences: Lines that are not blank.
        tokens: Their tokens in the full vocabulary.
        lost: Those that are not kept.
        damaged: Sentences with at least one of them.
        unknown: Tokens that were unknown before anything was left out.
    """

    sentences: int
    tokens: int
    lost: int
    damaged: int
    unknown: int

    @property
    def token_share(self) -> float:
        """Of the tokens, those that are kept; 1 for no text."""
        return 1 - self.lost / self.tokens if self.tokens else 1.0

    @property
    def sentence_share(self) -> float:
        """Of the sentences, those that are kept whole; 1 for no text."""
        return 1 - self.damaged / self.sentences if self.sentences else 1.0


def coverage(vocabulary: Vocabulary, texts: Iterable[str], tokenizer: TextTokenizer) -> Coverage:
    """How well a vocabulary covers a text."""
    kept = np.zeros(vocabulary.full_size, dtype=np.bool_)
    kept[vocabulary.ids] = True
    sentences = tokens = lost = damaged = unknown = 0
    for batch in _encoded(texts, tokenizer.encode):
        for row in batch:
            if not row:
                continue
            ids = np.asarray(row)
            missing = int((~kept[ids]).sum())
            sentences, tokens, lost = sentences + 1, tokens + len(ids), lost + missing
            damaged += missing > 0
            unknown += int((ids == tokenizer.unknown_id).sum())
    return Coverage(sentences, tokens, lost, damaged, unknown)


def _encoded(texts: Iterable[str], encode: Callable[[Sequence[str]], list[list[int]]]) -> Iterable[list[list[int]]]:
    chunk: list[str] = []
    for text in texts:
        chunk.append(text)
        if len(chunk) == _CHUNK:
            yield encode(chunk)
            chunk = []
    if chunk:
        yield encode(chunk)

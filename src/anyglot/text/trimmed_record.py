"""What a trimmed folder says of itself, and what becomes of text it can no longer read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from anyglot.errors import UserError
from anyglot.runtime.files import write_json
from anyglot.runtime.untrusted_files import read_json, text_of, understood, whole_number
from anyglot.text.protocols import TextTokenizer

FILE = "trimmed.json"
# Above this share of unreadable characters a translation would be made up.
REFUSED_SHARE = 0.5


class UnreadableWarning(UserWarning):
    """Some texts hold characters a trimmed model does not know."""


@dataclass(frozen=True)
class Record:
    """`trimmed.json` of a model folder.

    Attributes:
        rows: Tokens that were kept.
        full_rows: Tokens there were.
        scripts: Scripts that can be spelt, by Unicode's names.
        full_tokenizer: Fingerprint of the tokenizer before.
    """

    rows: int
    full_rows: int
    scripts: tuple[str, ...]
    full_tokenizer: str

    def save(self, folder: Path) -> None:
        """Write it."""
        write_json(folder / FILE, asdict(self))

    @classmethod
    def load(cls, folder: Path) -> Record | None:
        """Read a folder's record; None where there is none: the model is whole.

        Raises:
            UserError: It is damaged.
        """
        try:
            raw = read_json(folder / FILE)
        except FileNotFoundError:
            return None
        with understood(folder / FILE, "copy the model folder again"):
            if not isinstance(raw["scripts"], list):
                raise ValueError("scripts is no list")
            scripts = tuple(map(text_of, raw["scripts"]))
            full_rows = whole_number(raw["full_rows"], 1)
            return cls(whole_number(raw["rows"], 1, full_rows), full_rows, scripts, text_of(raw["full_tokenizer"]))

    def check(self, texts: Sequence[str], tokenizer: TextTokenizer) -> int:
        """Look for text the model cannot read.

        Returns:
            How many of the texts hold an unknown character.

        Raises:
            UserError: More than half of all characters are unknown.
        """
        unreadable = unreadable_texts(texts, tokenizer)
        total = sum(_characters(text) for text in texts)
        share = sum(unreadable) / total if total else 0.0
        if share > REFUSED_SHARE:
            raise UserError(
                f"{share:.0%} of the text's characters are unknown to this model, which was trimmed to "
                f"{', '.join(self.scripts)}: translate with the full model, or trim it again with the script you need."
            )
        return sum(count > 0 for count in unreadable)


def unreadable_texts(texts: Sequence[str], tokenizer: TextTokenizer) -> list[int]:
    """How many characters of each text, spaces apart, become unknown tokens.

    A run of unknown characters is one token, so tokens are no measure: the texts are read back without the unknown
    ones, and what is missing is counted.
    """
    encoded = tokenizer.encode(texts)
    missing = [0] * len(texts)
    damaged = [number for number, ids in enumerate(encoded) if tokenizer.unknown_id in ids]
    known = [[id for id in encoded[number] if id != tokenizer.unknown_id] for number in damaged]
    for number, kept, back in zip(damaged, known, tokenizer.decode(known), strict=True):
        length = _characters(texts[number])
        # At least one for each unknown token: normalizing may have made the text longer.
        lost = max(length - _characters(back), len(encoded[number]) - len(kept))
        missing[number] = min(length, lost)
    return missing


def _characters(text: str) -> int:
    return len("".join(text.split()))

"""What a trimmed folder says of itself, and what becomes of text it can no longer read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from anyglot.data.protocols import TextTokenizer
from anyglot.errors import UserError

FILE = "trimmed.json"
# Above this share of unreadable characters a translation would be made up.
REFUSED_SHARE = 0.5


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
        (folder / FILE).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Record | None:
        """Read a folder's record; None where there is none: the model is whole.

        Raises:
            UserError: It is damaged.
        """
        try:
            raw = json.loads((folder / FILE).read_text(encoding="utf-8"))
            scripts = tuple(str(script) for script in raw["scripts"])
            return cls(int(raw["rows"]), int(raw["full_rows"]), scripts, str(raw["full_tokenizer"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError, KeyError, TypeError) as error:
            raise UserError(f"{folder / FILE} cannot be read ({error}): copy the model folder again.") from None

    def check(self, texts: Sequence[str], tokenizer: TextTokenizer) -> str | None:
        """Look for text the model cannot read.

        Returns:
            A warning if some of the texts' characters are unknown; None if all are known.

        Raises:
            UserError: More than half of them are.
        """
        share = unreadable_share(texts, tokenizer)
        if share == 0:
            return None
        keeps = f"this model was trimmed to {', '.join(self.scripts)}"
        if share > REFUSED_SHARE:
            raise UserError(
                f"{share:.0%} of the text's characters are unknown: {keeps}. Translate with the full model, or trim it "
                "again with the script that is wanted."
            )
        return f"{share:.1%} of the text's characters are unknown and lost in translation: {keeps}."


def unreadable_share(texts: Sequence[str], tokenizer: TextTokenizer) -> float:
    """The share of characters, spaces apart, that become unknown tokens.

    A run of unknown characters is one token, so tokens are no measure: the texts are read back without the unknown
    ones, and what is missing is counted.
    """
    encoded = tokenizer.encode(texts)
    if not any(tokenizer.unknown_id in ids for ids in encoded):
        return 0.0
    known = [[id for id in ids if id != tokenizer.unknown_id] for ids in encoded]
    total = missing = 0
    for text, ids, kept, back in zip(texts, encoded, known, tokenizer.decode(known), strict=True):
        length = _characters(text)
        total += length
        if len(kept) < len(ids):
            # At least one for each unknown token: normalising may have made the text longer.
            missing += min(length, max(length - _characters(back), len(ids) - len(kept)))
    return missing / total if total else 0.0


def _characters(text: str) -> int:
    return len("".join(text.split()))

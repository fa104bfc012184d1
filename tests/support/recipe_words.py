"""A language of seven words, which a tiny model learns in seconds."""

from __future__ import annotations

import random
from pathlib import Path

WORDS = {
    "hund": "dog",
    "katze": "cat",
    "mann": "man",
    "sieht": "sees",
    "isst": "eats",
    "brot": "bread",
    "haus": "house",
}


def write_words(folder: Path, **counts: int) -> None:
    """Write `SPLIT.de` and `SPLIT.en`, translations word by word, with so many lines of two to six words each."""
    draw = random.Random(1)
    for split, count in counts.items():
        german = [draw.choices(list(WORDS), k=draw.randint(2, 6)) for _ in range(count)]
        (folder / f"{split}.de").write_text("".join(" ".join(line) + "\n" for line in german))
        (folder / f"{split}.en").write_text("".join(" ".join(WORDS[word] for word in line) + "\n" for line in german))

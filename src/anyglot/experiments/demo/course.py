"""What a demo teaches whom, from how much, and what it trains: plain values that `run.py` follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

SIXT, FT_ALL, SCRATCH = "SixT+", "ft-all", "from scratch"


@dataclass(frozen=True)
class Leg:
    """One training of a course.

    Args:
        recipe: Name of a bundled recipe.
        folder: Where its run lies, in the demo's folder.
        announced: What is said when it begins.
        reads: Monolingual text of every language, or sentence pairs of the supervised ones.
        settings: Overrides of the recipe; `{out}` is the demo's folder, `{start}` the pretrained encoder.
        label: What tables call the translator; None for what only serves others.
        key: What the names of its scores in `summary.json` begin with.
    """

    recipe: str
    folder: str
    announced: str
    reads: Literal["text", "pairs"] = "pairs"
    settings: tuple[str, ...] = ()
    label: str | None = None
    key: str = ""


@dataclass(frozen=True)
class Course:
    """Who learns what, and from how much.

    Args:
        supervised: Source languages with parallel text.
        zero_shot: Source languages that never have any.
        level: The phrasebook's level.
        pairs: Sentence pairs of each supervised language; each draws its own.
        legs: What is trained, in order. The first with a label is what the demo is about; the last is compared with.
        monolingual: Sentences of each language for pretraining; no two languages draw the same ones. 0: none.
        held_out: Sentences of each language's validation and test set.
        start: The pretrained encoder to start from, by name or folder; None: the course pretrains one itself.
        trimmed: Whether `trimmed/` holds the start with the tokens of the demo's text only.
        unseen: Whether the sentences of `unseen.tsv` are translated too.
        longest: Most tokens of a translation: a rival that has learned little repeats itself until it is stopped.
    """

    supervised: tuple[str, ...]
    zero_shot: tuple[str, ...]
    level: str
    pairs: int
    legs: tuple[Leg, ...]
    target: str = "en"
    monolingual: int = 0
    held_out: int = 200
    start: str | None = None
    trimmed: bool = False
    unseen: bool = False
    longest: int = 200

    @property
    def sources(self) -> tuple[str, ...]:
        return self.supervised + self.zero_shot

    @property
    def languages(self) -> tuple[str, ...]:
        return (self.target, *self.sources)

    @property
    def translators(self) -> tuple[Leg, ...]:
        """The legs whose models translate."""
        return tuple(leg for leg in self.legs if leg.label is not None)


# The six auxiliary languages of the SixT+ paper, and all others that the phrasebook has.
PRETRAINED = Course(
    supervised=("de", "es", "fi", "hi", "ru", "zh"),
    zero_shot=("nl", "sv", "it", "pt", "fr", "uk", "tr"),
    level="full",
    pairs=4_000,
    start="multilingual-e5-small",
    trimmed=True,
    unseen=True,
    longest=64,
    legs=(
        Leg(
            "demo/sixt",
            "sixt",
            "SixT+ from {supervised} into {target}",
            settings=("method.start={start}", "stages.decoder.encoder_cache={out}/cache/states"),
            label=SIXT,
        ),
        Leg(
            "demo/ft_all",
            "ft-all",
            "the same network, all of it trained at once (ft-all)",
            settings=("method.start={out}/trimmed",),
            label=FT_ALL,
            key="ft_all_",
        ),
        Leg(
            "demo/transformer",
            "transformer",
            "a Transformer from scratch",
            settings=("tokenizer={out}/trimmed",),
            label=SCRATCH,
            key="scratch_",
        ),
    ),
)

FROM_SCRATCH = Course(
    supervised=("de", "es", "ru"),
    zero_shot=("nl", "it", "uk"),
    level="beginner",
    pairs=10_000,
    monolingual=20_000,
    legs=(
        Leg(
            "tiny/masked_language",
            "encoder",
            "pretraining an encoder on monolingual text of all of them",
            reads="text",
        ),
        Leg(
            "tiny/sixt",
            "sixt",
            "SixT+ from {supervised} into {target}",
            settings=("method.start={out}/encoder",),
            label=SIXT,
        ),
        Leg(
            "tiny/transformer",
            "transformer",
            "the same network from scratch, for comparison",
            settings=("tokenizer={out}/encoder",),
            label=SCRATCH,
            key="scratch_",
        ),
    ),
)


def listed(codes: Sequence[str]) -> str:
    """("de", "es", "ru") -> "de, es and ru"."""
    return ", ".join(codes[:-1]) + f" and {codes[-1]}" if len(codes) > 1 else codes[0]

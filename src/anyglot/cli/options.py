"""The options that several verbs have, each defined once, and the panels of the help they stand in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

TEXT = "Text and languages"
MODEL = "Model"
SEARCH = "Search"
TRAINING = "Fine-tuning"
SCORES = "Scores and comparisons"
MACHINE = "Machine"

TRANSLATOR_ARGUMENT = Annotated[
    str, typer.Argument(help="A model folder (such as a finished run's), a known name, or a hub name.", metavar="MODEL")
]
ENCODERS_ARGUMENT = Annotated[
    list[str], typer.Argument(help="Model folders or hub names, any encoder.", metavar="MODEL...")
]
DEVICE = Annotated[
    str | None,
    typer.Option("--device", help="cpu, cuda, cuda:1; default: a GPU if any.", rich_help_panel=MACHINE),
]
PRECISION = Annotated[
    str, typer.Option("--precision", help="auto, fast, fp32, bf16, int8 or fp16.", rich_help_panel=MACHINE)
]
ENCODER_PRECISION = Annotated[
    str, typer.Option("--precision", help="auto, fp32, bf16 or fp16.", rich_help_panel=MACHINE)
]
CACHE = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        help="Folder of vectors already made; default: in the user's cache.",
        metavar="FOLDER",
        rich_help_panel=MACHINE,
    ),
]
NO_CACHE = Annotated[
    bool,
    typer.Option("--no-cache", help="Embed everything anew and remember nothing.", rich_help_panel=MACHINE),
]
BATCH_TOKENS = Annotated[
    int,
    typer.Option("--batch-tokens", help="Source tokens translated at a time.", metavar="N", rich_help_panel=MACHINE),
]
REPORT_FOLDER = Annotated[Path, typer.Option("--out", "-o", help="Folder of the report and of all that is kept.")]
BASELINE = Annotated[
    str | None,
    typer.Option("--baseline", help="A model to compare with, paired.", metavar="MODEL", rich_help_panel=SCORES),
]
AGAINST = Annotated[
    Path | None,
    typer.Option(
        "--against",
        help="What to compare with: another evaluation's folder, or a file of translations.",
        metavar="PATH",
        rich_help_panel=SCORES,
    ),
]
RESAMPLES = Annotated[
    int, typer.Option("--resamples", min=0, max=100_000, help="Bootstrap resamples; 0: none.", rich_help_panel=SCORES)
]
SEED = Annotated[int, typer.Option("--seed", min=0, help="Seed of all that is drawn at random.")]
LANGUAGES = Annotated[
    str,
    typer.Option("--languages", "-l", help="Only these, e.g. de,zh; default: all there are.", rich_help_panel=TEXT),
]
TASKS = Annotated[
    str, typer.Option("--tasks", help="Only these tasks, e.g. xnli,udpos; without --suite any.", metavar="NAMES")
]
BEAM = Annotated[
    int | None,
    typer.Option("--beam", help="Hypotheses per sentence: 5, or 1 for ctc.", metavar="N", rich_help_panel=SEARCH),
]
MAX_LENGTH = Annotated[
    int,
    typer.Option(
        "--max-length", help="Most tokens of a translation; it is cut there.", metavar="N", rich_help_panel=SEARCH
    ),
]
MAX_SENTENCE_LENGTH = Annotated[int, typer.Option("--max-length", help="Most tokens of a sentence.", metavar="N")]
POOLING = Annotated[
    str | None,
    typer.Option(
        "--pooling",
        help="mean (default), mean_words (without special tokens) or first (CLS).",
        metavar="NAME",
        rich_help_panel=MODEL,
    ),
]
SET = Annotated[
    list[str] | None,
    typer.Option("--set", help="A further setting (the docs list them); repeatable.", metavar="KEY=VALUE"),
]
CORPUS = Annotated[
    list[Path] | None, typer.Option("--corpus", help="Text such as the model will read or write; repeatable.")
]
SCRIPTS = Annotated[str, typer.Option("--scripts", help="Scripts to keep, e.g. Latin,Cyrillic.")]
SCRIPTS_OF = Annotated[str, typer.Option("--languages", help="Keep the scripts of these, e.g. de,uk.")]
COVERAGE = Annotated[float, typer.Option("--coverage", help="Share of the corpus's tokens to keep.")]
MINIMUM_COUNT = Annotated[int, typer.Option("--minimum-count", help="Drop tokens that occur less often.")]
RECIPE = Annotated[str, typer.Argument(help="A YAML file, a finished run's folder, or a bundled recipe's name.")]
OVERRIDES = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Dotted keys of the recipe, values as in YAML.")
]


def listed(text: str) -> tuple[str, ...]:
    """ "a, b" -> ("a", "b")."""
    return tuple(part.strip() for part in text.split(",") if part.strip())

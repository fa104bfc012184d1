"""The further settings of verbs, which `--set KEY=VALUE` gives."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from anyglot.runtime.options import Options
from anyglot.text.lines import MAX_CHARACTERS

NotNegative = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Resamples = Annotated[int, Field(ge=0, le=100_000)]


class SourceSettings(Options):
    """What becomes of long sources; see `SearchSettings`."""

    max_source_length: int | None = None
    overlong: str | None = None


class TranslateSettings(SourceSettings):
    """Of `anyglot translate`."""

    batch_tokens: int = 4096
    max_characters: int = MAX_CHARACTERS


class EvaluateTranslationSettings(SourceSettings):
    """Of `anyglot evaluate translation`.

    Attributes:
        max_length: Most tokens of a translation.
        tokenizer: BLEU's, for all languages, such as flores200.
        resamples: Of the bootstrap; 0: none.
        seed: Of the bootstrap and of the samples drawn.
        samples: Sample translations in the report.
        candidates: With --off-target the only languages to tell apart, such as de,en,fr.
        comet: Python of an environment with unbabel-comet, to score with COMET.
        comet_model: COMET's model: a name or a checkpoint.
        latency: Whether to time the models, one sentence at a time and 32 at a time.
    """

    max_length: int = 200
    tokenizer: str | None = None
    resamples: Resamples = 1000
    seed: NotNegative = 12345
    samples: NotNegative = 10
    candidates: str | None = None
    comet: Path | None = None
    comet_model: str | None = None
    latency: bool = False


class EvaluateTasksSettings(Options):
    """Of `anyglot evaluate tasks`, beside the settings of fine-tuning.

    Attributes:
        select: Epoch that is kept: english, mean (of all dev sets) or last.
        train_language: The one to train on.
        translate_train: Folder of translated training files.
        translator: A model that translates the training set.
        few_shot: Examples of each test language that are added.
        search: A grid that is searched by dev score: veco, veco-translate, tiny.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.
    """

    select: str | None = None
    train_language: str = "en"
    translate_train: Path | None = None
    translator: str | None = None
    few_shot: Positive | None = None
    search: str | None = None
    resamples: Resamples = 1000
    seed: NotNegative = 12345


class RetrievalSettings(Options):
    """Of both retrieval verbs.

    Attributes:
        k: Neighbors a margin looks at.
        duplicates: What counts, or becomes, of equal sentences.
        max_length: Most tokens of a sentence.
        seed: Of the halves that are tuned on.
        resamples: Of the bootstrap; 0: none.
    """

    k: Positive | None = None
    duplicates: str | None = None
    max_length: int | None = None
    seed: NotNegative = 1
    resamples: Resamples = 1000


class TatoebaSettings(RetrievalSettings):
    """Of `anyglot evaluate tatoeba`.

    Attributes:
        gold: Folder of the gold rows of XTREME's sorted files.
    """

    gold: Path | None = None


class BuccSettings(RetrievalSettings):
    """Of `anyglot evaluate bucc`.

    Attributes:
        retrieval: Which pairs are candidates: max, forward, backward or intersection.
        tune: Without a split to tune on: half (each half on the other), or oracle.
        tune_data: Folder of the split to tune on.
    """

    retrieval: str | None = None
    tune: str | None = None
    tune_data: Path | None = None


class MineSettings(Options):
    """Of `anyglot mine`.

    Attributes:
        ids: Whether lines are an id, a tab and a sentence; ids then stand in the output.
        k: Neighbors whose mean cosine a pair's is held against.
        margin: ratio, distance or absolute.
        rule: max, forward, backward or intersection.
        index: exact, ivf (faiss) or auto: exact up to 2M x 2M sentences.
        max_length: Most tokens of a sentence; the rest is cut off.
        search_precision: Of the search's products: auto, fp32 or bf16; the pairs are the same.
        block: Sentences searched for, and saved, at a time; the pairs are the same.
    """

    ids: bool = False
    k: int = 4
    margin: str = "ratio"
    rule: str = "max"
    index: str = "auto"
    max_length: int = 512
    search_precision: str = "auto"
    block: int = 1024

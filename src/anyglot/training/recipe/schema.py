"""What a recipe may say: frozen models that refuse unknown keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

import pydantic
from pydantic import Field, model_validator

from anyglot.data.corpus import ParallelSource
from anyglot.data.infilling import InfillingOptions
from anyglot.data.options import DataOptions
from anyglot.errors import UserError
from anyglot.text.language_groups import written_languages
from anyglot.text.scripts import scripts_of
from anyglot.training.loop.options import (
    BEST,
    CheckpointOptions,
    Options,
    RuntimeOptions,
    StageOptions,
    TrackingOptions,
    ValidationOptions,
)
from anyglot.training.methods import METHODS
from anyglot.training.methods.base import Kind, Method

if TYPE_CHECKING:

    class MethodOptions(pydantic.BaseModel):
        """What the options of all methods have."""

        name: str
else:
    # Every method's options have a literal `name`; with it pydantic picks the class and says which key is wrong in it.
    MethodOptions = Annotated[Union[tuple(method.Options for method in METHODS.values())], Field(discriminator="name")]  # noqa: UP007


class TokenizerTraining(Options):
    """A tokenizer learned for this run (Unigram SentencePiece in XLM-R's layout)."""

    vocabulary_size: int = Field(ge=8, description="Ids in all, the five special ones included.")
    files: tuple[Path, ...] | None = Field(default=None, description="Texts to learn from; none: the training data.")
    input_sentences: int = Field(default=200_000, ge=1, description="Sentences learned from, drawn uniformly.")
    character_coverage: float = Field(default=0.9995, gt=0, le=1, description="Rarer characters become <unk>.")


class LearnedTokenizer(Options):
    """`tokenizer: {train: {...}}`."""

    train: TokenizerTraining


class TargetVocabulary(Options):
    """Which tokens the output has; all else is left out of the softmax, in training and in translation."""

    coverage: float = Field(default=1.0, gt=0, le=1, description="Share of the text that the kept tokens make up.")
    minimum_count: int = Field(default=1, ge=1, description="Tokens that occur less often are left out.")
    files: tuple[Path, ...] | None = Field(
        default=None, description="Texts to choose from; none: the target side of the training data."
    )
    scripts: tuple[str, ...] | None = Field(default=None, description="All tokens of these scripts, whatever occurs.")
    file: Path | None = Field(default=None, description="A choice made before with `anyglot data vocabulary`.")
    outside: Literal["refuse", "unknown"] = Field(
        default="refuse", description="Targets that are not kept: refuse the data, or learn <unk> in their place."
    )

    @model_validator(mode="after")
    def _one_way(self) -> TargetVocabulary:
        ways = [name for name in ("files", "scripts", "file") if getattr(self, name) is not None]
        if len(ways) > 1:
            raise ValueError(f"{' and '.join(ways)} each choose a vocabulary; keep one of them")
        if ways in (["scripts"], ["file"]) and (self.coverage < 1 or self.minimum_count > 1):
            raise ValueError(f"coverage and minimum_count count a text, but {ways[0]} chooses without one")
        if self.scripts is not None:
            try:
                scripts_of(self.scripts)
            except UserError as error:
                raise ValueError(str(error)) from None
        return self


class VocabularyOptions(Options):
    """`vocabulary: {target: {...}}`; without it the output has the full table."""

    target: TargetVocabulary | None = None


class Recipe(Options):
    """One run, in full: what `anyglot train` is given and what it saves beside the model."""

    name: str = Field(min_length=1, description="What reports call the run.")
    seed: int = Field(default=1, ge=0, lt=2**32, description="Weights, order of data, masks and dropout follow it.")
    method: MethodOptions
    tokenizer: LearnedTokenizer | str | None = Field(
        default=None, description="Folder, SentencePiece file or hub name; none: the tokenizer of method.start."
    )
    data: DataOptions
    vocabulary: VocabularyOptions = VocabularyOptions()
    stages: dict[str, StageOptions]
    validation: ValidationOptions = ValidationOptions()
    checkpoints: CheckpointOptions = CheckpointOptions()
    runtime: RuntimeOptions = RuntimeOptions()
    tracking: TrackingOptions = TrackingOptions()

    @model_validator(mode="after")
    def _parts_fit(self) -> Recipe:
        if self.tokenizer is None and self.start is None:
            raise ValueError(
                "a method that starts from no model needs a tokenizer: give tokenizer: PATH, "
                "or tokenizer: {train: {vocabulary_size: 8000}}"
            )
        for name, stage in self.stages.items():
            if stage.batch_tokens is not None and stage.batch_tokens < self.data.max_length:
                raise ValueError(
                    f"stages.{name}.batch_tokens {stage.batch_tokens} is below data.max_length {self.data.max_length}"
                )
        self._check_targets()
        if self.vocabulary.target is not None and self.kind != "translation":
            raise ValueError("vocabulary.target restricts what a translation is written with; leave it out here")
        if self.data.bilingual is not None and self.kind != "segments":
            raise ValueError("data.bilingual is for methods in which pairs take turns with text; leave it out here")
        if self.validation.metric == "score":
            raise ValueError("validation.metric score is that of an understanding task; take loss, bleu or chrf here")
        validated = self.data.validation or self.data.validation_split is not None
        if self.validation.metric != "loss" and not validated:
            raise ValueError(f"validation.metric {self.validation.metric} needs data.validation")
        if self.checkpoints.finish == BEST and not validated:
            raise ValueError("checkpoints.finish best needs data.validation; without it finish with last or average:N")
        return self

    @property
    def kind(self) -> Kind:
        """What the method learns from."""
        return METHODS[self.method.name].kind

    def build_method(self) -> Method:
        """The method with its options."""
        return METHODS[self.method.name](self.method)

    @property
    def start(self) -> str | None:
        """The model the method starts from, if it is such a method."""
        return getattr(self.method, "start", None)

    @property
    def target_languages(self) -> tuple[str, ...]:
        """The languages of a many-to-many method's target projection, in the order of its rows."""
        return getattr(self.method, "target_languages", ())

    @property
    def groups(self) -> tuple[str, ...]:
        """Labels of the method's parts that belong to languages (`text/language_groups.py`)."""
        return getattr(self.method, "groups", ())

    @property
    def infilling(self) -> InfillingOptions | None:
        """What a denoising method does to its text."""
        return getattr(self.method, "infilling", None)

    def _check_targets(self) -> None:
        """A translator writes one language, or those it has projections or parts of its own for."""
        written, listed = self.written, set(self.target_languages)
        if listed and written - listed:
            raise ValueError(
                f"data has pairs into {', '.join(sorted(written - listed))}, but method.target_languages lists "
                f"{', '.join(self.target_languages)}; add what is missing or leave the pairs out"
            )
        apart = written_languages(self.groups) if self.groups else None
        if len(written) > 1 and not listed and apart is None and self.kind == "translation":
            if self.groups:
                raise ValueError(
                    f"data has pairs into {', '.join(sorted(written))}, but the group '*' serves them all and cannot "
                    f"tell which language is wanted; set method.groups to [{', '.join(sorted(written))}]"
                )
            if hasattr(METHODS[self.method.name], "frames"):
                return  # its start may have language tokens: `training/recipe/templates.py` looks once it is there
            several = hasattr(self.method, "target_languages")
            raise ValueError(
                f"data has pairs into {', '.join(sorted(written))}, but "
                f"{'without method.target_languages' if several else 'with this method'} a model cannot tell which "
                f"language is wanted; {'list them there' if several else 'train a model for each'}"
            )

    @property
    def written(self) -> set[str]:
        """The target languages of the data's pairs."""
        sources = (*self.data.train, *self.data.validation)
        return {source.target for source in sources if isinstance(source, ParallelSource)}

    def document(self) -> dict[str, Any]:
        """As plain JSON and YAML values, every default spelt out; `Recipe.model_validate` gives an equal recipe."""
        return self.model_dump(mode="json")

"""What a recipe says about data."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, PositiveInt, Tag, model_validator

from anyglot.data.corpus import MonolingualSource, ParallelSource


def _kind(value: Any) -> str:
    if isinstance(value, MonolingualSource):
        return "monolingual"
    return "monolingual" if isinstance(value, dict) and "language" in value else "parallel"


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


AnySource = Annotated[
    Annotated[ParallelSource, Tag("parallel")] | Annotated[MonolingualSource, Tag("monolingual")], Discriminator(_kind)
]
Sources = Annotated[tuple[AnySource, ...], BeforeValidator(_tuple)]


class BilingualOptions(BaseModel):
    """What is otherwise for sentence pairs when they take turns with monolingual text; null: as for the text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_tokens: PositiveInt | None = None
    max_sentences: PositiveInt | None = None
    max_length: Annotated[int, Field(ge=8)] | None = None
    temperature: Annotated[float, Field(gt=0)] | None = None
    epoch_samples: PositiveInt | None = None
    mask_rate: Annotated[float, Field(gt=0, le=1)] | None = None


class ValidationSplit(BaseModel):
    """How much of each training corpus is held out to validate on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    share: Annotated[float, Field(gt=0, lt=1)] = Field(0.02, description="of each corpus' lines")
    most: PositiveInt = Field(1000, description="lines of a corpus, about, where the share would be more")


class DataOptions(BaseModel):
    """Corpora and how batches are made of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: Sources = Field(min_length=1, description="corpora to learn from")
    validation: Sources = Field((), description="corpora the loss is measured on")
    validation_split: ValidationSplit | None = Field(
        None, description="split validation off the training corpora, by a hash of the (target) text"
    )
    batch_tokens: PositiveInt = Field(4096, description="padded tokens of a micro-batch, on its larger side")
    max_sentences: PositiveInt | None = Field(None, description="rows of a micro-batch at most; null: no limit")
    max_length: int = Field(512, ge=8, description="tokens of a sentence at most, special tokens included")
    overlong: Literal["drop", "truncate"] = Field("drop", description="what happens to longer sentences (counted)")
    temperature: float = Field(5.0, gt=0, description="1 draws by size, larger draws more evenly (SixT+ eq. 1)")
    epoch_samples: PositiveInt | None = Field(None, description="samples of an epoch; null: all, two million at most")
    window: PositiveInt = Field(65_536, description="samples that are sorted by length together")
    pack: bool = Field(True, description="masked-LM: fill rows with consecutive sentences")
    mask_rate: float = Field(0.15, gt=0, le=1, description="masked-LM: share of tokens to predict")
    bilingual: BilingualOptions | None = Field(None, description="pairs beside text: lengths, batches, mask rate")
    workers: int = Field(1, ge=0, description="threads that prepare batches ahead; the order never depends on it")
    cache: Path | None = Field(None, description="folder of tokenised corpora; null: the user's cache folder")

    @model_validator(mode="after")
    def _check(self) -> "DataOptions":
        if self.batch_tokens < self.max_length:
            raise ValueError(
                f"batch_tokens {self.batch_tokens} is below max_length {self.max_length}, so one sentence may not fit; "
                "raise the one or lower the other"
            )
        if self.validation and self.validation_split is not None:
            raise ValueError("validation lists corpora and validation_split makes some; keep one of them")
        pairs = self.for_pairs()
        if pairs.batch_tokens < pairs.max_length:
            raise ValueError(
                f"for sentence pairs batch_tokens is {pairs.batch_tokens}, below max_length {pairs.max_length}; set "
                "bilingual.batch_tokens or bilingual.max_length"
            )
        return self

    def for_pairs(self) -> "DataOptions":
        """The options under which sentence pairs are batched where they take turns with monolingual text."""
        if self.bilingual is None:
            return self
        return self.model_copy(update=self.bilingual.model_dump(exclude_none=True))

    def resolved(self, folder: Path) -> "DataOptions":
        """The same options with relative paths taken from `folder`."""
        return self.model_copy(
            update={
                "train": tuple(source.resolved(folder) for source in self.train),
                "validation": tuple(source.resolved(folder) for source in self.validation),
                "cache": None if self.cache is None else folder / self.cache.expanduser(),
            }
        )

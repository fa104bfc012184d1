"""From a recipe's data options to loaders."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypedDict, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from anyglot.data import batch_makers
from anyglot.data.batch import MaskedBatch, SegmentBatch, TextBatch, TranslationBatch
from anyglot.data.blocks import DocumentBlocks
from anyglot.data.corpus import ParallelSource, Source
from anyglot.data.infilling import InfillingOptions, infilling_of
from anyglot.data.loader import Alternation, BatchT, Collate, CorpusFacts, Loader, Position
from anyglot.data.options import DataOptions
from anyglot.data.samples import TextSamples, TranslationSamples
from anyglot.data.sampling import samples_per_corpus, temperature_weights
from anyglot.data.segments import AdjacentSegments, ParallelSegments
from anyglot.data.store import TokenisedCorpus, tokenise
from anyglot.errors import UserError
from anyglot.text.language_groups import group_of
from anyglot.text.protocols import TextTokenizer
from anyglot.text.templates import Frame, Frames, plain_frame

__all__ = ["DataOptions", "Loader", "Position", "build_loader", "build_validation"]

_LARGEST_EPOCH = 2_000_000
Progress = Callable[[str, int, int | None], None]
Kind = Literal["translation", "denoising", "masked", "text", "segments"]
TextLoader = Loader[MaskedBatch] | Loader[TextBatch]
AnyLoader = Loader[TranslationBatch] | TextLoader | Loader[SegmentBatch] | Alternation[SegmentBatch]
AnySamples = TranslationSamples | TextSamples | AdjacentSegments | ParallelSegments | DocumentBlocks


class Parts(TypedDict, total=False):
    """What the batches must fit besides the data.

    Attributes:
        target_languages: Languages of a model's target projection, in the order of its rows from 1 on. Batches then
            tell the row of each of their rows.
        groups: Labels of a model's parts that belong to languages (`text/language_groups.py`). Batches then tell the
            group of each of their rows.
        frames: What stands around sentences, by direction; None: `<s> x </s>` and `</s> y`.
        infilling: The noise of `denoising`; None: mBART's.
    """

    target_languages: Sequence[str]
    groups: Sequence[str]
    frames: Frames | None
    infilling: InfillingOptions | None


@overload
def build_loader(
    options: DataOptions,
    kind: Literal["translation", "denoising"],
    tokenizer: TextTokenizer,
    seed: int,
    rank: int = ...,
    world: int = ...,
    accumulation: int = ...,
    progress: Progress | None = ...,
    **parts: Unpack[Parts],
) -> Loader[TranslationBatch]: ...


@overload
def build_loader(
    options: DataOptions,
    kind: Literal["masked"],
    tokenizer: TextTokenizer,
    seed: int,
    rank: int = ...,
    world: int = ...,
    accumulation: int = ...,
    progress: Progress | None = ...,
    **parts: Unpack[Parts],
) -> Loader[MaskedBatch]: ...


@overload
def build_loader(
    options: DataOptions,
    kind: Literal["segments"],
    tokenizer: TextTokenizer,
    seed: int,
    rank: int = ...,
    world: int = ...,
    accumulation: int = ...,
    progress: Progress | None = ...,
    **parts: Unpack[Parts],
) -> Loader[SegmentBatch] | Alternation[SegmentBatch]: ...


@overload
def build_loader(
    options: DataOptions,
    kind: Kind,
    tokenizer: TextTokenizer,
    seed: int,
    rank: int = ...,
    world: int = ...,
    accumulation: int = ...,
    progress: Progress | None = ...,
    **parts: Unpack[Parts],
) -> AnyLoader: ...


def build_loader(
    options: DataOptions,
    kind: Kind,
    tokenizer: TextTokenizer,
    seed: int,
    rank: int = 0,
    world: int = 1,
    accumulation: int = 1,
    progress: Progress | None = None,
    **parts: Unpack[Parts],
) -> AnyLoader:
    """The training data: every corpus read, checked, tokenised (or found in the cache) and laid out.

    Args:
        kind: `translation` takes pairs only. `masked` takes monolingual text, and pairs as rows `<s> x </s> y </s>`;
            `text` the same without holes. `segments` takes both, as pairs of segments; an update is of the one or of
            the other, in turns. `denoising` takes monolingual text: blocks of sentences, damaged, and as they were.
        progress: Called with a corpus's name, the lines tokenised so far and all there are (see `tokenise`); not for
            what lies in the cache.
        parts: See `Parts`.

    Raises:
        UserError: Any fault of a corpus, a kind of corpus that does not fit, a target language that is not among
            `target_languages` where there are any, or a tokenizer without a mask token.
    """
    if options.batch_tokens < options.max_length:  # a stage may have lowered the budget after the options were checked
        raise UserError(
            f"batch_tokens {options.batch_tokens} is below data.max_length {options.max_length}, so a sentence may not "
            "fit; raise the one or lower the other."
        )
    pairs = options.for_pairs()
    if kind == "segments" and pairs.batch_tokens < pairs.max_length:
        raise UserError(
            f"batch_tokens {pairs.batch_tokens} is below data.bilingual.max_length {pairs.max_length}, so a sentence "
            "pair may not fit; set data.bilingual.batch_tokens or a lower max_length."
        )
    corpora = _corpora(options.train, kind, tokenizer, options.cache, progress)
    share = _Share(rank, world, accumulation)
    return _loader(options, kind, tokenizer, seed, corpora, share, parts)


def build_validation(
    options: DataOptions,
    kind: Kind,
    tokenizer: TextTokenizer,
    progress: Progress | None = None,
    **parts: Unpack[Parts],
) -> dict[str, AnyLoader]:
    """One loader for each validation language or pair, whose `epoch()` runs over every sample exactly once.

    Masks are the same in every call: seed and epoch are fixed. Sentences that are too long are left out or cut as in
    training.
    """
    corpora = _corpora(options.validation, kind, tokenizer, options.cache, progress)
    names = dict.fromkeys(corpus.name for corpus in corpora)
    loaders: dict[str, AnyLoader] = {}
    for name in names:
        group = [corpus for corpus in corpora if corpus.name == name]
        loaders[name] = _loader(options, kind, tokenizer, 0, group, None, parts)
    return loaders


def _loader(
    options: DataOptions,
    kind: Kind,
    tokenizer: TextTokenizer,
    seed: int,
    corpora: Sequence[TokenisedCorpus],
    share: "_Share | None",
    parts: Parts,
) -> AnyLoader:
    if kind == "translation":
        return _pair_loader(options, tokenizer, seed, corpora, share, parts)
    if kind == "segments":
        return _segment_loader(options, tokenizer, seed, corpora, share)
    if kind == "denoising":
        return _block_loader(options, tokenizer, seed, corpora, share, parts)
    return _text_loader(options, kind, tokenizer, seed, corpora, share)


def _corpora(
    sources: Sequence[Source],
    kind: Kind,
    tokenizer: TextTokenizer,
    cache: Path | None,
    progress: Progress | None,
) -> list[TokenisedCorpus]:
    corpora = []
    for number, source in enumerate(sources, start=1):
        if kind == "translation" and not isinstance(source, ParallelSource):
            raise UserError(
                f"Translation learns from sentence pairs, but {source.file} is one language; give source, target."
            )
        if kind == "denoising" and isinstance(source, ParallelSource):
            raise UserError(
                f"Denoising learns from text of one language at a time, but {source.locations[0]} belongs to sentence "
                "pairs; give language and file."
            )
        place = f" ({number} of {len(sources)})" if len(sources) > 1 else ""
        tell = None if progress is None else partial(progress, source.name + place)
        corpora.append(tokenise(source, tokenizer, cache, tell))
    return corpora


@dataclass(frozen=True)
class _Share:
    """Which part of every update this process takes."""

    rank: int = 0
    world: int = 1
    accumulation: int = 1


def _pair_loader(
    options: DataOptions,
    tokenizer: TextTokenizer,
    seed: int,
    corpora: Sequence[TokenisedCorpus],
    share: _Share | None,
    parts: Parts,
) -> Loader[TranslationBatch]:
    rows = _projection_rows(corpora, parts.get("target_languages", ()))
    places = _group_places(corpora, parts.get("groups", ()))
    frames = _frames(corpora, tokenizer, parts)
    samples = [
        TranslationSamples(corpus, options.max_length, options.overlong, frame.sizes)
        for corpus, frame in zip(corpora, frames, strict=True)
    ]
    collate = batch_makers.translation(samples, tokenizer, frames, rows, places)
    return _assembled(options, tokenizer, seed, samples, collate, share)


def _block_loader(
    options: DataOptions,
    tokenizer: TextTokenizer,
    seed: int,
    corpora: Sequence[TokenisedCorpus],
    share: _Share | None,
    parts: Parts,
) -> Loader[TranslationBatch]:
    infilling = infilling_of(parts.get("infilling") or InfillingOptions(), tokenizer)
    rows = _projection_rows(corpora, parts.get("target_languages", ()))
    frames = _frames(corpora, tokenizer, parts)
    samples = [
        DocumentBlocks(corpus, options.max_length, options.overlong, options.pack, frame)
        for corpus, frame in zip(corpora, frames, strict=True)
    ]
    collate = batch_makers.denoising(samples, tokenizer, frames, rows, infilling, seed)
    return _assembled(options, tokenizer, seed, samples, collate, share)


def _frames(corpora: Sequence[TokenisedCorpus], tokenizer: TextTokenizer, parts: Parts) -> list[Frame]:
    """What stands around the sentences of each corpus; one language is source and target of itself."""
    given = parts.get("frames")
    if given is None:
        return [plain_frame(tokenizer)] * len(corpora)
    return [given(corpus.languages[0], corpus.languages[-1]) for corpus in corpora]


def _projection_rows(corpora: Sequence[TokenisedCorpus], target_languages: Sequence[str]) -> NDArray[np.int64] | None:
    """Row of the target projection of every corpus, (corpora,); None for a model without one."""
    if not target_languages:
        return None
    for corpus in corpora:
        if corpus.languages[-1] not in target_languages:
            raise UserError(
                f"The corpus {corpus.name} has the target {corpus.languages[-1]}, but method.target_languages lists "
                f"{', '.join(target_languages)}; add it there or leave the corpus out."
            )
    return np.asarray([target_languages.index(corpus.languages[-1]) + 1 for corpus in corpora], dtype=np.int64)


def _group_places(corpora: Sequence[TokenisedCorpus], groups: Sequence[str]) -> NDArray[np.int64] | None:
    """Group of every corpus, (corpora,); None for a model without groups."""
    if not groups:
        return None
    places = [group_of(groups, *corpus.languages) for corpus in corpora]
    if None in places:
        raise UserError(
            f"The pair {corpora[places.index(None)].name} belongs to none of the groups {', '.join(groups)} that the "
            "method lists; add it there or leave the pair out."
        )
    return np.asarray(places, dtype=np.int64)


def _text_loader(
    options: DataOptions,
    kind: Kind,
    tokenizer: TextTokenizer,
    seed: int,
    corpora: Sequence[TokenisedCorpus],
    share: _Share | None,
) -> TextLoader:
    samples = [TextSamples(corpus, options.max_length, options.overlong, options.pack) for corpus in corpora]
    if kind == "text":
        return _assembled(options, tokenizer, seed, samples, batch_makers.text(samples, tokenizer), share)
    collate = batch_makers.masked(samples, tokenizer, options.mask_rate, seed)
    return _assembled(options, tokenizer, seed, samples, collate, share)


def _segment_loader(
    options: DataOptions, tokenizer: TextTokenizer, seed: int, corpora: Sequence[TokenisedCorpus], share: _Share | None
) -> Loader[SegmentBatch] | Alternation[SegmentBatch]:
    """One loader for monolingual text and one for sentence pairs, in turns where there are both."""
    loaders = []
    texts = [corpus for corpus in corpora if len(corpus.sides) == 1]
    if texts:
        adjacent = [AdjacentSegments(corpus, options.max_length, options.overlong, options.pack) for corpus in texts]
        collate = batch_makers.segments(adjacent, tokenizer, options.mask_rate, seed, join=False)
        loaders.append(_assembled(options, tokenizer, seed, adjacent, collate, share))
    pairs = [corpus for corpus in corpora if len(corpus.sides) == 2]
    if pairs:
        options = options.for_pairs()
        parallel = [ParallelSegments(corpus, options.max_length, options.overlong) for corpus in pairs]
        collate = batch_makers.segments(parallel, tokenizer, options.mask_rate, seed, join=True)
        loaders.append(_assembled(options, tokenizer, seed, parallel, collate, share))
    return loaders[0] if len(loaders) == 1 else Alternation(loaders)


def _assembled(
    options: DataOptions,
    tokenizer: TextTokenizer,
    seed: int,
    samples: Sequence[AnySamples],
    collate: Collate[BatchT],
    share: _Share | None,
) -> Loader[BatchT]:
    """The loader over these samples; without a share an epoch is every sample once, as validation wants it."""
    sizes = [len(each.lengths) for each in samples]
    corpora = [each.corpus for each in samples]
    weights = temperature_weights(sizes, options.temperature, [corpus.languages for corpus in corpora])
    if share is None:
        counts = np.asarray(sizes, dtype=np.int64)
    else:
        total = options.epoch_samples or min(sum(sizes), _LARGEST_EPOCH)
        counts = samples_per_corpus(weights, max(total, len(sizes)))
    part = share or _Share()
    return Loader(
        [each.lengths for each in samples],
        counts,
        collate,
        names=[corpus.name for corpus in corpora],
        seed=seed,
        batch_tokens=options.batch_tokens,
        max_sentences=options.max_sentences,
        window=options.window,
        rank=part.rank,
        world=part.world,
        accumulation=part.accumulation,
        workers=options.workers,
        fingerprint=_fingerprint(options, tokenizer, samples, counts),
        facts=tuple(_facts(each, weight) for each, weight in zip(samples, weights.tolist(), strict=True)),
    )


def _facts(samples: AnySamples, weight: float) -> CorpusFacts:
    corpus = samples.corpus
    return CorpusFacts(
        name=corpus.name,
        sentences=len(corpus),
        skipped=corpus.skipped,
        dropped=samples.dropped,
        truncated=samples.truncated,
        tokens=sum(len(side.tokens) for side in corpus.sides),
        weight=weight,
        content_hash=corpus.content_hash,
        alone=samples.alone if isinstance(samples, AdjacentSegments) else 0,
    )


def _fingerprint(
    options: DataOptions,
    tokenizer: TextTokenizer,
    samples: Sequence[AnySamples],
    counts: NDArray[np.int64],
) -> str:
    """Hash of everything the order and content of batches depend on, the seed aside."""
    chosen = options.model_dump(mode="json", exclude={"train", "validation", "validation_split", "cache", "workers"})
    corpora = [(type(each).__name__, each.corpus.key) for each in samples]
    facts = [tokenizer.fingerprint, chosen, corpora, counts.tolist()]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

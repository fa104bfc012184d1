"""From a recipe's data options to loaders."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray

from anyglot.data.batch import MaskedBatch, SegmentBatch, TranslationBatch
from anyglot.data.collate import collate_masked, collate_segments, collate_translation
from anyglot.data.corpus import ParallelSource, Source
from anyglot.data.groups import group_of
from anyglot.data.noise import Masking
from anyglot.data.options import DataOptions
from anyglot.data.protocols import TextTokenizer
from anyglot.data.samples import TextSamples, TranslationSamples
from anyglot.data.sampling import samples_per_corpus, temperature_weights
from anyglot.data.segments import AdjacentSegments, ParallelSegments
from anyglot.data.store import TokenisedCorpus, tokenise
from anyglot.data.stream import Alternation, BatchT, Collate, CorpusFacts, Loader, Position
from anyglot.errors import UserError

__all__ = ["DataOptions", "Loader", "Position", "build_loader", "build_validation"]

_LARGEST_EPOCH = 2_000_000
Progress = Callable[[str, int], None]
Kind = Literal["translation", "masked", "segments"]
AnyLoader = Loader[TranslationBatch] | Loader[MaskedBatch] | Loader[SegmentBatch] | Alternation[SegmentBatch]
AnySamples = TranslationSamples | TextSamples | AdjacentSegments | ParallelSegments


@overload
def build_loader(
    options: DataOptions,
    kind: Literal["translation"],
    tokenizer: TextTokenizer,
    seed: int,
    rank: int = ...,
    world: int = ...,
    accumulation: int = ...,
    progress: Progress | None = ...,
    target_languages: Sequence[str] = ...,
    groups: Sequence[str] = ...,
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
    target_languages: Sequence[str] = ...,
    groups: Sequence[str] = ...,
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
    target_languages: Sequence[str] = ...,
    groups: Sequence[str] = ...,
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
    target_languages: Sequence[str] = ...,
    groups: Sequence[str] = ...,
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
    target_languages: Sequence[str] = (),
    groups: Sequence[str] = (),
) -> AnyLoader:
    """The training data: every corpus read, checked, tokenised (or found in the cache) and laid out.

    Args:
        kind: `translation` takes pairs only. `masked` takes monolingual text, and pairs as rows `<s> x </s> y </s>`.
            `segments` takes both, as pairs of segments; an update is of the one or of the other, in turns.
        progress: Called with a corpus's name and the lines tokenised so far.
        target_languages: Languages of a model's target projection, in the order of its rows from 1 on. Batches then
            tell the row of each of their rows.
        groups: Labels of a model's parts that belong to languages (`data/groups.py`). Batches then tell the group of
            each of their rows.

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
    if kind == "translation":
        return _pair_loader(options, tokenizer, seed, corpora, share, target_languages, groups)
    if kind == "segments":
        return _segment_loader(options, tokenizer, seed, corpora, share)
    return _text_loader(options, tokenizer, seed, corpora, share)


def build_validation(
    options: DataOptions,
    kind: Kind,
    tokenizer: TextTokenizer,
    progress: Progress | None = None,
    target_languages: Sequence[str] = (),
    groups: Sequence[str] = (),
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
        if kind == "translation":
            loaders[name] = _pair_loader(options, tokenizer, 0, group, None, target_languages, groups)
        elif kind == "segments":
            loaders[name] = _segment_loader(options, tokenizer, 0, group, None)
        else:
            loaders[name] = _text_loader(options, tokenizer, 0, group, None)
    return loaders


def _corpora(
    sources: Sequence[Source],
    kind: Kind,
    tokenizer: TextTokenizer,
    cache: Path | None,
    progress: Progress | None,
) -> list[TokenisedCorpus]:
    corpora = []
    for source in sources:
        if kind == "translation" and not isinstance(source, ParallelSource):
            raise UserError(
                f"Translation learns from sentence pairs, but {source.file} is one language; give source, target."
            )
        tell = None if progress is None else _told(progress, source.name)
        corpora.append(tokenise(source, tokenizer, cache, tell))
    return corpora


def _told(progress: Progress, name: str) -> Callable[[int], None]:
    return lambda lines: progress(name, lines)


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
    target_languages: Sequence[str],
    groups: Sequence[str],
) -> Loader[TranslationBatch]:
    rows = _projection_rows(corpora, target_languages) if target_languages else None
    places = _group_places(corpora, groups) if groups else None
    samples = [TranslationSamples(corpus, options.max_length, options.overlong) for corpus in corpora]
    return _assembled(options, tokenizer, seed, samples, _translation(samples, tokenizer, rows, places), share)


def _projection_rows(corpora: Sequence[TokenisedCorpus], target_languages: Sequence[str]) -> NDArray[np.int64]:
    """Row of the target projection of every corpus, (corpora,)."""
    for corpus in corpora:
        if corpus.languages[1] not in target_languages:
            raise UserError(
                f"The pair {corpus.name} has the target {corpus.languages[1]}, but method.target_languages lists "
                f"{', '.join(target_languages)}; add it there or leave the pair out."
            )
    return np.asarray([target_languages.index(corpus.languages[1]) + 1 for corpus in corpora], dtype=np.int64)


def _group_places(corpora: Sequence[TokenisedCorpus], groups: Sequence[str]) -> NDArray[np.int64]:
    """Group of every corpus, (corpora,)."""
    places = [group_of(groups, *corpus.languages) for corpus in corpora]
    if None in places:
        raise UserError(
            f"The pair {corpora[places.index(None)].name} belongs to none of the groups {', '.join(groups)} that the "
            "method lists; add it there or leave the pair out."
        )
    return np.asarray(places, dtype=np.int64)


def _text_loader(
    options: DataOptions, tokenizer: TextTokenizer, seed: int, corpora: Sequence[TokenisedCorpus], share: _Share | None
) -> Loader[MaskedBatch]:
    samples = [TextSamples(corpus, options.max_length, options.overlong, options.pack) for corpus in corpora]
    return _assembled(options, tokenizer, seed, samples, _masked(samples, tokenizer, options.mask_rate, seed), share)


def _segment_loader(
    options: DataOptions, tokenizer: TextTokenizer, seed: int, corpora: Sequence[TokenisedCorpus], share: _Share | None
) -> Loader[SegmentBatch] | Alternation[SegmentBatch]:
    """One loader for monolingual text and one for sentence pairs, in turns where there are both."""
    loaders = []
    texts = [corpus for corpus in corpora if len(corpus.sides) == 1]
    if texts:
        adjacent = [AdjacentSegments(corpus, options.max_length, options.overlong, options.pack) for corpus in texts]
        collate = _segments(adjacent, tokenizer, options.mask_rate, seed, join=False)
        loaders.append(_assembled(options, tokenizer, seed, adjacent, collate, share))
    pairs = [corpus for corpus in corpora if len(corpus.sides) == 2]
    if pairs:
        options = options.for_pairs()
        parallel = [ParallelSegments(corpus, options.max_length, options.overlong) for corpus in pairs]
        collate = _segments(parallel, tokenizer, options.mask_rate, seed, join=True)
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


def _translation(
    samples: Sequence[TranslationSamples],
    tokenizer: TextTokenizer,
    projection_rows: NDArray[np.int64] | None,
    places: NDArray[np.int64] | None,
) -> Collate[TranslationBatch]:
    begin, pad, end = tokenizer.begin_id, tokenizer.pad_id, tokenizer.end_id

    def collate(corpora: NDArray[np.int32], numbers: NDArray[np.int64], epoch: int, index: int) -> TranslationBatch:
        rows = [samples[corpus][number] for corpus, number in zip(corpora.tolist(), numbers.tolist(), strict=True)]
        sources, targets = [row[0] for row in rows], [row[1] for row in rows]
        language = None if projection_rows is None else projection_rows[corpora]
        group = None if places is None else places[corpora]
        return collate_translation(sources, targets, corpora.astype(np.int64), begin, pad, end, language, group)

    return collate


def _masked(samples: Sequence[TextSamples], tokenizer: TextTokenizer, rate: float, seed: int) -> Collate[MaskedBatch]:
    masking = _masking(tokenizer, rate)
    begin, pad, end = tokenizer.begin_id, tokenizer.pad_id, tokenizer.end_id

    def collate(corpora: NDArray[np.int32], numbers: NDArray[np.int64], epoch: int, index: int) -> MaskedBatch:
        rows = [samples[corpus][number] for corpus, number in zip(corpora.tolist(), numbers.tolist(), strict=True)]
        return collate_masked(rows, begin, pad, end, masking, (seed, epoch, index))

    return collate


def _segments(
    samples: Sequence[AdjacentSegments] | Sequence[ParallelSegments],
    tokenizer: TextTokenizer,
    rate: float,
    seed: int,
    join: bool,
) -> Collate[SegmentBatch]:
    masking = _masking(tokenizer, rate)
    begin, pad, end = tokenizer.begin_id, tokenizer.pad_id, tokenizer.end_id

    def collate(corpora: NDArray[np.int32], numbers: NDArray[np.int64], epoch: int, index: int) -> SegmentBatch:
        rows = [samples[corpus][number] for corpus, number in zip(corpora.tolist(), numbers.tolist(), strict=True)]
        firsts, seconds = [row[0] for row in rows], [row[1] for row in rows]
        return collate_segments(firsts, seconds, begin, pad, end, masking, (seed, epoch, index), join)

    return collate


def _masking(tokenizer: TextTokenizer, rate: float) -> Masking:
    if tokenizer.mask_id is None:
        raise UserError("This tokenizer has no mask token, so it cannot serve masked language modelling; use XLM-R's.")
    return Masking(rate, tokenizer.mask_id, tokenizer.special_ids, tokenizer.vocabulary_size)


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
    chosen = options.model_dump(mode="json", exclude={"train", "validation", "cache", "workers"})
    corpora = [(type(each).__name__, each.corpus.key) for each in samples]
    facts = [tokenizer.fingerprint, chosen, corpora, counts.tolist()]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

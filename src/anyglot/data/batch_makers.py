"""What makes a batch of sample numbers, for each kind of data: pure functions, which several threads call."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from anyglot.data.batch import MaskedBatch, SegmentBatch, TextBatch, TranslationBatch
from anyglot.data.blocks import DocumentBlocks
from anyglot.data.collate import collate_masked, collate_segments, collate_text, collate_translation
from anyglot.data.infilling import Infilling, joined
from anyglot.data.loader import Collate
from anyglot.data.noise import Masking
from anyglot.data.samples import TextSamples, TranslationSamples
from anyglot.data.segments import AdjacentSegments, ParallelSegments
from anyglot.errors import UserError
from anyglot.text.protocols import TextTokenizer
from anyglot.text.templates import Frame

# Keeps the noise apart from whatever else is drawn with the run's seed.
_INFILLING = 0x696E66


def translation(
    samples: Sequence[TranslationSamples],
    tokenizer: TextTokenizer,
    frames: Sequence[Frame],
    projection_rows: NDArray[np.int64] | None,
    places: NDArray[np.int64] | None,
) -> Collate[TranslationBatch]:
    """Sentence pairs.

    Args:
        frames: What stands around the pairs of each corpus.
        projection_rows, places: Row of the target projection and group of each corpus, where a model has such.

    Shape:
        projection_rows, places: (corpora,)
    """

    def collate(corpora: NDArray[np.int32], numbers: NDArray[np.int64], epoch: int, index: int) -> TranslationBatch:
        rows = [samples[corpus][number] for corpus, number in zip(corpora.tolist(), numbers.tolist(), strict=True)]
        return collate_translation(
            [row[0] for row in rows],
            [row[1] for row in rows],
            corpora.astype(np.int64),
            [frames[corpus] for corpus in corpora.tolist()],
            tokenizer.pad_id,
            tokenizer.end_id,
            None if projection_rows is None else projection_rows[corpora],
            None if places is None else places[corpora],
        )

    return collate


def denoising(
    samples: Sequence[DocumentBlocks],
    tokenizer: TextTokenizer,
    frames: Sequence[Frame],
    projection_rows: NDArray[np.int64] | None,
    infilling: Infilling,
    seed: int,
) -> Collate[TranslationBatch]:
    """Damaged text as the source, the text itself as the target."""
    end = tokenizer.end_id

    def collate(corpora: NDArray[np.int32], numbers: NDArray[np.int64], epoch: int, index: int) -> TranslationBatch:
        generator = np.random.default_rng([seed, epoch, index, _INFILLING])
        rows = [samples[corpus][number] for corpus, number in zip(corpora.tolist(), numbers.tolist(), strict=True)]
        return collate_translation(
            [infilling(row, generator) for row in rows],
            [joined(row, end) for row in rows],
            corpora.astype(np.int64),
            [frames[corpus] for corpus in corpora.tolist()],
            tokenizer.pad_id,
            end,
            None if projection_rows is None else projection_rows[corpora],
        )

    return collate


def masked(samples: Sequence[TextSamples], tokenizer: TextTokenizer, rate: float, seed: int) -> Collate[MaskedBatch]:
    """Rows of text with some tokens hidden."""
    masking = _masking(tokenizer, rate)
    begin, pad, end = tokenizer.begin_id, tokenizer.pad_id, tokenizer.end_id

    def collate(corpora: NDArray[np.int32], numbers: NDArray[np.int64], epoch: int, index: int) -> MaskedBatch:
        rows = [samples[corpus][number] for corpus, number in zip(corpora.tolist(), numbers.tolist(), strict=True)]
        return collate_masked(rows, begin, pad, end, masking, (seed, epoch, index))

    return collate


def text(samples: Sequence[TextSamples], tokenizer: TextTokenizer) -> Collate[TextBatch]:
    """Rows of text as it is."""
    begin, pad, end = tokenizer.begin_id, tokenizer.pad_id, tokenizer.end_id

    def collate(corpora: NDArray[np.int32], numbers: NDArray[np.int64], epoch: int, index: int) -> TextBatch:
        rows = [samples[corpus][number] for corpus, number in zip(corpora.tolist(), numbers.tolist(), strict=True)]
        return collate_text(rows, begin, pad, end)

    return collate


def segments(
    samples: Sequence[AdjacentSegments] | Sequence[ParallelSegments],
    tokenizer: TextTokenizer,
    rate: float,
    seed: int,
    join: bool,
) -> Collate[SegmentBatch]:
    """Pairs of segments with some tokens hidden, joined into one row as well if wanted."""
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

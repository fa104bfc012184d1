"""Random sentence pairs of chosen lengths, the same for every engine, laid out by the package's own loader."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anyglot.data.batch import TranslationBatch
from anyglot.data.collate import collate_translation
from anyglot.data.loader import Loader
from anyglot.data.samples import TranslationSamples
from anyglot.data.store import TokenisedCorpus, TokenisedSide
from anyglot.text.templates import Frame

BEGIN, PAD, END = 0, 1, 2
LONGEST = 128


@dataclass(frozen=True)
class Text:
    """How long sentences are.

    Args:
        equal: Tokens of every sentence, its special tokens included; None: lengths as in real text, log-normal with a
            median of 22 tokens and a spread of 0.6 (mean 26, nine in ten between 8 and 59), 3 to 128, a target within
            some 15 % of its source.
        words: Target ids are drawn from this many, so that a restricted output can hold them all.
    """

    equal: int | None
    vocabulary: int
    words: int
    sentences: int = 20_000

    def corpus(self) -> TokenisedCorpus:
        """The pairs, without special tokens."""
        draw = np.random.default_rng(7)
        if self.equal is not None:
            source = np.full(self.sentences, self.equal - 2)
            target = np.full(self.sentences, self.equal - 1)
        else:
            source = np.clip(np.exp(draw.normal(np.log(22), 0.6, self.sentences)), 3, LONGEST - 2).astype(np.int64)
            ratio = np.exp(draw.normal(0.0, 0.15, self.sentences))
            target = np.clip(source * ratio, 3, LONGEST - 2).astype(np.int64)
        sides = _side(source, self.vocabulary, draw), _side(target, self.words, draw)
        return TokenisedCorpus(("de", "en"), sides, 0, "random", "random", np.zeros(1, dtype=np.int64))

    def loader(self, batch_tokens: int, workers: int = 1) -> Loader[TranslationBatch]:
        """Batches under a budget of padded tokens."""
        samples = TranslationSamples(self.corpus(), LONGEST, "drop")

        def collate(corpora: NDArray[np.int32], numbers: NDArray[np.int64], epoch: int, index: int) -> TranslationBatch:
            rows = [samples[number] for number in numbers.tolist()]
            frames = [Frame((BEGIN,), (END,), (END,))] * len(rows)
            return collate_translation(
                [row[0] for row in rows], [row[1] for row in rows], corpora.astype(np.int64), frames, PAD, END
            )

        counts = np.array([self.sentences], dtype=np.int64)
        return Loader(
            [samples.lengths], counts, collate, names=["de-en"], seed=1, batch_tokens=batch_tokens, workers=workers
        )


def _side(lengths: NDArray[np.int64], words: int, draw: np.random.Generator) -> TokenisedSide:
    tokens = draw.integers(5, words, int(lengths.sum()), dtype=np.int32)
    return TokenisedSide(tokens, np.concatenate([[0], np.cumsum(lengths)]))

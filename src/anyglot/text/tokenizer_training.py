"""Learn a Unigram SentencePiece model in XLM-R's layout."""

import io
import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from sentencepiece import SentencePieceTrainer

from anyglot.errors import UserError
from anyglot.text.readers import read_lines
from anyglot.text.tokenizer import Tokenizer

# SentencePiece ignores longer lines without a word, so they are cut instead.
_LONGEST_CHARACTERS = 1000


def train_tokenizer(
    texts: Iterable[str | Path],
    vocabulary_size: int,
    folder: Path,
    seed: int = 0,
    input_sentences: int = 200_000,
    character_coverage: float = 0.9995,
    threads: int = 2,
) -> Tokenizer:
    """Learn a Unigram model and save it into `folder`.

    The sentences to learn from are drawn here, so the result is a function of the arguments alone.

    Args:
        texts: Sentences (`str`) and files to read sentences from (`Path`: plain text or `.gz`), in any mixture.
        vocabulary_size: Ids in all, with the specials `<s> <pad> </s> <unk> <mask>`.
        input_sentences: Learn from at most this many sentences, drawn uniformly.
        character_coverage: Share of character occurrences that get a piece; the rest is `<unk>`.
        threads: Another number rounds the scores of the pieces otherwise, so it is fixed and not the count of cores.

    Raises:
        UserError: No text, or a vocabulary too small for its characters or too large for the text.
    """
    sentences = _draw(_sentences(texts), input_sentences, seed)
    if not sentences:
        raise UserError("There is no text to learn a tokenizer from; give at least one sentence that is not empty.")
    if vocabulary_size < 8:
        raise UserError(f"A vocabulary of {vocabulary_size} has no room beside the five specials; ask for 100 or more.")
    written = io.BytesIO()
    try:
        SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=written,
            model_type="unigram",
            vocab_size=vocabulary_size - 2,  # <pad> and <mask> live outside SentencePiece
            character_coverage=character_coverage,
            byte_fallback=False,
            unk_id=0,
            bos_id=1,
            eos_id=2,
            pad_id=-1,
            # Ten candidates a token: as good as the million of the default in our trials, in two thirds of the time.
            seed_sentencepiece_size=min(1_000_000, max(10 * vocabulary_size, 50_000)),
            num_threads=threads,
            max_sentence_length=4 * _LONGEST_CHARACTERS + 4,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise _explained(error, vocabulary_size, len(sentences)) from error
    tokenizer = Tokenizer(written.getvalue())
    tokenizer.save(folder)
    return tokenizer


def _sentences(texts: Iterable[str | Path]) -> Iterator[str]:
    for item in texts:
        for line in read_lines(item) if isinstance(item, Path) else (item,):
            # A line break inside a sentence would end it for the trainer.
            clean = " ".join(line.encode("utf-8", "ignore").decode("utf-8").replace("\0", " ").split())
            if clean:
                yield clean[:_LONGEST_CHARACTERS]


def _draw(sentences: Iterator[str], count: int, seed: int) -> list[str]:
    """A uniform sample in first-come order (Vitter's reservoir), the whole text if it is no longer than `count`."""
    kept = list(itertools.islice(sentences, count))
    random = np.random.default_rng([seed, 0x746F6B])
    seen = len(kept)
    for block in iter(lambda: list(itertools.islice(sentences, 65_536)), []):
        slots = random.integers(0, np.arange(seen + 1, seen + len(block) + 1))
        for slot, sentence in zip(slots.tolist(), block, strict=True):
            if slot < count:
                kept[slot] = sentence
        seen += len(block)
    return kept


def _explained(error: RuntimeError, vocabulary_size: int, sentences: int) -> UserError:
    reason = " ".join(str(error).split())
    largest = re.search(r"value <= (\d+)", reason)
    if largest is not None:
        most = int(largest.group(1)) + 2
        return UserError(
            f"A vocabulary of {vocabulary_size} is too large for {sentences} sentences: they carry at most {most} "
            "tokens; ask for fewer or give more text."
        )
    smallest = re.search(r"required_chars\. \d+ vs (\d+)", reason)
    if smallest is not None:
        return UserError(
            f"A vocabulary of {vocabulary_size} is too small: the characters of the text alone need "
            f"{int(smallest.group(1)) + 2}; ask for more tokens or lower character_coverage."
        )
    return UserError(
        f"SentencePiece could not learn {vocabulary_size} tokens from {sentences} sentences: {reason[-200:]}"
    )

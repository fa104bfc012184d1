"""mBART's noise and the batches made with it: what is hidden, what is kept, what is learned."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from anyglot.data.batch import TranslationBatch
from anyglot.data.build import DataOptions, build_loader, build_validation
from anyglot.data.corpus import MonolingualSource, ParallelSource
from anyglot.data.infilling import Infilling, InfillingOptions, joined, word_starts
from anyglot.data.loader import Loader
from anyglot.errors import UserError
from anyglot.text.tokenizer import Tokenizer
from support.tokenizer_fixtures import WORDS, sentences, write_lines

END, MASK, VOCABULARY = 2, 999, 1000
# Sentences of so many words, each of so many pieces.
SENTENCES = st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=9), min_size=1, max_size=6)


def spelled(shape: Sequence[Sequence[int]]) -> tuple[list[NDArray[np.int64]], NDArray[np.bool_]]:
    """Sentences in which every piece is another id, and which of the ids begin words."""
    starts = np.zeros(VOCABULARY, dtype=np.bool_)
    rows, next_id = [], 10
    for sentence in shape:
        row: list[int] = []
        for pieces in sentence:
            starts[next_id] = True
            row += range(next_id, next_id + pieces)
            next_id += pieces
        rows.append(np.array(row))
    return rows, starts


def runs(row: NDArray[np.int64]) -> list[list[int]]:
    """What is left between the masks."""
    found: list[list[int]] = [[]]
    for token in row.tolist():
        if token == MASK:
            found.append([])
        else:
            found[-1].append(token)
    return found


@settings(deadline=None, max_examples=200)
@given(SENTENCES, st.floats(0, 1), st.sampled_from([0.5, 3.5, 20.0]), st.integers(0, 99))
def test_whole_words_are_hidden_and_all_else_is_kept_in_order(
    shape: list[list[int]], share: float, span: float, seed: int
) -> None:
    rows, starts = spelled(shape)
    options = InfillingOptions(words=share, span=span, permute_sentences=False)
    noised = Infilling(options, MASK, END, starts)(rows, np.random.default_rng(seed))
    clean = joined(rows, END)
    assert len(noised) <= len(clean)
    words = np.split(clean, np.flatnonzero(starts[clean] | (clean == END))[1:])
    place, kept = 0, 0
    for run in runs(noised):  # each run is found, whole words only, behind the one before
        while run:
            place = next(
                number for number in range(place, len(words)) if words[number].tolist() == run[: len(words[number])]
            )
            run = run[len(words[place]) :]
            place, kept = place + 1, kept + 1
    assert abs(len(words) - kept - share * len(words)) < 1


@settings(deadline=None, max_examples=100)
@given(SENTENCES, st.integers(0, 99))
def test_permutation_keeps_sentences_whole(shape: list[list[int]], seed: int) -> None:
    rows, starts = spelled(shape)
    noised = Infilling(InfillingOptions(words=0), MASK, END, starts)(rows, np.random.default_rng(seed))
    cut = np.split(noised, np.flatnonzero(noised == END))
    found = [part[part != END].tolist() for part in cut]
    assert sorted(found) == sorted(row.tolist() for row in rows)


def test_every_order_of_sentences_comes_up_alike() -> None:
    rows, starts = spelled([[1], [1], [1]])
    infilling, generator = Infilling(InfillingOptions(words=0), MASK, END, starts), np.random.default_rng(1)
    orders = Counter(tuple(infilling(rows, generator).tolist()) for _ in range(3000))
    assert len(orders) == 6 and all(abs(count - 500) < 100 for count in orders.values())


def test_spans_are_as_many_and_as_long_as_a_poisson_distribution_says() -> None:
    rows, starts = spelled([[1] * 400])
    generator = np.random.default_rng(3)
    lengths: list[int] = []
    hidden = 0
    for _ in range(400):
        options = InfillingOptions(words=0.35, span=3.5, permute_sentences=False)
        row = Infilling(options, MASK, END, starts)(rows, generator)
        hidden += 400 - int((row != MASK).sum())
        # Between words that stay the gap is the span; where masks adjoin, which hides what cannot be told.
        lengths += [right[0] - left[-1] - 1 for left, right in pairwise(runs(row)) if left and right]
    assert hidden == 400 * 140  # 35 %, exactly: it is a whole number of words
    alone = np.array(lengths)
    assert abs(alone.mean() - 3.5) < 0.15 and abs(alone.var() - 3.5) < 0.4
    assert abs((alone == 0).mean() - np.exp(-3.5)) < 0.012


def test_each_word_is_hidden_as_often_as_any_other_but_at_the_ends_of_a_row() -> None:
    rows, starts = spelled([[1] * 60])
    infilling, generator = Infilling(InfillingOptions(), MASK, END, starts), np.random.default_rng(5)
    times = np.zeros(60)
    for _ in range(3000):
        times[[token - 10 for token in infilling(rows, generator).tolist() if token != MASK]] += 1
    hidden = 1 - times / 3000
    assert abs(hidden.mean() - 0.35) < 0.005 and np.all(abs(hidden[6:-6] - hidden[6:-6].mean()) < 0.04)
    assert np.all(abs(hidden - hidden[::-1]) < 0.05)  # spans lie within the row, so its ends are hidden less


def test_words_begin_at_marks_and_in_chinese_with_every_piece(tokenizer: Tokenizer) -> None:
    starts = word_starts(tokenizer)
    for code in ("de", "ru"):
        [ids] = tokenizer.encode([" ".join(WORDS[code][:9])])
        assert int(starts[ids].sum()) == 9
    [ids] = tokenizer.encode(["".join(WORDS["zh"])])
    pieces = tokenizer.pieces(ids)
    assert all(starts[id] for id, piece in zip(ids, pieces, strict=True)) and len(ids) > 5


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> DataOptions:
    folder = tmp_path_factory.mktemp("denoising")
    train = []
    for number, code in enumerate(("de", "en")):
        lines = sentences(code, 120, 50 + number)
        lines[30:30] = [""]  # a document ends
        train.append(MonolingualSource(language=code, file=str(write_lines(folder / f"text.{code}", lines))))
    return DataOptions(train=tuple(train), batch_tokens=256, max_length=64, workers=0, cache=folder / "cache")


def loader_of(options: DataOptions, tokenizer: Tokenizer, seed: int = 3, **parts: object) -> Loader[TranslationBatch]:
    loader = build_loader(options, "denoising", tokenizer, seed, **parts)  # type: ignore[call-overload]
    assert isinstance(loader, Loader)
    return loader


def test_the_target_is_the_text_itself_block_by_block(options: DataOptions, tokenizer: Tokenizer) -> None:
    told: Counter[str] = Counter()
    spans = 0
    for batch in loader_of(options.model_copy(update={"temperature": 1.0}), tokenizer).epoch():
        for row in range(len(batch)):
            real = batch.target_mask[row]
            target = batch.target_output[row][real].tolist()
            assert target[-1] == END and batch.target_input[row][real].tolist() == [END, *target[:-1]]
            source = batch.source[row][batch.source_mask[row]].tolist()
            assert source[0] == 0 and source[-1] == END and len(source) <= 64
            spans += source.count(tokenizer.mask_id)
            block = np.split(np.array(target), np.flatnonzero(np.array(target) == END))
            told.update(tokenizer.decode([part.tolist() for part in block[:-1]]))
    wanted = Counter(
        line for source in options.train for line in Path(source.locations[0]).read_text().splitlines() if line
    )
    assert told == wanted and spans > len(told) / 2


def test_no_block_reaches_over_the_end_of_a_document(options: DataOptions, tokenizer: Tokenizer) -> None:
    [german] = [Path(source.file) for source in options.train if source.name == "de"]  # type: ignore[union-attr]
    lines = german.read_text().splitlines()
    last, first = lines[29], lines[31]
    for batch in loader_of(options.model_copy(update={"temperature": 1.0}), tokenizer).epoch():
        for row in range(len(batch)):
            ids = batch.target_output[row][batch.target_mask[row]]
            block = tokenizer.decode(
                [part.tolist() for part in torch.tensor_split(ids, (ids == END).nonzero()[:, 0] + 1)]
            )
            assert not (last in block and first in block and block.index(first) == block.index(last) + 1)


def test_a_sentence_a_row_without_packing(options: DataOptions, tokenizer: Tokenizer) -> None:
    loader = loader_of(options.model_copy(update={"pack": False}), tokenizer)
    assert all(int((batch.target_output == END).sum()) == len(batch) for batch in loader.epoch())


def test_noise_is_a_function_of_seed_epoch_and_index(options: DataOptions, tokenizer: Tokenizer) -> None:
    loader, again = loader_of(options, tokenizer), loader_of(options.model_copy(update={"workers": 2}), tokenizer)
    updates, place = loader.updates(), ()
    for number in range(loader.batches(0) + 3):  # over the border of the epoch
        batches, place = next(updates)
        if number == 4:
            resumed = again.updates(place)
        elif number > 4:
            [[batch], [other]] = batches, next(resumed)[0]
            assert torch.equal(batch.source, other.source) and torch.equal(batch.target_output, other.target_output)
    first, second = loader.micro_batch(0, 0), loader_of(options, tokenizer, 4).micro_batch(0, 0)
    assert first.source.shape != second.source.shape or not torch.equal(first.source, second.source)
    judged = options.model_copy(update={"validation": options.train[:1]})
    valid = build_validation(judged, "denoising", tokenizer)["de"]
    one, two = list(valid.epoch()), list(valid.epoch())
    assert all(torch.equal(a.source, b.source) for a, b in zip(one, two, strict=True))  # type: ignore[union-attr]


def test_many_languages_have_rows_of_a_projection(options: DataOptions, tokenizer: Tokenizer) -> None:
    loader = loader_of(options, tokenizer, target_languages=("en", "de"))
    batch = next(loader.epoch())
    assert batch.target_language is not None
    assert batch.target_language.tolist() == [{"en": 1, "de": 2}[loader.names[pair]] for pair in batch.pairs.tolist()]


def test_mistakes_are_told(options: DataOptions, tokenizer: Tokenizer, tmp_path: Path) -> None:
    files = tuple(str(write_lines(tmp_path / code, ["a"])) for code in ("x", "y"))
    pairs = ParallelSource(source="de", target="en", files=files)
    with pytest.raises(UserError, match=r"one language at a time, but .* belongs to sentence pairs"):
        loader_of(options.model_copy(update={"train": (pairs,)}), tokenizer)
    with pytest.raises(UserError, match=r"has the target de, but method.target_languages lists en"):
        loader_of(options, tokenizer, target_languages=("en",))

"""Pairs of segments, the batches made of them, and text and pairs in turns."""

import gzip
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anyglot.data import store
from anyglot.data.batch import IGNORED, SegmentBatch
from anyglot.data.build import DataOptions, build_loader, build_validation
from anyglot.data.collate import collate_segments
from anyglot.data.corpus import MonolingualSource
from anyglot.data.loader import Alternation, Loader
from anyglot.data.noise import Masking
from anyglot.data.segments import AdjacentSegments, ParallelSegments
from anyglot.data.store import TokenisedCorpus, TokenisedSide, tokenise
from anyglot.errors import UserError
from anyglot.text.tokenizer import Tokenizer
from support.tokenizer_fixtures import sentences, write_lines

MAX_LENGTH = 16
# Documents of sentences of so many tokens; some sentences are longer than MAX_LENGTH allows.
DOCUMENTS = st.lists(st.lists(st.integers(1, 18), min_size=1, max_size=9), min_size=1, max_size=6)


def corpus_of(documents: Sequence[Sequence[int]], languages: tuple[str, ...] = ("de",)) -> TokenisedCorpus:
    """A corpus in which token `10 + n` spells sentence n, so that every segment tells where it comes from."""
    lengths = [length for document in documents for length in document]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    tokens = np.repeat(np.arange(10, 10 + len(lengths), dtype=np.int32), lengths)
    starts = np.cumsum([0, *map(len, documents[:-1])])
    side = TokenisedSide(tokens, offsets)
    return TokenisedCorpus(languages, (side,) * len(languages), 0, "raw", "key", starts)


def numbers(segment: list[np.ndarray]) -> list[int]:
    return [int(sentence[0]) - 10 for sentence in segment]


def spans_of(samples: AdjacentSegments) -> list[tuple[list[int], list[int]]]:
    pairs = [samples[number] for number in range(len(samples.lengths))]
    return [(numbers(first), numbers(second)) for first, second in pairs]


@settings(deadline=None, max_examples=60)
@given(DOCUMENTS, st.booleans(), st.sampled_from(["drop", "truncate"]))
def test_both_segments_are_neighbours_in_one_document_and_nothing_is_lost(
    documents: list[list[int]], pack: bool, overlong: str
) -> None:
    fitting, place = [], 0
    for document in documents:
        places = range(place, place + len(document))
        fitting.append([n for n, size in zip(places, document, strict=True) if overlong != "drop" or size <= 14])
        place += len(document)
    wanted = {number for document in fitting if len(document) > 1 for number in document}
    if not wanted:
        with pytest.raises(UserError, match="no neighbouring sentences"):
            AdjacentSegments(corpus_of(documents), MAX_LENGTH, overlong, pack)  # type: ignore[arg-type]
        return
    samples = AdjacentSegments(corpus_of(documents), MAX_LENGTH, overlong, pack)  # type: ignore[arg-type]
    spans = spans_of(samples)
    for first, second in spans:
        [document] = [each for each in fitting if first[0] in each]
        start = document.index(first[0])
        assert document[start : start + len(first) + len(second)] == [*first, *second] and first and second
        assert pack or len(first) == len(second) == 1
    assert {number for pair in spans for segment in pair for number in segment} == wanted
    assert samples.alone == sum(len(document) for document in fitting if len(document) == 1)
    plain = [size for document in documents for size in document]
    lengths = [[1 + sum(min(plain[n], 14) + 1 for n in segment) for segment in pair] for pair in spans]
    assert samples.lengths.tolist() == lengths and int(samples.lengths.max()) <= MAX_LENGTH
    for sample, pair in enumerate(lengths):
        assert [1 + sum(len(sentence) + 1 for sentence in segment) for segment in samples[sample]] == pair


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 6), min_size=2, max_size=7))
def test_a_document_that_fits_one_segment_is_cut_nearest_its_middle(document: list[int]) -> None:
    samples = AdjacentSegments(corpus_of([document]), 64, "drop", True)
    [(first, _)] = spans_of(samples)
    sizes = np.array(document) + 1

    def gap(cut: int) -> int:
        return abs(int(sizes[:cut].sum() - sizes[cut:].sum()))

    assert gap(len(first)) == min(gap(cut) for cut in range(1, len(document)))


def test_packing_fills_segments_and_the_last_of_an_odd_number_is_met_again() -> None:
    samples = AdjacentSegments(corpus_of([[4] * 7]), 11, "drop", True)  # two sentences fit a segment
    assert spans_of(samples) == [([0, 1], [2, 3]), ([4, 5], [6])]
    three = AdjacentSegments(corpus_of([[4] * 6]), 11, "drop", True)
    assert spans_of(three) == [([0, 1], [2, 3]), ([2, 3], [4, 5])]


def test_pairs_that_are_too_long_are_dropped_or_cut() -> None:
    corpus = corpus_of([[3, 15, 14]], ("de", "en"))
    dropping, cutting = (ParallelSegments(corpus, MAX_LENGTH, rule) for rule in ("drop", "truncate"))
    assert (dropping.dropped, dropping.truncated, dropping.lengths.tolist()) == (1, 0, [[5, 5], [16, 16]])
    assert (cutting.dropped, cutting.truncated, cutting.lengths.tolist()) == (0, 1, [[5, 5], [16, 16], [16, 16]])
    assert [len(segment[0]) for segment in cutting[1]] == [14, 14]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("chunk", [1, 2, 3, 20_000])
def test_blank_lines_end_documents(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, packed: bool
) -> None:
    """At the start and end, doubled, at the edges of chunks; a line of control characters ends nothing."""
    lines = ["", "Haus", "Baum", "\x01", "Wasser", "", "  ", "Fluss", "", "Baum", "Käse", "", ""]
    path = tmp_path / ("a.txt.gz" if packed else "a.txt")
    raw = "\n".join(lines).encode()
    path.write_bytes(gzip.compress(raw) if packed else raw)
    monkeypatch.setattr(store, "_CHUNK", chunk)
    corpus = tokenise(MonolingualSource(language="de", file=str(path)), tokenizer, tmp_path / "cache")
    assert (corpus.documents.tolist(), len(corpus)) == ([0, 3, 4], 6)
    again = tokenise(MonolingualSource(language="de", file=str(path)), tokenizer, tmp_path / "cache")
    assert again.documents.tolist() == [0, 3, 4]
    samples = AdjacentSegments(again, 64, "drop", pack=False)
    assert samples.alone == 1 and len(samples.lengths) == 3


ROW = st.lists(st.lists(st.integers(4, 98), min_size=1, max_size=5), min_size=1, max_size=3)
ROWS = st.lists(st.tuples(ROW, ROW), min_size=1, max_size=5)
MASKING = Masking(0.3, 99, (0, 1, 2, 99), 100)


def restored(tokens: torch.Tensor, labels: torch.Tensor, mask: torch.Tensor) -> list[list[int]]:
    plain = torch.where(labels == IGNORED, tokens, labels)
    return [row[real].tolist() for row, real in zip(plain, mask, strict=True)]


def framed(segment: list[list[int]]) -> list[int]:
    return [0, *(token for sentence in segment for token in [*sentence, 2])]


def collated(rows: list[tuple[list[list[int]], list[list[int]]]], seed: int, join: bool) -> SegmentBatch:
    firsts, seconds = ([[np.array(s) for s in row[side]] for row in rows] for side in (0, 1))
    return collate_segments(firsts, seconds, 0, 1, 2, MASKING, (seed, 0, 0), join)


@settings(deadline=None, max_examples=40)
@given(ROWS, st.integers(0, 99))
def test_a_joined_row_is_both_segments_with_the_same_tokens_hidden(
    rows: list[tuple[list[list[int]], list[list[int]]]], seed: int
) -> None:
    batch = collated(rows, seed, join=True)
    assert batch.joined is not None and batch.joined_mask is not None and batch.joined_labels is not None
    assert restored(batch.first, batch.first_labels, batch.first_mask) == [framed(row[0]) for row in rows]
    assert restored(batch.second, batch.second_labels, batch.second_mask) == [framed(row[1]) for row in rows]
    for row in range(len(rows)):
        first, second, joined = batch.first_mask[row], batch.second_mask[row], batch.joined_mask[row]
        for one, other, both in (
            (batch.first, batch.second, batch.joined),
            (batch.first_labels, batch.second_labels, batch.joined_labels),
        ):
            # `<s> x </s>` and of the second all but its `<s>`, as noised and labelled there.
            assert both[row][joined].tolist() == one[row][first].tolist() + other[row][second].tolist()[1:]
    assert (batch.joined[~batch.joined_mask] == 1).all() and (batch.joined_labels[~batch.joined_mask] == IGNORED).all()
    assert batch.joined_mask.any(dim=0).all(), "no column is all padding"
    assert (batch.joined_mask.int().diff(dim=1) <= 0).all(), "padding is on the right"
    hidden = sum(int((labels != IGNORED).sum()) for labels in (batch.first_labels, batch.second_labels))
    assert batch.target_tokens == hidden == int((batch.joined_labels != IGNORED).sum())


def test_batches_of_neighbours_have_no_joined_rows_and_split() -> None:
    rows = [([[5, 6], [7]], [[8, 9, 10]]), ([[11]], [[12, 13]])]
    batch = collated(rows, 0, join=False)
    assert batch.joined is None and batch.rows(0, 1).joined is None and len(batch) == 2
    assert sum(batch.rows(n, n + 1).target_tokens for n in (0, 1)) == batch.target_tokens
    moved = collated(rows, 0, join=True).to("cpu")
    assert moved.joined is not None and moved.target_tokens == batch.target_tokens


TEXTS = {"de": 90, "ru": 30}
PAIRS = {"de": 80, "ru": 20}


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> DataOptions:
    folder = tmp_path_factory.mktemp("segments")
    for number, (code, size) in enumerate(TEXTS.items()):
        lines = sentences(code, size, number)
        lines[size // 3 : size // 3] = [""]
        write_lines(folder / f"mono.{code}", lines)
    for number, (code, size) in enumerate(PAIRS.items()):
        write_lines(folder / f"x.{code}", sentences(code, size, number + 5))
        write_lines(folder / f"{code}.en", sentences("en", size, number + 10))
    texts = [{"language": code, "file": f"mono.{code}"} for code in TEXTS]
    pairs = [{"source": code, "target": "en", "files": [f"x.{code}", f"{code}.en"]} for code in PAIRS]
    return DataOptions.model_validate(
        {
            "train": [pairs[0], *texts, pairs[1]],
            "validation": [texts[0], pairs[0]],
            "batch_tokens": 256,
            "max_length": 32,
            "temperature": 2,
            "cache": "cache",
            "workers": 0,
        }
    ).resolved(folder)


def changed(options: DataOptions, **changes: object) -> DataOptions:
    return DataOptions.model_validate(options.model_dump() | changes)


def turns(
    options: DataOptions, tokenizer: Tokenizer, rank: int = 0, world: int = 1, accumulation: int = 1, seed: int = 3
) -> Alternation[SegmentBatch]:
    loader = build_loader(options, "segments", tokenizer, seed, rank, world, accumulation)
    assert isinstance(loader, Alternation)
    return loader


def same(one: SegmentBatch, other: SegmentBatch) -> bool:
    tensors = one._tensors(), other._tensors()
    return tensors[0].keys() == tensors[1].keys() and all(torch.equal(v, tensors[1][n]) for n, v in tensors[0].items())


def test_text_and_pairs_take_turns_update_by_update(options: DataOptions, tokenizer: Tokenizer) -> None:
    loader = turns(options, tokenizer, 0, 1, 2)
    updates = list(itertools.islice(loader.updates(), 12))
    assert [[batch.joined is None for batch in batches] for batches, _ in updates] == [[True] * 2, [False] * 2] * 6
    text, pairs = ([place for _, place in itertools.islice(each.updates(), 6)] for each in loader.loaders)
    assert [place for _, place in updates][1::2] == [(*one, *other, 0) for one, other in zip(text, pairs, strict=True)]
    assert loader.names == ("de", "ru", "de-en", "ru-en")
    assert loader.samples == sum(each.samples for each in loader.loaders)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_alternation_goes_on_from_any_place(options: DataOptions, tokenizer: Tokenizer, workers: int) -> None:
    loader = turns(changed(options, workers=workers), tokenizer, 0, 1, 2)
    epochs = 2 * max(each.batches(0) for each in loader.loaders) + 3  # both kinds beyond their first epoch
    whole = list(itertools.islice(loader.updates(), epochs))
    assert whole[-1][1][0] >= 1 and whole[-1][1][2] >= 1
    for stop in (0, 1, 2, 7, epochs - 3, epochs - 2):
        fresh = turns(options, tokenizer, 0, 1, 2).updates(whole[stop][1])
        for batches, place in whole[stop + 1 : stop + 3]:
            met, after = next(fresh)
            assert after == place and all(map(same, met, batches))


@pytest.mark.parametrize("world", [2, 4])
def test_ranks_share_an_alternations_updates(options: DataOptions, tokenizer: Tokenizer, world: int) -> None:
    alone = turns(options, tokenizer, 0, 1, 4)
    ranks = [turns(options, tokenizer, rank, world, 4 // world).updates() for rank in range(world)]
    for batches, place in itertools.islice(alone.updates(), 9):
        shared = [next(rank) for rank in ranks]
        assert {each[1] for each in shared} == {place}
        assert all(map(same, batches, [shared[n % world][0][n // world] for n in range(4)]))


def test_a_place_of_another_stream_is_refused(options: DataOptions, tokenizer: Tokenizer) -> None:
    with pytest.raises(ValueError, match="is no place of 2 loaders in turns"):
        next(turns(options, tokenizer).updates((0, 3)))


@pytest.mark.parametrize("join", [False, True])
def test_masks_are_a_function_of_seed_epoch_and_index(options: DataOptions, tokenizer: Tokenizer, join: bool) -> None:
    loader = turns(options, tokenizer).loaders[join]
    again = turns(changed(options, workers=2), tokenizer).loaders[join]
    batches = list(loader.epoch(1))
    assert all(map(same, batches, again.epoch(1)))
    assert all(same(again.micro_batch(1, index), batch) for index, batch in reversed(list(enumerate(batches))))
    other = turns(options, tokenizer, seed=4).loaders[join]
    assert not any(map(same, batches, other.epoch(1)))
    first = batches[0]
    assert first.first.shape != first.second.shape or not torch.equal(
        first.first_labels != IGNORED, first.second_labels != IGNORED
    ), "the two segments are hidden independently"


def test_pairs_have_options_of_their_own(options: DataOptions, tokenizer: Tokenizer) -> None:
    own = {"max_length": 12, "batch_tokens": 64, "max_sentences": 3, "mask_rate": 1.0, "epoch_samples": 10}
    plain, loader = turns(options, tokenizer), turns(changed(options, bilingual=own), tokenizer)
    assert loader.fingerprint != plain.fingerprint
    assert all(map(same, loader.loaders[0].epoch(), plain.loaders[0].epoch())), "the text stays as it was"
    pairs = list(loader.loaders[1].epoch())
    assert sum(map(len, pairs)) == 10 and max(map(len, pairs)) <= 3
    for batch in pairs:
        assert max(batch.first.shape[1], batch.second.shape[1]) <= 12
        assert (batch.first_labels != IGNORED).sum() == batch.first_mask.sum() - 2 * len(batch), "all is hidden"


@pytest.mark.parametrize("own", [{"mask_rate": 0.5}, {"temperature": 1.0}, {"max_length": 20}, {"epoch_samples": 9}])
def test_the_fingerprint_follows_the_options_of_pairs(
    options: DataOptions, tokenizer: Tokenizer, own: dict[str, float]
) -> None:
    assert turns(changed(options, bilingual=own), tokenizer).fingerprint != turns(options, tokenizer).fingerprint


def test_languages_and_pairs_are_weighed_apart(options: DataOptions, tokenizer: Tokenizer) -> None:
    loader = turns(changed(options, pack=False, bilingual={"temperature": 1.0}), tokenizer)
    sizes = [[len(lengths) for lengths in each._lengths] for each in loader.loaders]
    assert sizes[1] == list(PAIRS.values())
    roots = np.sqrt(sizes[0])
    weights = [fact.weight for fact in loader.facts]
    assert weights[:2] == pytest.approx((roots / roots.sum()).tolist())
    assert weights[2:] == pytest.approx([0.8, 0.2])


def test_validation_meets_every_sample_once(options: DataOptions, tokenizer: Tokenizer) -> None:
    loaders = build_validation(changed(options, pack=False), "segments", tokenizer)
    assert list(loaders) == ["de", "de-en"]
    found = {
        name: [
            (first, second)
            for batch in loader.epoch()
            if isinstance(batch, SegmentBatch)
            for first, second in zip(
                restored(batch.first, batch.first_labels, batch.first_mask),
                restored(batch.second, batch.second_labels, batch.second_mask),
                strict=True,
            )
        ]
        for name, loader in loaders.items()
    }
    texts, pairs = options.validation
    lines = [0 if not line.strip() else [0, *tokenizer.encode([line])[0], 2] for line in texts.sentences()]  # type: ignore[union-attr]
    documents = [list(group) for blank, group in itertools.groupby(lines, key=lambda line: line == 0) if not blank]
    expected = [
        (document[n], document[n + 1])
        for document in documents
        for n in sorted({*range(0, len(document) - 1, 2), len(document) - 2})
    ]
    sides = [[[0, *ids, 2] for ids in tokenizer.encode(list(side))] for side in zip(*pairs.pairs(), strict=True)]  # type: ignore[union-attr]
    fitting = [pair for pair in zip(*sides, strict=True) if max(map(len, pair)) <= 32]
    assert sorted(found["de"]) == sorted(expected) and sorted(found["de-en"]) == sorted(fitting)
    assert len(fitting) > 70 and len(expected) > 40


def test_one_kind_alone_needs_no_turns(options: DataOptions, tokenizer: Tokenizer) -> None:
    dumped = options.model_dump()["train"]
    for train in (dumped[1:3], dumped[::3]):
        loader = build_loader(changed(options, train=train), "segments", tokenizer, 3)
        assert isinstance(loader, Loader) and not isinstance(loader, Alternation)


def test_a_stages_budget_too_small_for_pairs_is_told(options: DataOptions, tokenizer: Tokenizer) -> None:
    wide = changed(options, bilingual={"max_length": 128})
    with pytest.raises(UserError, match=r"batch_tokens 64 is below data\.bilingual\.max_length 128"):
        build_loader(wide.model_copy(update={"batch_tokens": 64}), "segments", tokenizer, 0)


def test_what_has_no_neighbour_is_counted(options: DataOptions, tokenizer: Tokenizer, tmp_path: Path) -> None:
    write_lines(tmp_path / "a.de", ["Haus", "", "Baum", "Fluss", "", "Käse"])
    alone = changed(options, train=[{"language": "de", "file": str(tmp_path / "a.de")}])
    [fact] = build_loader(alone, "segments", tokenizer, 0).facts
    assert (fact.sentences, fact.alone) == (4, 2)

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from anyglot.data.batch import MaskedBatch, TranslationBatch
from anyglot.data.build import DataOptions, Loader, Position, build_loader, build_validation
from anyglot.errors import UserError
from anyglot.text.tokenizer import Tokenizer
from support.tokenizer_fixtures import sentences, write_lines

SIZES = {"de": 120, "ru": 40}


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> DataOptions:
    folder = tmp_path_factory.mktemp("corpora")
    for number, (code, size) in enumerate(SIZES.items()):
        write_lines(folder / f"x.{code}", sentences(code, size, number))
        write_lines(folder / f"{code}.en", sentences("en", size, number + 10))
    pairs = [{"source": code, "target": "en", "files": [f"x.{code}", f"{code}.en"]} for code in SIZES]
    return DataOptions.model_validate(
        {"train": pairs, "validation": pairs[:1], "batch_tokens": 256, "max_length": 64, "cache": "cache", "workers": 0}
    ).resolved(folder)


def changed(options: DataOptions, **changes: object) -> DataOptions:
    return DataOptions.model_validate(options.model_dump() | changes)


def monolingual(options: DataOptions, **changes: object) -> DataOptions:
    train = [{"language": source.source, "file": source.files[0]} for source in options.train]  # type: ignore[union-attr,index]
    return changed(options, train=train, validation=train[:1], **changes)


def same(one: object, other: object) -> bool:
    tensors = [
        {name: value for name, value in vars(batch).items() if isinstance(value, torch.Tensor)}
        for batch in (one, other)
    ]
    return tensors[0].keys() == tensors[1].keys() and all(
        torch.equal(value, tensors[1][name]) for name, value in tensors[0].items()
    )


def take(loader: Loader[TranslationBatch], state: Position, updates: int) -> list[TranslationBatch]:
    return [batch for batches, _ in itertools.islice(loader.updates(state), updates) for batch in batches]


@pytest.mark.parametrize("workers", [1, 3])
def test_order_does_not_depend_on_workers(options: DataOptions, tokenizer: Tokenizer, workers: int) -> None:
    plain = build_loader(options, "translation", tokenizer, 3)
    threaded = build_loader(changed(options, workers=workers), "translation", tokenizer, 3)
    count = 2 * plain.batches(0) + 3  # into the third epoch
    first, second = take(plain, Position(0, 0), count), take(threaded, Position(0, 0), count)
    assert all(map(same, first, second))
    assert plain.fingerprint == threaded.fingerprint


def test_resuming_anywhere_is_arithmetic(options: DataOptions, tokenizer: Tokenizer) -> None:
    loader = build_loader(options, "translation", tokenizer, 3, accumulation=2)
    whole = list(itertools.islice(loader.updates(), 2 * loader.batches(0) // 2 + 3))
    for stop in (0, 1, 4, loader.batches(0) // 2, len(whole) - 2):
        fresh = build_loader(changed(options, workers=2), "translation", tokenizer, 3, accumulation=2)
        batches, state = next(fresh.updates(whole[stop][1]))
        assert state == whole[stop + 1][1]
        assert all(map(same, batches, whole[stop + 1][0]))


def test_ranks_share_the_same_update(options: DataOptions, tokenizer: Tokenizer) -> None:
    updates = build_loader(options, "translation", tokenizer, 3).batches(0) // 4 + 2  # over the epoch's border
    alone = build_loader(options, "translation", tokenizer, 3, accumulation=4)
    ranks = [build_loader(options, "translation", tokenizer, 3, rank, 2, 2) for rank in (0, 1)]
    streams = [loader.updates() for loader in ranks]
    for batches, state in itertools.islice(alone.updates(), updates):
        shared = [next(stream) for stream in streams]
        assert [each[1] for each in shared] == [state, state]
        assert all(map(same, batches, [shared[n % 2][0][n // 2] for n in range(4)]))


def test_random_access_flows_over_epochs(options: DataOptions, tokenizer: Tokenizer) -> None:
    loader = build_loader(options, "translation", tokenizer, 3)
    batches = loader.batches(0)
    assert same(loader.micro_batch(0, batches + 2), loader.micro_batch(1, 2))
    assert loader.advance(Position(0, 0), batches) == Position(1, 0)
    assert not same(loader.micro_batch(0, 0), loader.micro_batch(1, 0))
    other = build_loader(options, "translation", tokenizer, 4)
    assert not all(same(a, b) for a, b in zip(loader.epoch(), other.epoch(), strict=False))


def test_an_epoch_draws_languages_by_temperature(options: DataOptions, tokenizer: Tokenizer) -> None:
    even = build_loader(changed(options, temperature=1e9), "translation", tokenizer, 0)
    drawn = torch.cat([batch.pairs for batch in even.epoch()]).bincount()
    assert drawn.tolist() == [80, 80]
    fair = build_loader(changed(options, temperature=1, epoch_samples=80), "translation", tokenizer, 0)
    assert torch.cat([batch.pairs for batch in fair.epoch()]).bincount().tolist() == [60, 20]
    assert [fact.weight for fact in fair.facts] == pytest.approx([0.75, 0.25])
    assert fair.names == ("de-en", "ru-en")


def test_batches_hold_the_text(options: DataOptions, tokenizer: Tokenizer) -> None:
    loader = build_loader(changed(options, temperature=1), "translation", tokenizer, 0)
    known = {pair for source in options.train for pair in source.pairs()}  # type: ignore[union-attr]
    seen = []
    for batch in loader.epoch():
        assert max(batch.source.numel(), batch.target_output.numel()) <= 256
        texts = tokenizer.decode(batch.source.tolist()), tokenizer.decode(batch.target_output.tolist())
        seen += list(zip(*texts, strict=True))
    assert set(seen) == known and len(seen) == sum(SIZES.values())


def test_long_sentences_are_dropped_or_cut_and_counted(options: DataOptions, tokenizer: Tokenizer) -> None:
    lengths = [
        [len(ids) for ids in tokenizer.encode([pair[side] for pair in options.train[0].pairs()])]  # type: ignore[union-attr]
        for side in (0, 1)
    ]
    long = sum(source > 8 or target > 9 for source, target in zip(*lengths, strict=True))
    assert 0 < long < 120
    short = changed(options, max_length=10)
    dropping = build_loader(short, "translation", tokenizer, 0)
    cutting = build_loader(changed(short, overlong="truncate"), "translation", tokenizer, 0)
    assert (dropping.facts[0].dropped, dropping.facts[0].truncated) == (long, 0)
    assert (cutting.facts[0].dropped, cutting.facts[0].truncated) == (0, long)
    for loader in (dropping, cutting):
        widths = [max(batch.source.shape[1], batch.target_output.shape[1]) for batch in loader.epoch()]
        assert max(widths) == 10
    cut = next(batch for batch in cutting.epoch() if batch.source.shape[1] == 10)
    ends = cut.source[torch.arange(len(cut)), cut.source_mask.sum(1) - 1]
    assert (ends == 2).all(), "a cut sentence still ends with the end symbol"
    assert dropping.fingerprint != cutting.fingerprint
    only = changed(options, max_length=8, train=options.model_dump()["train"][:1])
    with pytest.raises(UserError, match="All 120 samples of de-en are longer than 8 tokens"):
        build_loader(only, "translation", Slow(tokenizer), 0)


class Slow(Tokenizer):
    """Spells every text in at least ten tokens."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__(tokenizer._model)
        self.fingerprint = "slow"

    def encode(self, texts: object) -> list[list[int]]:
        return [ids + [5] * 10 for ids in super().encode(texts)]  # type: ignore[arg-type]


def test_packed_rows_are_whole_sentences_in_document_order(options: DataOptions, tokenizer: Tokenizer) -> None:
    loader = build_loader(monolingual(options, temperature=1), "masked", tokenizer, 0)
    blocks: dict[int, list[str]] = {}
    used = total = 0
    for batch in loader.epoch():
        assert isinstance(batch, MaskedBatch) and batch.tokens.numel() <= 256
        used, total = used + int(batch.mask.sum()), total + batch.mask.numel()
        plain = torch.where(batch.labels == -100, batch.tokens, batch.labels)
        for row, mask in zip(plain, batch.mask, strict=True):
            ids = row[mask].tolist()
            assert ids[0] == 0 and ids[-1] == 2
            parts = " ".join(map(str, ids[1:-1])).split(" 2 ")
            texts = tokenizer.decode([list(map(int, part.split())) for part in parts])
            blocks.setdefault(id(loader), []).append("\n".join(texts))
    assert used / total > 0.9
    for source in options.train:
        document = "\n".join(list(source.pairs())[n][0] for n in range(SIZES[source.source]))  # type: ignore[union-attr]
        assert sum(block in document for block in blocks[id(loader)]) > 3
    everything = sorted(line for block in blocks[id(loader)] for line in block.split("\n"))
    assert everything == sorted(pair[0] for source in options.train for pair in source.pairs())  # type: ignore[union-attr]


def test_unpacked_and_bilingual_rows(options: DataOptions, tokenizer: Tokenizer) -> None:
    single = build_loader(monolingual(options, pack=False), "masked", tokenizer, 0)
    assert single.samples == sum(SIZES.values())
    pairs = build_loader(options, "masked", tokenizer, 0)
    batch = pairs.micro_batch(0, 0)
    plain = torch.where(batch.labels == -100, batch.tokens, batch.labels)
    assert (plain == 2).sum(dim=1).tolist() == [2] * len(batch)  # <s> x </s> y </s>
    cut = build_loader(changed(options, overlong="truncate", max_length=16), "masked", tokenizer, 0)
    assert max(batch.tokens.shape[1] for batch in cut.epoch()) == 16
    assert cut.facts[0].truncated > 0


@pytest.mark.parametrize("workers", [0, 2])
def test_noise_is_a_function_of_seed_epoch_and_index(options: DataOptions, tokenizer: Tokenizer, workers: int) -> None:
    loader = build_loader(monolingual(options, workers=workers), "masked", tokenizer, 5)
    again = build_loader(monolingual(options), "masked", tokenizer, 5)
    for index, batch in enumerate(loader.epoch(2)):
        assert same(batch, again.micro_batch(2, index))


def test_validation_sees_every_sample_once_and_always_the_same(options: DataOptions, tokenizer: Tokenizer) -> None:
    for kind, chosen in (("translation", options), ("masked", monolingual(options, pack=False))):
        loaders = build_validation(chosen, kind, tokenizer)  # type: ignore[arg-type]
        [(name, loader)] = loaders.items()
        assert name == {"translation": "de-en", "masked": "de"}[kind]
        first, second = list(loader.epoch()), list(build_validation(chosen, kind, tokenizer)[name].epoch())  # type: ignore[arg-type]
        assert sum(map(len, first)) == 120
        assert all(map(same, first, second))


def test_what_does_not_fit_together_is_refused(options: DataOptions, tokenizer: Tokenizer) -> None:
    with pytest.raises(UserError, match=r"Translation learns from sentence pairs, but .*x\.de is one language"):
        build_loader(monolingual(options), "translation", tokenizer, 0)
    with pytest.raises(UserError, match="batch_tokens 32 is below"):
        build_loader(options.model_copy(update={"batch_tokens": 32}), "translation", tokenizer, 0)
    unmasked = Slow(tokenizer)
    unmasked.mask_id = None  # type: ignore[assignment]
    with pytest.raises(UserError, match="no mask token"):
        build_loader(monolingual(options), "masked", unmasked, 0)
    with pytest.raises(ValueError, match="make no sense"):
        build_loader(options, "translation", tokenizer, 0, rank=2, world=2)


def test_a_broken_batch_stops_the_loader_with_its_own_error() -> None:
    def collate(*_: object) -> TranslationBatch:
        raise ValueError("broken batch")

    lengths = [np.full((10, 1), 4, dtype=np.int32)]
    loader = Loader(lengths, np.array([10]), collate, names=["x"], seed=0, batch_tokens=8, workers=2)
    with pytest.raises(ValueError, match="broken batch"):
        next(loader.updates())


def test_fingerprint_follows_content(options: DataOptions, tokenizer: Tokenizer, tmp_path: Path) -> None:
    first = build_loader(options, "translation", tokenizer, 0)
    assert build_loader(options, "translation", tokenizer, 9).fingerprint == first.fingerprint
    write_lines(tmp_path / "x.de", sentences("de", 120, 77))
    other = [{"source": "de", "target": "en", "files": [str(tmp_path / "x.de"), options.train[0].locations[1]]}]
    assert build_loader(changed(options, train=other), "translation", tokenizer, 0).fingerprint != first.fingerprint

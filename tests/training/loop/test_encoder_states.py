"""A frozen encoder's states from disk: the same losses, never another encoder's states, resumed after a stop."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate import Accelerator

from anyglot.data.batch import TranslationBatch
from anyglot.errors import UserError
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.training.loop import encoder_states
from anyglot.training.loop.encoder_states import (
    RememberingStream,
    check_encoder_caches,
    check_room,
    encoder_fingerprint,
    open_store,
    remembered,
)
from anyglot.training.loop.freezing import enter_stage
from anyglot.training.loop.options import EncoderCacheOptions, RuntimeOptions, StageOptions
from anyglot.training.methods.sixt import SixT
from support.tiny_sixt import WIDTH, batch, sixt, write_encoder

Pair = tuple[SixT, EncoderDecoder]


@pytest.fixture
def frozen(tmp_path: Path) -> Pair:
    method, model = sixt(write_encoder(tmp_path / "encoder"), encoder_dropout=False)
    enter_stage(model, method.stages()[0])
    model.decoder.eval()  # losses are compared
    return method, model


@dataclasses.dataclass
class Batches:
    """A stream of given batches, one an update."""

    batches: list[TranslationBatch]

    def updates(self, state: Any) -> Iterator[tuple[list[Any], tuple[int, int]]]:
        for number, each in enumerate(self.batches):
            yield [each], (0, number + 1)

    def source_tokens(self, updates: int) -> int:
        return 1_000 * updates


def ragged(seed: int) -> TranslationBatch:
    """Sources of lengths 4 to 9."""
    plain = batch(seed)
    lengths = torch.tensor([9, 4, 6, 8, 5, 7])
    mask = torch.arange(9)[None] < lengths[:, None]
    return dataclasses.replace(plain, source=plain.source.masked_fill(~mask, 1), source_mask=mask)


def stage_options(folder: Path, storage: str = "bf16") -> StageOptions:
    return StageOptions(
        updates=5,
        learning_rate=1.0,
        encoder_cache={"folder": str(folder), "storage": storage},  # type: ignore[arg-type]
    )


def read_through(pair: Pair, folder: Path, batches: list[TranslationBatch], storage: str = "bf16") -> list[float]:
    """The losses of batches that carry their states."""
    method, model = pair
    stream = remembered(Batches(batches), stage_options(folder, storage), 5, model, Accelerator(cpu=True), print)
    assert isinstance(stream, RememberingStream)
    return [method.losses(model, each).total.item() for each, *_ in (found for found, _ in stream.updates((0, 0)))]


def plain(pair: Pair, batches: list[TranslationBatch]) -> list[float]:
    return [pair[0].losses(pair[1], each).total.item() for each in batches]


def refuse(*_: Any) -> Any:
    raise AssertionError("the encoder was run")


def test_losses_are_exactly_the_same_when_every_digit_is_kept(
    frozen: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = [ragged(seed) for seed in range(3)]
    expected = plain(frozen, batches)
    assert read_through(frozen, tmp_path / "cache", batches, "fp32") == expected  # filling it
    monkeypatch.setattr(frozen[1].encoder, "forward", refuse)
    assert read_through(frozen, tmp_path / "cache", batches, "fp32") == expected  # reading it


def test_in_bf16_the_states_are_rounded_and_nothing_else(
    frozen: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method, model = frozen
    batches = [ragged(seed) for seed in range(3)]
    states = [model.encoder(each.source, each.source_mask).last.detach().bfloat16().float() for each in batches]
    rounded = [
        method.losses(model, dataclasses.replace(each, source_states=made)).total.item()
        for each, made in zip(batches, states, strict=True)
    ]
    found = read_through(frozen, tmp_path / "cache", batches)
    assert found == rounded
    assert found == pytest.approx(plain(frozen, batches), rel=2e-3)
    assert found != plain(frozen, batches)
    monkeypatch.setattr(model.encoder, "forward", refuse)
    assert read_through(frozen, tmp_path / "cache", batches) == found  # filling and reading give the same


def test_another_batch_of_known_sentences_needs_no_encoder(
    frozen: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ragged(1)
    read_through(frozen, tmp_path / "cache", [whole], "fp32")
    shuffled = whole.rows(2, 6)
    expected = plain(frozen, [shuffled])
    monkeypatch.setattr(frozen[1].encoder, "forward", refuse)
    assert read_through(frozen, tmp_path / "cache", [shuffled], "fp32") == pytest.approx(expected, rel=1e-6)


def test_a_changed_encoder_never_meets_the_old_ones_states(frozen: Pair, tmp_path: Path) -> None:
    _, model = frozen
    cache = EncoderCacheOptions(folder=tmp_path / "cache")
    batches = [ragged(0)]
    read_through(frozen, tmp_path / "cache", batches, "fp32")
    keys = {encoder_fingerprint(model.encoder, "no", "fp32")}
    with torch.no_grad():
        model.encoder.stack.blocks[0].feedforward.inner.up.bias[3] += 1e-3
    keys.add(encoder_fingerprint(model.encoder, "no", "fp32"))
    assert read_through(frozen, tmp_path / "cache", batches, "fp32") == plain(frozen, batches)
    model.encoder.stack.blocks[2].self_attention.skip = False  # an edit changes no weight
    keys.add(encoder_fingerprint(model.encoder, "no", "fp32"))
    assert read_through(frozen, tmp_path / "cache", batches, "fp32") == plain(frozen, batches)
    keys |= {encoder_fingerprint(model.encoder, "bf16", "fp32"), encoder_fingerprint(model.encoder, "no", "bf16")}
    assert len(keys) == 5
    assert len(open_store(cache, model.encoder, "no")) == 0


def test_an_interrupted_filling_goes_on(frozen: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = [ragged(seed) for seed in range(4)]
    expected = plain(frozen, batches)
    stream = remembered(
        Batches(batches), stage_options(tmp_path, "fp32"), 5, frozen[1], Accelerator(cpu=True), print
    ).updates((0, 0))
    next(stream), next(stream)
    stream.close()  # type: ignore[attr-defined]
    encoded: list[int] = []
    encode = RememberingStream._encoded

    def counted(self: RememberingStream, each: TranslationBatch) -> torch.Tensor:
        encoded.append(len(each))
        return encode(self, each)

    monkeypatch.setattr(RememberingStream, "_encoded", counted)
    assert read_through(frozen, tmp_path, batches, "fp32") == expected
    assert encoded == [6, 6]  # the two batches that had not been read


def test_projections_are_applied_to_states_from_disk(tmp_path: Path) -> None:
    start = write_encoder(tmp_path / "encoder")
    method, model = sixt(start, encoder_dropout=False, target_languages=["en", "de"])
    enter_stage(model, method.stages()[0])
    model.decoder.eval()
    example = dataclasses.replace(ragged(0), target_language=torch.tensor([1, 2, 2, 1, 1, 2]))
    other = dataclasses.replace(example, target_language=torch.tensor([2, 1, 1, 2, 2, 1]))
    pair = (method, model)
    assert read_through(pair, tmp_path / "cache", [example, other], "fp32") == plain(pair, [example, other])


def test_states_bring_no_gradient_and_the_rest_of_the_model_has_its_own(frozen: Pair, tmp_path: Path) -> None:
    method, model = frozen
    stream = remembered(Batches([ragged(0)]), stage_options(tmp_path), 5, model, Accelerator(cpu=True), print)
    ((found,), _) = next(iter(stream.updates((0, 0))))
    assert not found.source_states.requires_grad
    method.losses(model, found).total.backward()
    assert all(parameter.grad is None for parameter in model.encoder.parameters())
    assert all(parameter.grad is not None for parameter in model.decoder.stack.parameters())


def refusal(method: SixT, model: Any, stage: str, **runtime: Any) -> None:
    options = {name: StageOptions(updates=1, learning_rate=1.0) for name in ("decoder", "joint")}
    options[stage] = StageOptions(updates=1, learning_rate=1.0, encoder_cache=True)  # type: ignore[arg-type]
    check_encoder_caches(method.stages(), options, RuntimeOptions(**runtime), model)


def test_it_is_refused_where_states_do_not_stay(frozen: Pair, tmp_path: Path) -> None:
    method, model = frozen
    refusal(method, model, "decoder")
    with pytest.raises(UserError, match=r"stages\.joint\.encoder_cache cannot be used: stage joint trains the encoder"):
        refusal(method, model, "joint")
    with pytest.raises(UserError, match=r"cannot be used with runtime\.shard"):
        refusal(method, model, "decoder", shard=True)
    with pytest.raises(UserError, match="for translation methods"):
        refusal(method, model.encoder, "decoder")
    dropping, other = sixt(write_encoder(tmp_path / "other"), encoder_dropout=True)
    with pytest.raises(UserError, match=r"with dropout, .* set method\.encoder_dropout to false"):
        refusal(dropping, other, "decoder")


def test_the_room_it_needs_is_told_and_too_small_a_disk_refused(
    frozen: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(EncoderCacheOptions(folder=tmp_path / "cache"), frozen[1].encoder, "no")
    told = check_room(store, 5_000_000)
    assert f"up to {5_000_000 * WIDTH * 2 / 1e9:.1f} GB for 5,000,000 source tokens" in told
    monkeypatch.setattr(encoder_states.shutil, "disk_usage", lambda place: SimpleNamespace(free=10**8))
    with pytest.raises(UserError, match=r"needs up to 0\.3 GB for 5,000,000 source tokens, but .* 0\.1 GB free"):
        check_room(store, 5_000_000)
    assert not (tmp_path / "cache").exists()


def test_a_recipe_may_say_true_a_folder_or_all_of_it() -> None:
    def read(value: Any) -> EncoderCacheOptions | None:
        return StageOptions(updates=1, learning_rate=1.0, encoder_cache=value).encoder_cache

    assert read(None) is None and read(False) is None
    assert read(True) == EncoderCacheOptions()
    assert read("states") == EncoderCacheOptions(folder=Path("states"))
    assert read({"storage": "fp32"}) == EncoderCacheOptions(storage="fp32")

"""A frozen encoder reads every sentence once: its final states are kept on disk and travel with the batches.

A stage may ask for it (`stages.NAME.encoder_cache`) when its encoder neither trains nor has dropout. The loop hands the
stage's stream to `remembered` and knows no more of it; the method's loss passes `batch.source_states` to the model.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from anyglot.data.batch import TranslationBatch
from anyglot.errors import UserError
from anyglot.models.encoder import Encoder
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.fingerprint import encoder_fingerprint
from anyglot.runtime.directories import user_cache
from anyglot.runtime.tensor_store import StateStore, sentence_key
from anyglot.training.loop.options import EncoderCacheOptions, RuntimeOptions, StageOptions
from anyglot.training.loop.stream import Place, Stream
from anyglot.training.methods.base import Stage

if TYPE_CHECKING:
    from accelerate import Accelerator

STORAGE = {"bf16": torch.bfloat16, "fp32": torch.float32}


def check_encoder_caches(
    stages: Sequence[Stage], options: Mapping[str, StageOptions], runtime: RuntimeOptions, model: nn.Module
) -> None:
    """Every stage with an encoder cache has an encoder whose states stay as they are.

    Raises:
        UserError: A stage trains its encoder, runs it with dropout, or shards it, or there is none.
    """
    for stage in stages:
        if options[stage.name].encoder_cache is None:
            continue
        key = f"stages.{stage.name}.encoder_cache"
        if not isinstance(model, EncoderDecoder):
            raise UserError(f"{key} is for translation methods, whose encoder can stay as it is; leave it out here.")
        names = [f"encoder.{name}" for name, _ in model.encoder.named_parameters()]
        if any(fnmatchcase(name, pattern) for name in names for pattern in stage.trains):
            raise UserError(
                f"{key} cannot be used: stage {stage.name} trains the encoder, so its states change with every update; "
                "set it to false."
            )
        if not any(fnmatchcase("encoder", pattern) for pattern in stage.evaluates):
            raise UserError(
                f"{key} cannot be used: stage {stage.name} runs the encoder with dropout, so its states differ at "
                "every reading; set method.encoder_dropout to false or the cache to false."
            )
        if runtime.shard:
            raise UserError(f"{key} cannot be used with runtime.shard: ranks would read a sharded encoder alone.")


def remembered(
    stream: Stream,
    options: StageOptions,
    updates: int,
    model: nn.Module,
    accelerator: Accelerator,
    say: Callable[[str], None],
) -> Stream:
    """The stream itself; or, where the stage asks for it, one whose batches carry their encoder states.

    Args:
        updates: How many are still to come, for telling how much may be written.
        say: Is told where states are kept and how much that may take.

    Raises:
        UserError: The disk has too little room.
    """
    if options.encoder_cache is None:
        return stream
    assert isinstance(model, EncoderDecoder)
    store = open_store(options.encoder_cache, model.encoder, accelerator.mixed_precision)
    tokens: int = stream.source_tokens(updates)  # type: ignore[attr-defined]
    say(check_room(store, tokens))
    return RememberingStream(stream, model.encoder, store, accelerator)


def open_store(options: EncoderCacheOptions, encoder: Encoder, precision: str) -> StateStore:
    """The store of this encoder in this precision: another weight, another folder, so states are never stale."""
    root = options.folder if options.folder is not None else user_cache() / "encoder-states"
    kind = STORAGE[options.storage]
    folder = root / encoder_fingerprint(encoder, precision, options.storage)
    advice = "free space, or name another folder or false as the stage's encoder_cache"
    return StateStore(folder, encoder.config.stack.width, kind, advice)


def check_room(store: StateStore, tokens: int) -> str:
    """Tell what a stage may write, before it does.

    Args:
        tokens: Source tokens the stage can meet, an upper bound.

    Raises:
        UserError: The disk has less room than that.
    """
    wanted = tokens * store.width * store.kind.itemsize
    there = store.size
    place = next(folder for folder in (store.folder, *store.folder.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    if wanted - there > free:
        raise UserError(
            f"The encoder cache needs up to {_gigabytes(wanted - there)} for {tokens:,} source tokens, but the disk of "
            f"{store.folder.parent} has {_gigabytes(free)} free; name another folder as the stage's encoder_cache, or "
            "set it to false."
        )
    return (
        f"encoder cache {store.folder}: up to {_gigabytes(wanted)} for {tokens:,} source tokens; "
        f"{_gigabytes(there)} of {len(store):,} sentences are there, the disk has {_gigabytes(free)} free"
    )


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{max(count, 0) / 1e6:.1f} MB"


class RememberingStream:
    """A stream whose batches carry the states of a frozen encoder, from disk or, the first time, made and kept.

    A batch with an unknown sentence is encoded whole, so the states of a sentence come from a batch that the order of
    data decides, and not from where an earlier run was cut off. What was just made is rounded as if read back: a run
    sees the same states whether it fills the cache or finds it filled.
    """

    def __init__(self, stream: Stream, encoder: Encoder, store: StateStore, accelerator: Accelerator) -> None:
        self.stream, self.encoder, self.store, self.accelerator = stream, encoder, store, accelerator

    def updates(self, state: Any) -> Iterator[tuple[list[Any], Place]]:
        """The inner stream's updates."""
        with closing(self.store):
            for batches, place in self.stream.updates(state):
                yield [self.with_states(batch) for batch in batches], place

    def with_states(self, batch: TranslationBatch) -> TranslationBatch:
        """The batch with `source_states`."""
        lengths = batch.source_mask.sum(dim=1).tolist()
        tokens = batch.source.numpy()
        keys = [sentence_key(row[:length]) for row, length in zip(tokens, lengths, strict=True)]
        states, known = self.store.read(keys, batch.source.shape[1])
        if not all(known):
            made = self._encoded(batch)
            missing = [row for row, there in enumerate(known) if not there]
            for row in missing:
                states[row, : lengths[row]] = made[row, : lengths[row]]
            first = {keys[row]: row for row in reversed(missing)}  # a sentence may stand in a batch twice
            self.store.add(list(first), [made[row, : lengths[row]] for row in first.values()])
        # In bf16 the loss would round the states for its products anyway; elsewhere it expects float32.
        wanted = states if self.accelerator.mixed_precision == "bf16" else states.float()
        return dataclasses.replace(batch, source_states=wanted)

    @torch.no_grad()
    def _encoded(self, batch: TranslationBatch) -> Tensor:
        device = self.accelerator.device
        with self.accelerator.autocast():
            made: Tensor = self.encoder(batch.source.to(device), batch.source_mask.to(device)).last
        return made.to("cpu", self.store.kind)

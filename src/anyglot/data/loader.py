"""Batches by number: random access, prefetch, ranks, and epochs that flow into each other.

The state of a loader is (epoch, position), position counting the micro-batches of all ranks. With A micro-batches to
an update and W ranks, an update takes the next A * W micro-batches in order; the a-th of rank r is number a * W + r. So
the data of an update depends on A * W alone, not on how many ranks share it.
"""

import hashlib
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from anyglot.data.order import EpochPlan, plan_epoch

BatchT = TypeVar("BatchT")
# Corpus and sample number of each row, epoch, number of the batch in it.
Collate = Callable[[NDArray[np.int32], NDArray[np.int64], int, int], BatchT]


Place = tuple[int, ...]
"""Where a stream stands; empty: at its beginning. The epoch comes first."""


class Position(NamedTuple):
    """Where a run stands: the next micro-batch, counted over all ranks."""

    epoch: int = 0
    position: int = 0


@dataclass(frozen=True)
class CorpusFacts:
    """What is in a corpus and how much of it is used.

    Attributes:
        name: Language or pair.
        sentences: Sentences or pairs in the cache.
        skipped: Empty lines.
        dropped, truncated: Too long.
        alone: Left out because their document has no other sentence.
        tokens: Tokens of all sides without specials.
        weight: Share of the epoch's samples.
        content_hash: SHA-256 of the raw text.
    """

    name: str
    sentences: int
    skipped: int
    dropped: int
    truncated: int
    tokens: int
    weight: float
    content_hash: str
    alone: int = 0


class Loader(Generic[BatchT]):
    """Micro-batches of several corpora. See `build_loader` for the usual way to make one.

    Args:
        lengths: Tokens of every sample of every corpus with specials, (samples, sides) each.
        counts: Samples each corpus gives to an epoch.
        collate: Makes a batch of sample numbers; must be a pure function, several threads call it.
        names: Language or pair of each corpus.
        seed: The order is a pure function of it.
        rank, world: This process's number, and how many there are.
        accumulation: Micro-batches each rank takes for one update.
        workers: Threads that prepare batches ahead; 0 prepares on demand.
        fingerprint: Hash of texts, tokenizer and options: what a resumed run must find unchanged.
        facts: What `anyglot train` tells about each corpus.
    """

    def __init__(
        self,
        lengths: Sequence[NDArray[np.int32]],
        counts: NDArray[np.int64],
        collate: Collate[BatchT],
        *,
        names: Sequence[str],
        seed: int,
        batch_tokens: int,
        max_sentences: int | None = None,
        window: int = 65_536,
        rank: int = 0,
        world: int = 1,
        accumulation: int = 1,
        workers: int = 0,
        fingerprint: str = "",
        facts: tuple[CorpusFacts, ...] = (),
    ) -> None:
        if not 0 <= rank < world or accumulation < 1 or workers < 0:
            raise ValueError(f"rank {rank} of {world}, accumulation {accumulation}, workers {workers} make no sense")
        self.names = tuple(names)
        self.rank, self.world, self.accumulation, self.workers = rank, world, accumulation, workers
        self.fingerprint, self.facts = fingerprint, facts
        self._lengths, self._counts, self._collate = lengths, counts, collate
        self._seed, self._batch_tokens, self._max_sentences, self._window = seed, batch_tokens, max_sentences, window
        self._plans: dict[int, EpochPlan] = {}
        self._lock = threading.Lock()

    @property
    def samples(self) -> int:
        """Samples of an epoch."""
        return int(self._counts.sum())

    def source_tokens(self, updates: int) -> int:
        """Most tokens of different source sentences, specials included, that all ranks meet in so many updates."""
        held = sum(int(lengths[:, 0].sum()) for lengths in self._lengths)
        return min(held, updates * self.accumulation * self.world * self._batch_tokens)

    def plan(self, epoch: int) -> EpochPlan:
        """The batches of an epoch. The last two plans are kept."""
        with self._lock:
            if epoch not in self._plans:
                self._plans[epoch] = plan_epoch(
                    self._lengths,
                    self._counts,
                    seed=self._seed,
                    epoch=epoch,
                    batch_tokens=self._batch_tokens,
                    max_sentences=self._max_sentences,
                    window=self._window,
                )
                while len(self._plans) > 2:
                    del self._plans[next(iter(self._plans))]
            return self._plans[epoch]

    def batches(self, epoch: int = 0) -> int:
        """Number of micro-batches of an epoch, over all ranks."""
        return self.plan(epoch).batches

    def micro_batch(self, epoch: int, index: int) -> BatchT:
        """Micro-batch number `index` of an epoch; past its end the next epoch follows."""
        where = self.advance(Position(epoch, index), 0)
        corpora, samples = self.plan(where.epoch).indices(where.position)
        return self._collate(corpora, samples, where.epoch, where.position)

    def advance(self, state: Position, count: int) -> Position:
        """The state `count` micro-batches later."""
        epoch, position = state[0], state[1] + count
        while position >= (batches := self.batches(epoch)):
            epoch, position = epoch + 1, position - batches
        return Position(epoch, position)

    def updates(self, state: Place = ()) -> Iterator[tuple[list[BatchT], Position]]:
        """Without end: this rank's micro-batches of the next update, and the state after it."""
        state = Position(*state)
        batches = self._prefetched(self._places(state))
        while True:
            state = self.advance(state, self.accumulation * self.world)
            yield [next(batches) for _ in range(self.accumulation)], state

    def epoch(self, epoch: int = 0) -> Iterator[BatchT]:
        """Every micro-batch of one epoch, whatever the rank: for validation."""
        return self._prefetched(Position(epoch, index) for index in range(self.batches(epoch)))

    def _places(self, state: Position) -> Iterator[Position]:
        place = self.advance(state, self.rank)
        while True:
            yield place
            place = self.advance(place, self.world)

    def _prefetched(self, places: Iterator[Position]) -> Iterator[BatchT]:
        """The batches at these places, in this order, prepared ahead by threads."""
        if self.workers == 0:
            for place in places:
                yield self.micro_batch(*place)
            return
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="anyglot-batches")
        waiting: deque[Future[BatchT]] = deque()
        try:
            for place in places:
                waiting.append(pool.submit(self.micro_batch, *place))
                if len(waiting) > 2 * self.workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class Alternation(Generic[BatchT]):
    """Loaders that take turns, one update each. Its place is theirs in a row, then whose turn it is."""

    def __init__(self, loaders: Sequence[Loader[BatchT]]) -> None:
        self.loaders = tuple(loaders)
        self.names = tuple(name for loader in loaders for name in loader.names)
        self.facts = tuple(fact for loader in loaders for fact in loader.facts)
        self.fingerprint = hashlib.sha256(" ".join(loader.fingerprint for loader in loaders).encode()).hexdigest()

    @property
    def samples(self) -> int:
        """Samples of an epoch of each loader together."""
        return sum(loader.samples for loader in self.loaders)

    def updates(self, state: Place = ()) -> Iterator[tuple[list[BatchT], Place]]:
        """Without end: this rank's micro-batches of the next update, and the place after it."""
        *flat, turn = state or (*(0,) * (2 * len(self.loaders)), 0)
        if len(flat) != 2 * len(self.loaders):
            raise ValueError(f"{state} is no place of {len(self.loaders)} loaders in turns")
        places = [Position(*flat[2 * number : 2 * number + 2]) for number in range(len(self.loaders))]
        streams = [loader.updates(place) for loader, place in zip(self.loaders, places, strict=True)]
        while True:
            batches, places[turn] = next(streams[turn])
            turn = (turn + 1) % len(streams)
            yield batches, (*itertools.chain.from_iterable(places), turn)

    def epoch(self, epoch: int = 0) -> Iterator[BatchT]:
        """Every micro-batch of one epoch of each loader: for validation."""
        return itertools.chain.from_iterable(loader.epoch(epoch) for loader in self.loaders)

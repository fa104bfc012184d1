from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from anyglot.data.order import EpochPlan, plan_epoch

CASES = st.fixed_dictionaries(
    {
        "sizes": st.lists(st.integers(1, 40), min_size=1, max_size=4),
        "per_epoch": st.lists(st.integers(1, 60), min_size=4, max_size=4),
        "seed": st.integers(0, 2**32),
        "batch_tokens": st.integers(30, 200),
        "max_sentences": st.none() | st.integers(1, 9),
        "window": st.integers(1, 200),
    }
)


def lengths_of(sizes: list[int]) -> list[NDArray[np.int32]]:
    random = np.random.default_rng(sum(sizes))
    return [random.integers(2, 31, size=(size, 2)).astype(np.int32) for size in sizes]


def plan(case: dict, epoch: int, **changes: object) -> EpochPlan:  # type: ignore[type-arg]
    arguments = {name: case[name] for name in ("seed", "batch_tokens", "max_sentences", "window")} | changes
    counts = np.array(case["per_epoch"][: len(case["sizes"])])
    return plan_epoch(lengths_of(case["sizes"]), counts, epoch=epoch, **arguments)  # type: ignore[arg-type]


def rows(planned: EpochPlan) -> list[tuple[int, int]]:
    batches = [planned.indices(number) for number in range(planned.batches)]
    return [pair for corpora, samples in batches for pair in zip(corpora.tolist(), samples.tolist(), strict=True)]


@settings(max_examples=60, deadline=None)
@given(CASES, st.integers(0, 5))
def test_budget_is_never_exceeded_and_nothing_is_lost(case: dict, epoch: int) -> None:  # type: ignore[type-arg]
    planned, lengths = plan(case, epoch), lengths_of(case["sizes"])
    for number in range(planned.batches):
        corpora, samples = planned.indices(number)
        longest = max(int(lengths[i][j].max()) for i, j in zip(corpora, samples, strict=True))
        assert 0 < len(corpora) * longest <= case["batch_tokens"]
        assert case["max_sentences"] is None or len(corpora) <= case["max_sentences"]
    drawn = Counter(corpus for corpus, _ in rows(planned))
    assert drawn == dict(enumerate(case["per_epoch"][: len(case["sizes"])]))


@settings(max_examples=40, deadline=None)
@given(CASES)
def test_every_sample_is_seen_once_in_every_permutation(case: dict) -> None:  # type: ignore[type-arg]
    epochs = 6
    seen = Counter(pair for epoch in range(epochs) for pair in rows(plan(case, epoch)))
    for corpus, size in enumerate(case["sizes"]):
        taken = case["per_epoch"][corpus] * epochs
        times = [seen[corpus, sample] for sample in range(size)]
        # The stream is whole permutations and a part of the next one: no count is more than one from another.
        assert sum(times) == taken
        assert min(times) == taken // size and max(times) == -(-taken // size)


@settings(max_examples=30, deadline=None)
@given(CASES)
def test_the_plan_is_a_pure_function_of_seed_and_epoch(case: dict) -> None:  # type: ignore[type-arg]
    first = rows(plan(case, 3))
    rows(plan(case, 0))
    assert rows(plan(case, 3)) == first


def test_seeds_epochs_and_corpora_differ() -> None:
    case = {"sizes": [500, 500], "per_epoch": [500, 500], "seed": 1, "batch_tokens": 200, "max_sentences": None}
    case["window"] = 100_000
    base = rows(plan(case, 0))
    assert rows(plan(case, 1)) != base
    assert rows(plan(case, 0, seed=2)) != base
    # Two corpora of one size are permuted each in its own way, and a batch mixes them.
    small = rows(plan({**case, "per_epoch": [50, 50]}, 0))
    assert {s for c, s in small if c == 0} != {s for c, s in small if c == 1}


def test_sorting_in_windows_saves_padding_and_batches_are_shuffled() -> None:
    random = np.random.default_rng(0)
    lengths = [random.integers(2, 101, size=(5000, 1)).astype(np.int32)]
    arguments = {"counts": np.array([5000]), "seed": 0, "epoch": 0, "batch_tokens": 1000}
    sorted_plan = plan_epoch(lengths, window=65_536, **arguments)  # type: ignore[arg-type]
    unsorted = plan_epoch(lengths, window=1, **arguments)  # type: ignore[arg-type]
    assert unsorted.batches == 5000
    used = lengths[0].sum() / (sorted_plan.batches * 1000)
    assert used > 0.93
    longest = [lengths[0][sorted_plan.indices(batch)[1]].max() for batch in range(sorted_plan.batches)]
    assert np.abs(np.corrcoef(longest, np.arange(len(longest)))[0, 1]) < 0.3


def test_a_sample_above_the_budget_is_refused() -> None:
    with pytest.raises(ValueError, match="40 tokens does not fit a batch of 39"):
        plan_epoch([np.array([[40, 3]], dtype=np.int32)], np.array([1]), seed=0, epoch=0, batch_tokens=39)

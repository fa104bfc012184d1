"""Top tokens against a plain sort, ties included; log-probabilities against log_softmax."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anyglot.inference.decoding.logits import Logits, top_places
from anyglot.inference.decoding.selection import candidates
from support.toy_step_models import PROMPT


@given(
    seed=st.integers(0, 1000),
    rows=st.integers(1, 6),
    width=st.integers(1, 60),
    count=st.integers(1, 12),
    levels=st.integers(1, 50),
    kind=st.sampled_from([torch.float32, torch.bfloat16]),
)
@settings(max_examples=80, deadline=None)
def test_top_places_is_a_stable_sort(
    seed: int, rows: int, width: int, count: int, levels: int, kind: torch.dtype
) -> None:
    drawn = torch.randint(0, levels, (rows, width), generator=torch.Generator().manual_seed(seed))
    logits = drawn.to(kind)
    values, tokens = top_places(logits, count)
    expected = logits.sort(dim=1, descending=True, stable=True)
    assert torch.equal(tokens, expected.indices[:, :count])
    assert torch.equal(values, expected.values[:, :count])


def test_candidates_are_log_probabilities_without_the_banned() -> None:
    logits = torch.randn(7, 50, generator=torch.Generator().manual_seed(0)) * 3
    logits[:, 0] = 20.0  # banned, and the best of all
    untouched = logits.clone()
    logs = logits.log_softmax(dim=1)
    for may_end in (True, False):
        scores, tokens = candidates(logits, 10, PROMPT, may_end=may_end)
        torch.testing.assert_close(scores, logs.gather(1, tokens))
        allowed = logs.clone()
        allowed[:, [0, 1] if may_end else [0, 1, 2]] = -torch.inf
        assert torch.equal(tokens, allowed.topk(10, dim=1).indices)
    assert torch.equal(logits, untouched)


def test_rows_at_their_limit_can_only_end() -> None:
    logits = torch.randn(3, 20, generator=torch.Generator().manual_seed(1))
    forced = torch.tensor([-1, 2, -1])
    scores, tokens = candidates(logits, 4, PROMPT, may_end=True, forced=forced)
    assert tokens[1].tolist() == [2, 2, 2, 2]
    assert scores[1, 1:].tolist() == [-torch.inf] * 3
    assert scores[1, 0] == logits.log_softmax(dim=1)[1, 2]
    assert scores[[0, 2]].isfinite().all()


@pytest.mark.parametrize("size", [40, 16_384, 50_001])
def test_a_vocabulary_in_parts_has_the_best_of_the_whole(size: int) -> None:
    """Ties across parts and groups, banned tokens and tokens asked for included."""
    generator = torch.Generator().manual_seed(size)
    logits = torch.randint(-3, 9, (5, size), generator=generator).float()
    banned, wanted = (0, 7, size - 1), torch.tensor([0, 1, size - 1, size // 2, 7])
    best = Logits.of(logits).best(6, banned=banned, wanted=wanted)
    allowed = logits.clone()
    allowed[:, list(banned)] = -torch.inf
    expected = allowed.sort(dim=1, descending=True, stable=True)
    assert torch.equal(best.tokens, expected.indices[:, :6])
    assert torch.equal(best.values, expected.values[:, :6])
    torch.testing.assert_close(best.normalizer, logits.logsumexp(dim=1))
    assert best.wanted is not None and torch.equal(best.wanted, logits.gather(1, wanted[:, None])[:, 0])

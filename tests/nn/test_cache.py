"""Taking positions back: the pools are laid out, and what follows is computed, as if they had never been there."""

import pytest
import torch

from anyglot.nn.cache import Cache

CPU = torch.device("cpu")


def fill(cache: Cache, rows: int, positions: int, value: float) -> torch.Tensor:
    """Decode positions whose keys and values are all one number."""
    mask = cache.advance(rows, positions, CPU)
    keys = torch.full((rows // cache.beams, 2, cache.beams * positions, 4), value)
    for layer in cache.layers:
        layer.own.append(keys, -keys)
    return mask


def test_taking_back_leaves_what_never_having_had_it_leaves() -> None:
    wandering, straight = Cache(2), Cache(2)
    for step, (positions, back) in enumerate([(1, 0), (7, 3), (30, 30), (40, 38), (2, 1), (1, 1)]):
        if positions > back:
            fill(wandering, 3, positions - back, step + 1.0)
            fill(straight, 3, positions - back, step + 1.0)
        if back:
            fill(wandering, 3, back, -99.0)
        wandering.forget(back)
        assert wandering.length == straight.length
        assert wandering.visible is not None and straight.visible is not None
        assert wandering.visible.sum() == straight.visible.sum() == 3 * straight.length
        for one, other in zip(wandering.layers, straight.layers, strict=True):
            assert one.own.keys is not None and other.own.keys is not None
            seen = one.own.keys[:, :, : wandering.length]
            assert torch.equal(seen, other.own.keys[:, :, : straight.length]) and float(seen.min()) > 0
    mask = fill(wandering, 3, 2, 50.0)
    assert mask.shape[:3] == (3, 1, 2)
    assert mask[0, 0].sum(dim=1).tolist() == [wandering.length - 1, wandering.length]
    assert mask[0, 0, :, : wandering.length - 1].all(), "slots are positions"


def test_what_cannot_be_taken_back() -> None:
    cache = Cache(1)
    cache.forget(0)
    fill(cache, 1, 3, 1.0)
    with pytest.raises(ValueError, match="4 of 3 positions"):
        cache.forget(4)
    beams = Cache(1, beams=2)
    fill(beams, 2, 3, 1.0)
    with pytest.raises(ValueError, match="2 rows a sentence"):
        beams.forget(1)

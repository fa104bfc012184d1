"""Encoders and encoder-decoders: padding, sharing, caches, edits."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from anyglot.errors import UserError
from anyglot.models.build import build_encoder_decoder, drop_skips, dropped_skips
from anyglot.models.config import StackConfig
from anyglot.nn.attention import Memory
from support.model_builders import VOCABULARY, WIDTH, batch, encoder, encoder_config, model, model_config

CLOSE = {"atol": 2e-6, "rtol": 1e-5}


def test_padding_does_not_reach_real_positions() -> None:
    whole, (tokens, mask) = encoder(), batch([6, 3])
    other = tokens.masked_fill(~mask, 9)
    assert torch.equal(whole(tokens, mask).last[mask], whole(other, mask).last[mask])
    torch.testing.assert_close(whole(tokens[1:, :3], mask[1:, :3]).last[0], whole(tokens, mask).last[1, :3], **CLOSE)


def test_later_targets_do_not_reach_earlier_positions() -> None:
    whole, (source, mask), (target, _) = model(), batch([5, 2]), batch([6, 6], seed=2)
    changed = target.clone()
    changed[:, 4:] = 5
    before, after = whole(source, mask, target), whole(source, mask, changed)
    assert torch.equal(before[:, :4], after[:, :4]) and not torch.allclose(before[:, 4:], after[:, 4:])


def test_sharing() -> None:
    whole = model()
    tokens = whole.encoder.embeddings.tokens.weight
    assert whole.decoder.embeddings.tokens.weight is tokens and whole.output.weight is tokens
    apart = model(share_embeddings=False, tie_output=False, output_bias=True)
    tables = {id(one) for one in (
        apart.encoder.embeddings.tokens.weight, apart.decoder.embeddings.tokens.weight, apart.output.weight
    )}  # fmt: skip
    assert len(tables) == 3 and apart.output.bias is not None
    assert apart.output(torch.zeros(2, WIDTH)).shape == (2, VOCABULARY)


@pytest.mark.parametrize("steps", [[1] * 40, [3, 1, 4, 1, 1]])
def test_a_cache_changes_nothing(steps: list[int]) -> None:
    """Also beyond one block of the cache's buffers (32 positions)."""
    whole, (source, mask) = model(), batch([5, 2])
    target, _ = batch([sum(steps)] * 2, seed=2)
    memory, cache = whole.encode(source, mask), whole.new_cache()
    found, start = [], 0
    for length in steps:
        found.append(whole.decode(memory, target[:, start : start + length], cache=cache))
        start += length
        assert cache.length == start
    torch.testing.assert_close(torch.cat(found, dim=1), whole.decode(memory, target), **CLOSE)


@pytest.mark.parametrize("grouped", [False, True])
def test_reordered_beams_and_finished_sentences(grouped: bool) -> None:
    """Beams copy other beams' pasts, then one sentence leaves the batch: equal to decoding each row from its start.

    Whether the beams of a sentence share a pool of keys or have one each is all the same.
    """
    whole, (source, mask), beams = model(), batch([5, 2, 4]), 2
    memory, cache = whole.encode(source, mask), whole.new_cache(beams if grouped else 1)
    prefixes, _ = batch([3] * 6, seed=2)
    whole.decode(memory, prefixes, cache=cache)
    rows = torch.tensor([1, 1, 2, 3, 5, 4])
    cache.reorder(rows)
    prefixes = prefixes[rows]
    step, _ = batch([1] * 6, seed=3)
    prefixes = torch.cat([prefixes, step], dim=1)
    whole.decode(memory, step, cache=cache)
    kept, rows = torch.tensor([0, 2]), torch.tensor([1, 0, 4, 4])
    cache.reorder(rows)
    cache.keep_sentences(kept)
    memory, prefixes = Memory(memory.states[kept], memory.mask[kept]), prefixes[rows]
    step, _ = batch([1] * 4, seed=4)
    found = whole.decode(memory, step, cache=cache)[:, 0]
    repeated = Memory(memory.states.repeat_interleave(beams, 0), memory.mask.repeat_interleave(beams, 0))
    expected = whole.decode(repeated, torch.cat([prefixes, step], dim=1))[:, -1]
    torch.testing.assert_close(found, expected, **CLOSE)


def test_dropped_skips_are_read_from_the_model() -> None:
    path = "encoder.stack.blocks.1.self_attention"
    whole = model()
    drop_skips(whole, (path,))
    assert dropped_skips(whole) == (path,)
    built = build_encoder_decoder(model_config(dropped_skips=(path,)))
    assert dropped_skips(built) == (path,) and not built.encoder.stack.blocks[1].self_attention.skip
    for wrong in ("encoder.stack.blocks.9.self_attention", "encoder.stack", ""):
        with pytest.raises(UserError, match="no residual connection"):
            drop_skips(whole, (wrong,))


@pytest.mark.parametrize(
    "changes",
    [
        {"unknown": 1},
        {"decoder": StackConfig(layers=1, width=WIDTH, heads=2, feedforward_width=4, norm_first=True)},
        {
            "decoder": StackConfig(
                layers=1, width=4, heads=2, feedforward_width=4, norm_first=True, cross_attention=True
            )
        },
        {"padding_id": -1},
        {"encoder": {"kind": "encoder"}},
    ],
)
def test_configs_are_checked(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        model_config(**changes)


def test_configs_are_frozen() -> None:
    with pytest.raises(ValidationError):
        encoder_config().padding_id = 3  # type: ignore[misc]

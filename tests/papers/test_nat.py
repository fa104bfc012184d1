"""The Transformer with CTC: what its canvas sees, its loss beside CTC of the whole vocabulary, its switches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from anyglot.data.batch import TranslationBatch
from anyglot.errors import UserError
from anyglot.models.parallel import ParallelEncoderDecoder
from anyglot.models.restrict import restrict_output
from anyglot.models.store import load_model, save_model
from anyglot.training.methods.baselines.nat_ctc import NatCtc, NatCtcOptions
from anyglot.training.recipe.static_configs import StubTokenizer
from support.tiny_sixt import WORDS, batch

ENCODER = {"layers": 2, "width": 32, "heads": 4, "feedforward_width": 48, "dropout": 0.0}
DECODER = {"layers": 2, "heads": 4, "feedforward_width": 48, "dropout": 0.0}
BLANK = 3


def nat(**options: Any) -> tuple[NatCtc, ParallelEncoderDecoder]:
    method = NatCtc(NatCtcOptions.model_validate({"encoder": ENCODER, "decoder": DECODER, **options}))
    model = method.build(StubTokenizer(WORDS), seed=4)
    torch.manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return method, model


def uneven(seed: int = 0) -> TranslationBatch:
    """Sources of 9, 5 and 6 tokens, targets of 3, 8 and 5."""
    full = batch(seed, sentences=3)
    source_mask = torch.arange(9) < torch.tensor([[9], [5], [6]])
    target_mask = torch.arange(8) < torch.tensor([[3], [8], [5]])
    output = full.target_output.masked_fill(~target_mask, 1)
    output[torch.arange(3), target_mask.sum(dim=1) - 1] = 2
    return replace(
        full,
        source=full.source.masked_fill(~source_mask, 1),
        source_mask=source_mask,
        target_output=output,
        target_mask=target_mask,
    )


@pytest.mark.parametrize("canvas_input", ["mask", "copy"])
@pytest.mark.parametrize("frame", [False, True])
def test_the_loss_is_ctc_of_the_whole_vocabulary(canvas_input: str, frame: bool) -> None:
    method, model = nat(canvas_input=canvas_input, frame=frame)
    data = uneven()
    losses = method.losses(model, data)
    expected = torch.zeros(())
    for row in range(3):
        source, target = data.source[row][data.source_mask[row]], data.target_output[row][data.target_mask[row]]
        labels = torch.cat([torch.tensor([0]), target]) if frame else target[:-1]
        scores = model.output(model(source[None], torch.ones(1, len(source), dtype=torch.bool)))
        assert len(scores) == 2 * len(source)
        log_probabilities = functional.log_softmax(scores, dim=-1)[:, None]
        expected = expected + functional.ctc_loss(
            log_probabilities, labels[None], torch.tensor([len(scores)]), torch.tensor([len(labels)]), BLANK, "sum"
        )
    torch.testing.assert_close(losses.total, expected, rtol=1e-5, atol=1e-4)
    assert losses.tokens == 16 and float(losses.parts["infeasible"]) == 0


@pytest.mark.parametrize("position", [0, 5, 11])
def test_every_position_sees_the_whole_canvas(position: int) -> None:
    """A decoder that writes word by word would show the first position itself alone."""
    _, model = nat()
    memory = model.read(*(part[:1, :6] for part in (batch().source, batch().source_mask)))
    _, mask = model.canvas(memory)
    vectors = torch.randn(1, 12, 32, generator=torch.Generator().manual_seed(1), requires_grad=True)
    hidden = model.decoder(torch.zeros(1, 12, dtype=torch.int64), mask, memory, vectors=vectors)
    [gradient] = torch.autograd.grad(hidden[0, position].pow(2).sum(), vectors)
    assert bool((gradient[0].abs().sum(dim=1) > 1e-6).all())


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_a_canvas_is_factor_times_its_own_source(factor: int) -> None:
    _, model = nat(canvas_factor=factor)
    data = uneven()
    tokens, mask = model.canvas(model.read(data.source, data.source_mask))
    assert mask.sum(dim=1).tolist() == [factor * length for length in (9, 5, 6)]
    assert set(tokens[mask].tolist()) == {model.config.canvas.mask_id} and set(tokens[~mask].tolist()) <= {1}


def test_copied_states_stand_behind_one_another() -> None:
    """Position t of the canvas begins with the state of source token t // factor."""
    _, model = nat(canvas_input="copy", canvas_factor=3)
    data, seen = uneven(), []
    model.decoder.embeddings.register_forward_hook(lambda *_: seen.append(True))
    memory = model.read(data.source, data.source_mask)
    canvas, mask = model.canvas(memory)
    found = model.align(canvas, mask, memory)
    assert not seen, "the canvas was made of tokens"
    spread = torch.stack([memory.states[:, place // 3] for place in range(27)], dim=1)
    torch.testing.assert_close(found, model.decoder(canvas, mask, memory, vectors=spread)[mask])


def test_a_target_that_does_not_fit_is_counted_and_gives_no_gradient() -> None:
    method, model = nat(canvas_factor=1)
    data = batch(sentences=2)
    short = torch.arange(9) < torch.tensor([[9], [3]])
    data = replace(data, source_mask=short, source=data.source.masked_fill(~short, 1))
    both = method.losses(model, data)
    alone = method.losses(model, data.rows(0, 1))
    assert float(both.parts["infeasible"]) == 1 and int(both.counts["infeasible"]) == 2
    torch.testing.assert_close(both.total, alone.total)
    gradients = [torch.autograd.grad(each.total, list(model.parameters()), allow_unused=True) for each in (both, alone)]
    for one, other in zip(*gradients, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_a_canvas_too_small_for_all_is_refused() -> None:
    method, model = nat(canvas_factor=1)
    data = batch(sentences=20)
    short = replace(data, source=data.source[:, :3], source_mask=data.source_mask[:, :3])
    for _ in range(15):
        method.losses(model, short)
    with pytest.raises(UserError, match=r"not one target of the last 16 batches .* raise method\.canvas_factor"):
        method.losses(model, short)


def test_several_targets_by_projection() -> None:
    method, model = nat(target_languages=["en", "fr"])
    data = batch(sentences=4, target_language=torch.tensor([1, 2, 2, 1]))
    assert model.config.target_row("fr") == 2 and bool(torch.isfinite(method.losses(model, data).total))
    one, other = (model(data.source, data.source_mask, torch.full((4,), row)) for row in (1, 2))
    assert not torch.allclose(one, other)
    with pytest.raises(ValueError, match="a target projection but no target language"):
        model.read(data.source, data.source_mask)


@pytest.mark.parametrize("restricted", [False, True])
def test_a_folder_gives_the_model_back(tmp_path: Path, restricted: bool) -> None:
    _, model = nat(canvas_input="copy", target_languages=["en", "fr"])
    if restricted:
        restrict_output(model, torch.arange(0, 40), "here")
    save_model(model, tmp_path)
    loaded, data = load_model(tmp_path), batch()
    assert isinstance(loaded, ParallelEncoderDecoder) and loaded.output.size == (40 if restricted else WORDS)
    row = torch.ones(6, dtype=torch.int64)
    model.eval()
    assert torch.equal(loaded(data.source, data.source_mask, row), model(data.source, data.source_mask, row))
    assert loaded.decoder.embeddings.tokens.weight is loaded.output.weight is loaded.encoder.embeddings.tokens.weight


def test_a_restricted_output_needs_the_blank() -> None:
    _, model = nat()
    with pytest.raises(UserError, match="lack the blank 3"):
        restrict_output(model, torch.tensor([0, 1, 2, 8, 9]), "here")


def test_a_blank_that_is_no_piece_is_refused() -> None:
    class Tokenizer(StubTokenizer):
        def id_of(self, piece: str) -> None:  # type: ignore[override]
            return None

    with pytest.raises(UserError, match="no piece '#' to be the blank"):
        NatCtc(NatCtcOptions(blank="#")).build(Tokenizer(WORDS), seed=1)

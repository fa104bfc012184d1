"""A restricted output is the full one with the other logits at minus infinity: loss, gradients, searches, folders."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from anyglot.data.batch import TranslationBatch
from anyglot.errors import UserError
from anyglot.inference.decoding import LengthRule, SearchConstraints, beam_search, greedy_search
from anyglot.inference.generation.step_models import EncoderDecoderStepModel
from anyglot.models.config import EmbeddingsConfig, StackConfig
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.precision import multiplies_int8, prepare
from anyglot.models.pretrained.save import save_pretrained
from anyglot.models.restrict import restrict_output
from anyglot.models.store import load_model, save_model
from anyglot.training.methods.sixt.method import SixT, SixTOptions
from support.model_builders import VOCABULARY, WIDTH, batch, encoder_config, model

IDS = torch.tensor([0, 1, 2, 3, 5, 8, 9, 12])
OTHERS = [id for id in range(VOCABULARY) if id not in IDS]


def masked(**changes: object) -> EncoderDecoder:
    """The full table with the logits of all but the kept rows at minus infinity, by its bias."""
    full = model(**changes)
    bias = torch.zeros(VOCABULARY) if full.output.bias is None else full.output.bias.detach()
    full.output.bias = nn.Parameter(bias.index_fill(0, torch.tensor(OTHERS), -torch.inf))
    return full


def sentences(targets: Tensor) -> TranslationBatch:
    source, mask = batch([5, 3, 4])
    target_mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]], dtype=torch.bool)
    return TranslationBatch(
        source=source,
        source_mask=mask,
        target_input=torch.tensor([[2, 5, 8, 9], [2, 3, 1, 1], [2, 6, 12, 1]]),
        target_output=targets,
        target_mask=target_mask,
        pairs=torch.zeros(3, dtype=torch.int64),
    )


KEPT_TARGETS = torch.tensor([[5, 8, 9, 2], [3, 2, 1, 1], [12, 5, 2, 1]])


def frozen_or_not(frozen: bool, **changes: object) -> EncoderDecoder:
    """In eval mode: gradients flow, dropout does not blur the comparison."""
    built = model(**changes)
    if frozen:
        built.encoder.embeddings.requires_grad_(False)
        built.output.requires_grad_(False)
    return built


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("changes", [{}, {"output_bias": True}, {"tie_output": False}, {"share_embeddings": False}])
def test_loss_and_gradients_equal_those_of_the_masked_full_table(
    frozen: bool, smoothing: float, changes: dict[str, object]
) -> None:
    """Label smoothing spreads over the kept rows only: here over 8 of 13."""
    method = SixT(SixTOptions(start="", label_smoothing=smoothing))
    full, restricted = frozen_or_not(frozen, **changes), frozen_or_not(frozen, **changes)
    restrict_output(restricted, IDS, "test")
    rows = sentences(KEPT_TARGETS)
    found = method.losses(restricted, rows)
    found.total.backward()

    hidden = full(rows.source, rows.source_mask, rows.target_input)[rows.target_mask]
    logs = full.output(hidden).index_fill(-1, torch.tensor(OTHERS), -torch.inf).log_softmax(-1)
    wanted = torch.zeros_like(logs).index_fill(-1, IDS, smoothing / len(IDS))
    wanted.scatter_add_(1, KEPT_TARGETS[rows.target_mask][:, None], torch.full((len(wanted), 1), 1 - smoothing))
    expected = -(wanted * logs.index_fill(-1, torch.tensor(OTHERS), 0.0)).sum()
    expected.backward()

    torch.testing.assert_close(found.total, expected)
    torch.testing.assert_close(
        found.parts["nll"], functional.nll_loss(logs, KEPT_TARGETS[rows.target_mask], reduction="sum")
    )
    theirs = dict(full.named_parameters())
    for name, parameter in restricted.named_parameters():
        if theirs[name].grad is None:
            assert parameter.grad is None, name
        else:
            torch.testing.assert_close(parameter.grad, theirs[name].grad, atol=2e-5, rtol=1e-4, msg=name)


def test_a_restricted_loss_is_another_loss() -> None:
    method, rows = SixT(SixTOptions(start="")), sentences(KEPT_TARGETS)
    full, restricted = frozen_or_not(True), frozen_or_not(True)
    restrict_output(restricted, IDS, "test")
    assert method.losses(restricted, rows).total < method.losses(full, rows).total - 0.5


def test_a_target_that_is_not_kept() -> None:
    """Refused; or, by choice, learned as the unknown token."""
    method, rows = SixT(SixTOptions(start="")), frozen_or_not(True)
    outside = sentences(KEPT_TARGETS.where(KEPT_TARGETS != 9, 10))
    restrict_output(rows, IDS, "test")
    with pytest.raises(ValueError, match="token 10 is not among the 8 rows"):
        method.losses(rows, outside)
    restrict_output(rows, IDS, "test", unknown=3)
    unknown = sentences(KEPT_TARGETS.where(KEPT_TARGETS != 9, 3))
    assert method.losses(rows, outside).total == method.losses(rows, unknown).total


@pytest.mark.parametrize("beams", [1, 4])
@pytest.mark.parametrize("changes", [{}, {"output_bias": True}, {"share_embeddings": False}])
def test_searches_equal_those_of_the_masked_full_table(beams: int, changes: dict[str, object]) -> None:
    full, restricted = model(**changes), model(**changes)
    restrict_output(restricted, IDS, "test")
    source, mask = batch([7, 4, 6, 5])
    prompt = SearchConstraints(
        start=((2, 5), (2, 8), (2, 5), (2, 9)), end=2, never=(0, 1, 4), prefixes=((), (9,), (12, 5), ())
    )
    stepping = EncoderDecoderStepModel(restricted)
    options = {"length": LengthRule(9)}

    def search(step_model: EncoderDecoderStepModel, wanted: SearchConstraints):  # type: ignore[no-untyped-def]
        if beams == 1:
            return [[one] for one in greedy_search(step_model, source, mask, wanted, **options)]
        return beam_search(step_model, source, mask, wanted, beams=beams, **options)

    found = [stepping.hypotheses(each) for each in search(stepping, stepping.prompt(prompt))]
    expected = search(EncoderDecoderStepModel(masked(**changes)), prompt)
    assert len(found) == 4
    for ours, theirs in zip(found, expected, strict=True):
        assert [list(one.tokens) for one in ours] == [list(one.tokens) for one in theirs]
        assert [one.cut for one in ours] == [one.cut for one in theirs]
        assert [one.score for one in ours] == pytest.approx([one.score for one in theirs], rel=1e-5)
    written = {token for each in found for one in each for token in one.tokens}
    assert written <= set(IDS.tolist()) and len(written) > 2
    unmasked = search(EncoderDecoderStepModel(full), prompt)
    assert all(abs(one[0].score - other[0].score) > 1e-3 for one, other in zip(unmasked, found, strict=True))


@pytest.mark.skipif(not multiplies_int8(torch.device("cpu")), reason="this processor has no int8 products")
def test_int8_rows_are_those_of_the_whole_table_in_int8() -> None:
    """Kept rows keep their scales, so restricting and quantising commute, bit for bit."""
    full, restricted = (prepare(model(output_bias=True), "int8", torch.device("cpu")) for _ in range(2))
    restrict_output(restricted, IDS, "test")
    before = model(output_bias=True)
    restrict_output(before, IDS, "test")
    before = prepare(before, "int8", torch.device("cpu"))
    hidden = torch.randn(6, WIDTH)
    expected = full.output(hidden)[:, IDS]
    assert torch.equal(restricted.output(hidden), expected) and torch.equal(before.output(hidden), expected)


def test_a_prompt_needs_its_tokens() -> None:
    restricted = model()
    restrict_output(restricted, IDS, "test")
    with pytest.raises(UserError, match="lacks token 4"):
        EncoderDecoderStepModel(restricted).prompt(SearchConstraints(start=(2, 4), end=2))
    with pytest.raises(UserError, match="lacks token 7"):
        EncoderDecoderStepModel(restricted).prompt(SearchConstraints(start=(2,), end=2, prefixes=((7,),)))


def test_a_folder_remembers_the_rows(tmp_path: Path) -> None:
    restricted = model(output_bias=True)
    restrict_output(restricted, IDS, "test")
    save_model(restricted, tmp_path)
    again = load_model(tmp_path)
    assert isinstance(again, EncoderDecoder) and again.output.rows is not None
    assert torch.equal(again.output.rows.ids, IDS) and again.config.output_rows == len(IDS)
    hidden = torch.randn(2, 8)
    torch.testing.assert_close(again.output(hidden), restricted.output(hidden))
    again.output.restrict(None)
    save_model(again, tmp_path)
    whole = load_model(tmp_path)
    assert isinstance(whole, EncoderDecoder) and whole.output.rows is None and whole.config.output_rows is None


@pytest.mark.parametrize("rows", [None, IDS[:-1], IDS.flip(0), IDS + 5, IDS[3:]])
def test_a_folder_with_wrong_rows_is_refused(tmp_path: Path, rows: Tensor | None) -> None:
    restricted = model()
    restrict_output(restricted, IDS, "test")
    save_model(restricted, tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    name = next(name for name, tensor in tensors.items() if tensor.dtype == torch.int64)
    tensors = {key: tensor for key, tensor in tensors.items() if key != name}
    if rows is not None:
        tensors[name] = rows.contiguous()
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(UserError, match="rows"):
        load_model(tmp_path)


def test_the_end_token_must_be_kept() -> None:
    with pytest.raises(UserError, match="lack 2, the end of a translation"):
        restrict_output(model(), torch.tensor([0, 1, 3]), "test")


def test_a_restricted_model_is_no_transformers_folder(tmp_path: Path) -> None:
    """No family of transformers can say it; the same model with the whole output can be saved."""
    table = EmbeddingsConfig(vocabulary_size=VOCABULARY, width=WIDTH, positions="sinusoidal", norm=False, scale="sqrt")
    stack = StackConfig(layers=1, width=WIDTH, heads=2, feedforward_width=12, norm_first=True, attention_dropout=0.0)
    built = model(encoder=encoder_config(embeddings=table, stack=stack, family="m2m_100"), decoder_embeddings=table)
    save_pretrained(built, tmp_path / "whole", "m2m_100")
    restrict_output(built, IDS, "test")
    with pytest.raises(UserError, match="output_rows=8"):
        save_pretrained(built, tmp_path / "restricted", "m2m_100")
    assert not (tmp_path / "restricted").exists()

"""A translator with adapters, decoded: groups follow their sentences, whatever is translated beside them."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from anyglot.inference.decoding import Hypothesis, LengthRule, beam_search, greedy_search, pad_batch
from anyglot.inference.generation.step_models import EncoderDecoderStepModel
from anyglot.models.build import add_adapters
from anyglot.models.config import AdapterConfig
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.precision import Precision, multiplies_int8
from anyglot.nn.adapter import Adapter
from support.varied_models import CPU, PAD, PROMPT, ready, sentences, varied_model

needs_int8 = pytest.mark.skipif(not multiplies_int8(CPU), reason="this processor has no int8 products")
GROUPS = ("de-en", "fr-en", "ru-en")


@pytest.fixture(scope="module")
def adapted() -> EncoderDecoder:
    model = varied_model()
    torch.manual_seed(8)
    add_adapters(model, AdapterConfig(groups=GROUPS, bottleneck=24))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("adapter.up", "adapter.up_bias")):
                parameter.normal_(0, 0.1)
    return model


def translate(model: EncoderDecoder, texts: list[list[int]], groups: list[int], search: str) -> list[Hypothesis]:
    source, mask = pad_batch(texts, PAD, "cpu")
    stepping = EncoderDecoderStepModel(model, group=torch.tensor(groups))
    length = LengthRule(maximum=12)
    if search == "greedy":
        return greedy_search(stepping, source, mask, PROMPT, length=length)
    return [found[0] for found in beam_search(stepping, source, mask, PROMPT, beams=3, length=length)]


@pytest.mark.parametrize("search", ["greedy", "beam"])
@pytest.mark.parametrize("precision", ["fp32", "bf16", pytest.param("int8", marks=needs_int8)])
def test_neighbours_of_other_groups_change_nothing(adapted: EncoderDecoder, precision: Precision, search: str) -> None:
    """Tokens and scores, to the last bit; sentences end at different steps, so groups must leave with them."""
    model, texts = ready(adapted, precision), sentences(24)
    groups = [place * 7 % 3 for place in range(len(texts))]
    together = translate(model, texts, groups, search)
    assert len({len(one.tokens) for one in together}) > 2, "all outputs are of one length"
    alone = [translate(model, [text], [group], search)[0] for text, group in zip(texts[:8], groups, strict=False)]
    assert alone == together[:8]
    pieces = [translate(model, texts[at : at + 5], groups[at : at + 5], search) for at in range(0, len(texts), 5)]
    assert [one for piece in pieces for one in piece] == together


def test_another_group_gives_another_translation(adapted: EncoderDecoder) -> None:
    texts = sentences(12)
    found = [translate(adapted, texts, [group] * len(texts), "greedy") for group in range(3)]
    assert all(len({tuple(one.tokens) for one in versions}) > 1 for versions in zip(*found, strict=True))


def test_adapters_of_zeros_give_the_model_back() -> None:
    plain, texts = varied_model(), sentences(8)
    source, mask = pad_batch(texts, PAD, "cpu")
    target = torch.randint(4, 90, (len(texts), 6), generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        expected = plain(source, mask, target)
        add_adapters(plain, AdapterConfig(groups=GROUPS, bottleneck=24))
        assert torch.equal(plain(source, mask, target, group=torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])), expected)


def test_steps_equal_teacher_forcing(adapted: EncoderDecoder) -> None:
    """With the decoding cache, a beam of two and groups that differ."""
    texts, group = sentences(4), torch.tensor([2, 0, 1, 2])
    source, mask = pad_batch(texts, PAD, "cpu")
    tokens = torch.randint(4, 90, (8, 5), generator=torch.Generator().manual_seed(6))
    tokens[:, 0] = 2
    with torch.no_grad():
        stepping = EncoderDecoderStepModel(adapted, group=group)
        state = stepping.start(source, mask, 2)
        stepped = [stepping.step(column, state).whole() for column in tokens.T]
        rows = torch.arange(4).repeat_interleave(2)
        whole = adapted.output(adapted(source[rows], mask[rows], tokens, group=group[rows]))
    torch.testing.assert_close(torch.stack(stepped, dim=1), whole, rtol=1e-4, atol=1e-4)


def test_groups_are_for_models_with_adapters(adapted: EncoderDecoder) -> None:
    source, mask = pad_batch(sentences(2), PAD, "cpu")
    with pytest.raises(ValueError, match="adapters but no groups"):
        adapted.encode(source, mask)
    with pytest.raises(ValueError, match="no adapters"):
        varied_model().encode(source, mask, group=torch.tensor([0, 0]))


def test_plain_products_in_adapters_would_move_results(adapted: EncoderDecoder) -> None:
    """The inverse: the mode on, but for the adapters."""
    model, texts = ready(adapted, "fp32"), sentences(40)
    for module in model.modules():
        if isinstance(module, Adapter):
            module.linear = functional.linear
    groups = [place * 7 % 3 for place in range(len(texts))]
    together = translate(model, texts, groups, "greedy")
    alone = [translate(model, [text], [group], "greedy")[0] for text, group in zip(texts, groups, strict=True)]
    assert sum(one != other for one, other in zip(alone, together, strict=True)) > 5

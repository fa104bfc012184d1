"""The Transformer with CTC, decoded: one pass, the same bits in any batch of sources of one length."""

from __future__ import annotations

import copy
from itertools import groupby

import pytest
import torch

from anyglot.inference.decoding import Hypothesis, pad_batch
from anyglot.inference.decoding.refine import Reading, refine
from anyglot.inference.generation.canvas_models import CtcCanvasModel
from anyglot.models.build import build_parallel_encoder_decoder
from anyglot.models.config import (
    CanvasConfig,
    EmbeddingsConfig,
    EncoderConfig,
    ParallelEncoderDecoderConfig,
    StackConfig,
)
from anyglot.models.parallel import ParallelEncoderDecoder
from anyglot.models.precision import Precision, multiplies_int8, prepare
from anyglot.models.restrict import restrict_output

VOCABULARY, WIDTH, BEGIN, PAD, END, BLANK = 300, 64, 0, 1, 2, 3
CPU = torch.device("cpu")
needs_int8 = pytest.mark.skipif(not multiplies_int8(CPU), reason="this processor has no int8 products")
PRECISIONS = ["fp32", "bf16", pytest.param("int8", marks=needs_int8)]


def varied(canvas_input: str = "copy") -> ParallelEncoderDecoder:
    """Weights large enough that every source is written otherwise."""
    torch.manual_seed(6)
    stack = {"layers": 2, "width": WIDTH, "heads": 4, "feedforward_width": 128, "activation": "gelu_tanh"}
    table = {"vocabulary_size": VOCABULARY, "width": WIDTH, "positions": "sinusoidal", "norm": False}
    model = build_parallel_encoder_decoder(
        ParallelEncoderDecoderConfig(
            encoder=EncoderConfig(embeddings=EmbeddingsConfig(**table), stack=StackConfig(**stack, norm_first=True)),
            canvas=CanvasConfig(mask_id=VOCABULARY - 1, blank_id=BLANK, frame=False),
            canvas_input=canvas_input,
            decoder_embeddings=EmbeddingsConfig(**table),
            decoder=StackConfig(**stack, norm_first=True, cross_attention=True),
            output_bias=True,
        )
    )
    assert model.output.bias is not None
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.mul_(2.5 if "attention" in name and name.endswith("weight") else 1.0)
        model.output.bias[BLANK] = 12.0
    return model.eval()


def ready(model: ParallelEncoderDecoder, precision: Precision) -> ParallelEncoderDecoder:
    return prepare(copy.deepcopy(model), precision, CPU)


def sources(count: int, length: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(length)
    return [[BEGIN, *torch.randint(4, 290, (length,), generator=generator).tolist(), END] for _ in range(count)]


def written(model: ParallelEncoderDecoder, texts: list[list[int]]) -> list[Hypothesis]:
    source, mask = pad_batch(texts, PAD, "cpu")
    found = refine(CtcCanvasModel(model), source, mask, rounds=0, reading=Reading((BEGIN, END)))
    return [one.hypotheses[0] for one in found]


@pytest.mark.parametrize("canvas_input", ["mask", "copy"])
@torch.no_grad()
def test_the_best_path_is_that_of_plain_logits(canvas_input: str) -> None:
    """Of sources of several lengths in one batch, each beside its own logits without the decoder's parts."""
    model = varied(canvas_input)
    texts = [sources(1, length)[0] for length in (3, 9, 6, 1)]
    for text, found in zip(texts, written(model, texts), strict=True):
        scores = model.output(model(torch.tensor([text]), torch.ones(1, len(text), dtype=torch.bool))).log_softmax(1)
        assert len(scores) == 2 * len(text)
        labels = [token for token, _ in groupby(scores.argmax(1).tolist()) if token not in (BLANK, BEGIN, END)]
        assert list(found.tokens) == labels
        assert found.log_probability == pytest.approx(float(scores.amax(1).sum()), abs=1e-3)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_sources_of_the_same_length_change_nothing(precision: Precision) -> None:
    model = ready(varied(), precision)
    for length in (5, 8, 19):
        texts = sources(12, length)
        together = written(model, texts)
        assert len({tuple(one.tokens) for one in together}) > 6, "the model ignores its input"
        assert [written(model, [text])[0] for text in texts] == together
        assert [*written(model, texts[:5]), *written(model, texts[5:])] == together


@pytest.mark.parametrize("precision", PRECISIONS)
@torch.no_grad()
def test_preparing_changes_little(precision: Precision) -> None:
    model, (source, mask) = varied(), pad_batch(sources(6, 8), PAD, "cpu")
    expected = model(source, mask)
    found = ready(model, precision)(source, mask).float()
    tolerance = {"fp32": 2e-4, "bf16": 0.3, "int8": 0.3}[precision]
    assert float((found - expected).pow(2).mean().sqrt() / expected.pow(2).mean().sqrt()) < tolerance


def test_a_restricted_output_writes_kept_tokens_alone() -> None:
    model = varied()
    kept = torch.tensor([BEGIN, PAD, END, BLANK, *range(100, 200)])
    restrict_output(model, kept, "here")
    found = written(model, sources(6, 9))
    assert {token for one in found for token in one.tokens} <= set(range(100, 200))
    assert sum(len(one.tokens) for one in found) > 6


def test_there_is_no_denoiser() -> None:
    source, mask = pad_batch(sources(2, 4), PAD, "cpu")
    with pytest.raises(ValueError, match="without a denoiser"):
        refine(CtcCanvasModel(varied()), source, mask, rounds=1)

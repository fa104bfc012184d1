"""A translation, tokens and scores, is bitwise the same whatever is translated beside it; and the test can fail."""

from __future__ import annotations

import pytest
import torch

from anyglot.inference.decoding import Hypothesis, LengthRule, beam_search, greedy_search, pad_batch
from anyglot.inference.generation.step_models import EncoderDecoderStepModel
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.precision import Precision, multiplies_int8
from anyglot.nn import quantized
from support.varied_models import CPU, END, PAD, PROMPT, VOCABULARY, ready, sentences, varied_model

needs_int8 = pytest.mark.skipif(not multiplies_int8(CPU), reason="this processor has no int8 products")
PRECISIONS = ["fp32", "bf16", pytest.param("int8", marks=needs_int8)]
SEARCHES = ["beam", "greedy"]


@pytest.fixture(scope="module")
def loaded() -> EncoderDecoder:
    return varied_model()


def promised(loaded: EncoderDecoder, precision: Precision) -> EncoderDecoder:
    """The model made ready, where the measurement says that its results do not depend on the batch here."""
    model = ready(loaded, precision)
    if not model.batch_invariant:
        pytest.skip("measured: this machine cannot")
    return model


def translate(model: EncoderDecoder, texts: list[list[int]], search: str, maximum: int = 12) -> list[list[Hypothesis]]:
    source, mask = pad_batch(texts, PAD, "cpu")
    length = LengthRule(maximum=maximum)
    if search == "greedy":
        return [[one] for one in greedy_search(EncoderDecoderStepModel(model), source, mask, PROMPT, length=length)]
    return beam_search(EncoderDecoderStepModel(model), source, mask, PROMPT, beams=5, length=length)


def in_batches(
    model: EncoderDecoder, texts: list[list[int]], search: str, size: int, order: list[int]
) -> list[list[Hypothesis]]:
    """Translate in batches of a size, in an order, and put the results back in place."""
    results: list[list[Hypothesis]] = [[] for _ in texts]
    for start in range(0, len(order), size):
        batch = order[start : start + size]
        for index, found in zip(batch, translate(model, [texts[index] for index in batch], search), strict=True):
            results[index] = found
    return results


def moved(model: EncoderDecoder, texts: list[list[int]], search: str, sizes: list[int], single: int) -> int:
    """Sentences whose result, tokens and scores, is another in some batching than in the first one.

    `single` sentences are also translated alone.
    """
    straight = list(range(len(texts)))
    shuffled = torch.randperm(len(texts), generator=torch.Generator().manual_seed(3)).tolist()
    first = in_batches(model, texts, search, sizes[0], straight)
    assert len({tuple(found[0].tokens) for found in first}) > len(texts) / 2, "the model ignores its input"
    assert len({len(found[0].tokens) for found in first}) > 2, "all outputs are of one length"
    others = [in_batches(model, texts, search, size, shuffled) for size in sizes[1:]]
    others.append([*in_batches(model, texts[:single], search, 1, straight[:single]), *first[single:]])
    return sum(any(other[index] != first[index] for other in others) for index in straight)


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_neighbours_order_and_batch_size_change_nothing(
    loaded: EncoderDecoder, precision: Precision, search: str
) -> None:
    assert moved(promised(loaded, precision), sentences(100), search, [16, 7, 100], single=10) == 0


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_thousand_sentences(loaded: EncoderDecoder, precision: Precision, search: str, threads: int) -> None:
    torch.set_num_threads(threads)
    try:
        assert moved(promised(loaded, precision), sentences(1000), search, [16, 1000, 37, 3], single=200) == 0
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("search", SEARCHES)
def test_without_the_mode_results_move(loaded: EncoderDecoder, search: str) -> None:
    """The inverse: the same sentences and batches, the mode off."""
    model = ready(loaded, "fp32", batch_independent=False)
    assert moved(model, sentences(60), search, [16, 7], single=10) > 10


@needs_int8
def test_one_scale_for_a_batch_would_move_results(loaded: EncoderDecoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The inverse for int8: the mode on, but one scale for all rows."""
    model, by_row = ready(loaded, "int8"), quantized.quantise_rows

    def by_tensor(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        whole, scale = by_row(x.reshape(1, -1))
        return whole.view(x.shape), scale.expand(len(x), 1)

    monkeypatch.setattr(quantized, "quantise_rows", by_tensor)
    assert moved(model, sentences(60), "greedy", [16, 7], single=10) > 10


def test_a_long_neighbour_changes_nothing(loaded: EncoderDecoder) -> None:
    """Padded from 32 to 512 keys."""
    model, texts = ready(loaded, "fp32"), sentences(5)
    alone = translate(model, texts, "beam")
    generator = torch.Generator().manual_seed(9)
    long = [0, *torch.randint(4, VOCABULARY, (400,), generator=generator).tolist(), END]
    assert translate(model, [*texts, long], "beam")[:5] == alone


@pytest.mark.parametrize("precision", PRECISIONS)
def test_preparing_changes_little(loaded: EncoderDecoder, precision: Precision) -> None:
    """Joined products, other attention, padding: the teacher-forced states stay close to the loaded model's."""
    source, mask = pad_batch(sentences(6), PAD, "cpu")
    target = torch.randint(4, VOCABULARY, (6, 9), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected = loaded(source, mask, target)
        found = ready(loaded, precision)(source, mask, target).float()
    tolerance = {"fp32": 2e-4, "bf16": 0.25, "int8": 0.25}[precision]
    assert float((found - expected).pow(2).mean().sqrt() / expected.pow(2).mean().sqrt()) < tolerance

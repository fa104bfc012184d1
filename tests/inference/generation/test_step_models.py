"""The EncoderDecoder as a step model: steps with a cache shared by beams equal whole forwards without one."""

import pytest
import torch

from anyglot.inference.decoding import LengthRule, SearchConstraints, beam_search, greedy_search, pad_batch
from anyglot.inference.generation.step_models import EncoderDecoderStepModel
from anyglot.models.build import build
from anyglot.models.config import EmbeddingsConfig, EncoderConfig, EncoderDecoderConfig, StackConfig
from anyglot.models.encoder_decoder import EncoderDecoder

VOCABULARY, WIDTH, END = 40, 16, 2
PROMPT = SearchConstraints(start=(END,), end=END, never=(0, 1))
SENTENCES = [[0, 5, 6, 7, 2], [0, 9, 2], [0, 11, 12, 13, 14, 15, 2], [0, 30, 31, 2]]


@pytest.fixture(scope="module")
def model() -> EncoderDecoder:
    torch.manual_seed(5)
    stack = {"layers": 2, "width": WIDTH, "heads": 2, "feedforward_width": 32}
    table = {"vocabulary_size": VOCABULARY, "width": WIDTH}
    config = EncoderDecoderConfig(
        encoder=EncoderConfig(
            embeddings=EmbeddingsConfig(**table, positions="learned", norm=True),
            stack=StackConfig(**stack, norm_first=False),
        ),
        decoder_embeddings=EmbeddingsConfig(**table, positions="sinusoidal", norm=False, scale="sqrt"),
        decoder=StackConfig(**stack, norm_first=True, cross_attention=True),
        tie_output=False,
    )
    built = build(config)
    assert isinstance(built, EncoderDecoder)
    with torch.no_grad():
        for name, parameter in built.named_parameters():
            parameter.mul_(4.0 if name.endswith("weight") and "norm" not in name and "tokens" not in name else 1.0)
    return built.eval()


@torch.no_grad()
def test_steps_equal_forwards_through_reorders_and_drops(model: EncoderDecoder) -> None:
    """Rows are shuffled within sentences and sentences are dropped; logits stay those of a fresh forward."""
    beams = 3
    source, mask = pad_batch(SENTENCES, 1, "cpu")
    stepping = EncoderDecoderStepModel(model)
    assert stepping.vocabulary_size == VOCABULARY
    state = stepping.start(source, mask, beams)
    sentences = torch.arange(len(source))
    history = torch.full((len(source) * beams, 0), 0)
    generator = torch.Generator().manual_seed(0)
    for step, leaving in enumerate([None, 1, None, 0, 2, None]):
        tokens = torch.randint(3, VOCABULARY, (len(history),), generator=generator)
        history = torch.cat([history, tokens[:, None]], dim=1)
        found = stepping.step(tokens, state).whole()
        rows = sentences.repeat_interleave(beams)
        whole = model.output(model(source[rows], mask[rows], history))[:, -1]
        torch.testing.assert_close(found, whole, atol=1e-4, rtol=1e-5, msg=lambda text, step=step: f"{step}: {text}")
        kept = [place for place, sentence in enumerate(sentences.tolist()) if sentence != leaving]
        parents = torch.cat([torch.randint(0, beams, (beams,), generator=generator) + place * beams for place in kept])
        stepping.reorder(state, parents)
        sentences, history = sentences[kept], history[parents]


def test_cross_keys_exist_once_a_sentence(model: EncoderDecoder) -> None:
    source, mask = pad_batch(SENTENCES, 1, "cpu")
    stepping = EncoderDecoderStepModel(model)
    with torch.no_grad():
        state = stepping.start(source, mask, 5)
        stepping.step(torch.full((20,), END), state)
    for layer in state.cache.layers:
        assert layer.memory is not None and layer.own.keys is not None
        assert layer.memory[0].shape[0] == 4
        assert layer.own.keys.shape[:3] == (4, 2, 32), "the beams of a sentence share a pool of slots"


@pytest.mark.parametrize("beams", [1, 4])
def test_padding_and_neighbours_change_nothing(model: EncoderDecoder, beams: int) -> None:
    source, mask = pad_batch(SENTENCES, 1, "cpu")
    stepping = EncoderDecoderStepModel(model)
    length = LengthRule(maximum=15)
    together = beam_search(stepping, source, mask, PROMPT, beams=beams, length=length)
    greedy = greedy_search(stepping, source, mask, PROMPT, length=length)
    assert len({tuple(hypotheses[0].tokens) for hypotheses in together}) >= 3, "the model ignores its input"
    for place, sentence in enumerate(SENTENCES):
        alone = beam_search(stepping, *pad_batch([sentence], 1, "cpu"), PROMPT, beams=beams, length=length)[0]
        assert [h.tokens for h in alone] == [h.tokens for h in together[place]]
        assert [h.score for h in alone] == pytest.approx([h.score for h in together[place]], abs=1e-4)
        if beams == 1:
            assert greedy[place].tokens == alone[0].tokens

"""Equal to transformers' `generate` on a model of ours, wrapped: 1,000 sentences, greedily and with a beam of 5.

The settings are those under which the rules coincide: length penalty 1 and `early_stopping=True` (ours: "full"), start
tokens given as `decoder_input_ids`, so that neither side counts them, and an end token at the limit that costs what the
model says (transformers' `forced_eos_token_id` makes it free). The weights are random and large, so that outputs differ
and the model is as decided as a trained one.

Of every difference the score gap is listed, and only gaps that rounding explains pass: in float64 the models
differ nowhere.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForSeq2SeqLM, LogitsProcessor, LogitsProcessorList

from anyglot.inference.decoding import Hypothesis, LengthRule, SearchConstraints, beam_search, greedy_search
from anyglot.inference.decoding.batching import pad_batch
from anyglot.inference.generation.step_models import EncoderDecoderStepModel
from anyglot.models.build import build_encoder_decoder
from anyglot.models.config import EmbeddingsConfig, EncoderConfig, EncoderDecoderConfig, StackConfig
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.pretrained.save import save_pretrained

BEGIN, PAD, END = 0, 1, 2
LANGUAGES = (4, 5)  # second start tokens, as a multilingual decoder has them
WORDS = range(6, 30)
VOCABULARY, LONGEST, LIMIT, BEAMS = 78, 12, 20, 5
# What rounding does to a score: float32's amplified by the large weights; in float64 what storing it in float32 leaves.
TOLERANCE = {torch.float32: 1e-4, torch.float64: 2e-6}


@dataclass(frozen=True)
class Difference:
    """A place of an n-best list where the two disagree, and by how much the scores there differ."""

    sentence: int
    rank: int
    ours: list[int]
    theirs: list[int]
    gap: float


@dataclass(frozen=True)
class Wrapped:
    """One set of weights in two bodies."""

    ours: EncoderDecoder
    theirs: Any


def config(family: str) -> EncoderDecoderConfig:
    learned = family == "mbart"
    embeddings = EmbeddingsConfig(
        vocabulary_size=VOCABULARY,
        width=32,
        positions="learned" if learned else "sinusoidal",
        position_rows=LONGEST + LIMIT + 4,
        norm=learned,
        scale="sqrt",
        dropout=0.0,
    )
    stack: dict[str, Any] = {
        "layers": 2, "width": 32, "heads": 4, "feedforward_width": 64, "norm_first": True, "activation": "relu",
        "dropout": 0.0,
    }  # fmt: skip
    return EncoderDecoderConfig(
        family=family,
        encoder=EncoderConfig(family=family, embeddings=embeddings, stack=StackConfig(**stack)),
        decoder_embeddings=embeddings,
        decoder=StackConfig(**stack, cross_attention=True),
    )


def sentences(count: int, seed: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, LONGEST - 1, (count,), generator=generator).tolist()
    words = torch.randint(WORDS.start, WORDS.stop, (count, LONGEST), generator=generator).tolist()
    return [[BEGIN, *row[:length], END] for row, length in zip(words, lengths, strict=True)]


@torch.no_grad()
def sharpen(model: EncoderDecoder) -> None:
    """Make random weights decide: outputs depend on the source, on the start tokens and on what was said, and end."""
    for name, parameter in model.named_parameters():
        if "tokens" in name:
            parameter.normal_(std=0.5)
        elif name.endswith("weight") and "norm" not in name and "positions" not in name:
            parameter.mul_(16.0 if "cross" in name else 4.0)
    ending = model.output.weight[END]
    norm = model.decoder.stack.final_norm
    assert norm is not None
    norm.bias.copy_(8.0 * ending / ending.pow(2).sum())  # every step's logit of the end token is 8 higher


@pytest.fixture(scope="module", params=["mbart", "m2m_100"])
def wrapped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Wrapped:
    torch.set_num_threads(1)
    torch.manual_seed(4)
    model = build_encoder_decoder(config(request.param))
    sharpen(model)
    folder: Path = tmp_path_factory.mktemp("wrapped") / request.param
    save_pretrained(model, folder)
    theirs = AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32)
    theirs.generation_config.forced_eos_token_id = None
    return Wrapped(model.eval(), theirs.eval())


class EndAtLimit(LogitsProcessor):
    """Leaves the end token alone at the limit, with its log-probability."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if input_ids.shape[1] < self.length:
            return scores
        return torch.full_like(scores, -torch.inf).index_copy(1, torch.tensor([END]), scores[:, [END]])


def generated(model: Any, batch: list[list[int]], starts: Tensor, **options: Any) -> tuple[list[list[int]], Any]:
    source, mask = pad_batch(batch, PAD, "cpu")
    found = model.generate(
        source,
        attention_mask=mask.long(),
        decoder_input_ids=starts,
        max_length=starts.shape[1] + LIMIT + 1,
        do_sample=False,
        suppress_tokens=[BEGIN, PAD, 3],
        logits_processor=LogitsProcessorList([EndAtLimit(starts.shape[1] + LIMIT)]),
        return_dict_in_generate=True,
        output_scores=True,
        **options,
    )
    rows = [row[starts.shape[1] :] for row in found.sequences.tolist()]
    return [row[: row.index(END)] for row in rows], found


def compare(wrapped: Wrapped, count: int, beams: int) -> tuple[list[Difference], float, list[list[Hypothesis]]]:
    """Both over the same sentences, their languages mixed in every batch.

    Returns:
        Where they differ, the largest score gap where they do not, and what ours found.
    """
    differences: list[Difference] = []
    every: list[list[Hypothesis]] = []
    largest = 0.0
    all_sentences = sentences(count, seed=1)
    for first in range(0, count, 50):
        batch = all_sentences[first : first + 50]
        starts = torch.tensor([[END, LANGUAGES[number % 2]] for number in range(len(batch))])
        prompt = SearchConstraints(tuple(map(tuple, starts.tolist())), END, never=(BEGIN, PAD, 3))
        arguments = (EncoderDecoderStepModel(wrapped.ours), *pad_batch(batch, PAD, "cpu"), prompt)
        length = LengthRule(LIMIT, minimum=0)
        if beams == 1:
            theirs, _ = generated(wrapped.theirs, batch, starts, num_beams=1)
            ours = [[hypothesis] for hypothesis in greedy_search(*arguments, length=length)]
            scores = [rescored(wrapped, batch, starts, theirs)]
            scores = [[score] for score in scores[0]]
        else:
            options = {"num_beams": beams, "num_return_sequences": beams, "early_stopping": True}
            theirs, found = generated(wrapped.theirs, batch, starts, length_penalty=1.0, **options)
            ours = beam_search(*arguments, beams=beams, length=length)
            scores = found.sequences_scores.view(-1, beams).tolist()
        for place, (hypotheses, row) in enumerate(zip(ours, scores, strict=True)):
            assert len(hypotheses) == beams
            for rank, (hypothesis, score) in enumerate(zip(hypotheses, row, strict=True)):
                other, gap = theirs[place * beams + rank], abs(hypothesis.score - score)
                if list(hypothesis.tokens) == other:
                    largest = max(largest, gap)
                else:
                    differences.append(Difference(first + place, rank, list(hypothesis.tokens), other, gap))
        every += ours
    return differences, largest, every


@torch.no_grad()
def rescored(wrapped: Wrapped, batch: list[list[int]], starts: Tensor, outputs: list[list[int]]) -> list[float]:
    """The length-normalized log-probability of outputs under transformers' model, which greedy `generate` withholds."""
    source, mask = pad_batch(batch, PAD, "cpu")
    inputs, _ = pad_batch(
        [[*start, *output] for start, output in zip(starts.tolist(), outputs, strict=True)], PAD, "cpu"
    )
    logs = wrapped.theirs(source, attention_mask=mask.long(), decoder_input_ids=inputs).logits.log_softmax(dim=2)
    return [
        sum(float(rows[1 + place, token]) for place, token in enumerate([*output, END])) / (len(output) + 1)
        for rows, output in zip(logs, outputs, strict=True)
    ]


def check(wrapped: Wrapped, count: int, beams: int) -> list[Difference]:
    differences, largest, found = compare(wrapped, count, beams)
    outputs = [tuple(hypothesis.tokens) for row in found for hypothesis in row]
    cut = sum(hypothesis.cut for row in found for hypothesis in row)
    kind = wrapped.ours.output.weight.dtype
    print(
        f"\n{wrapped.ours.config.family}, {kind}, {count} sentences, {beams} beams, {len(outputs)} outputs "
        f"({len(set(outputs))} different, {cut} cut at the limit): {len(differences)} differ; "
        f"largest score gap where they agree {largest:.1e}"
    )
    for difference in differences:
        print(difference)
    assert largest <= TOLERANCE[kind]
    assert all(difference.gap <= TOLERANCE[kind] for difference in differences)
    assert len(differences) <= count * beams // 100
    assert len(set(outputs)) > 0.5 * len(outputs), "outputs that are alike prove little"
    assert len({len(output) for output in outputs}) > 4
    return differences


@pytest.mark.parametrize("beams", [1, BEAMS])
def test_a_hundred_sentences_equal_generate(wrapped: Wrapped, beams: int) -> None:
    check(wrapped, 100, beams)


@pytest.mark.slow
@pytest.mark.parametrize("beams", [1, BEAMS])
def test_a_thousand_sentences_equal_generate(wrapped: Wrapped, beams: int) -> None:
    check(wrapped, 1000, beams)


@pytest.mark.parametrize("beams", [1, BEAMS])
def test_in_float64_nothing_differs(wrapped: Wrapped, beams: int) -> None:
    try:
        wrapped.ours.double(), wrapped.theirs.double()
        assert not check(wrapped, 100, beams)
    finally:
        wrapped.ours.float(), wrapped.theirs.float()


def test_a_forced_language_token_counts_in_length_there_and_not_here(wrapped: Wrapped) -> None:
    """`forced_bos_token_id` costs nothing but counts as a token: a score is theirs times (n + 2) over (n + 1)."""
    batch, language = sentences(40, seed=9), LANGUAGES[0]
    starts = torch.full((len(batch), 1), END)
    options = {"num_beams": BEAMS, "num_return_sequences": BEAMS, "early_stopping": True, "length_penalty": 1.0}
    theirs, found = generated(wrapped.theirs, batch, starts, forced_bos_token_id=language, **options)
    prompt = SearchConstraints((END, language), END, never=(BEGIN, PAD, 3))
    ours = beam_search(
        EncoderDecoderStepModel(wrapped.ours),
        *pad_batch(batch, PAD, "cpu"),
        prompt,
        beams=BEAMS,
        length=LengthRule(LIMIT - 1, minimum=0),
    )
    common = 0
    for place, hypotheses in enumerate(ours):
        score_of = {tuple(hypothesis.tokens): hypothesis.score for hypothesis in hypotheses}
        for rank in range(place * BEAMS, (place + 1) * BEAMS):
            assert theirs[rank][0] == language
            tokens = tuple(theirs[rank][1:])
            if tokens in score_of:
                common += 1
                expected = float(found.sequences_scores[rank]) * (len(tokens) + 2) / (len(tokens) + 1)
                assert score_of[tokens] == pytest.approx(expected, abs=TOLERANCE[torch.float32])
    # The other normalization may prefer others of the hypotheses that were finished, and so stop elsewhere.
    assert common > 0.9 * len(theirs)

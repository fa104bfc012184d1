"""Speculation finds what greedy search finds, tokens and scores to the last bit, whatever the draft; passes counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from anyglot.inference.decoding import (
    Hypothesis,
    LengthRule,
    SearchConstraints,
    Speculated,
    greedy_search,
    pad_batch,
    speculate,
)
from anyglot.inference.decoding.drafting import Draft
from anyglot.inference.generation.step_models import EncoderDecoderStepModel
from anyglot.models.build import build
from anyglot.models.config import AdapterConfig, EmbeddingsConfig, EncoderConfig, EncoderDecoderConfig, StackConfig
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.precision import Precision, multiplies_int8
from anyglot.models.restrict import restrict_output
from support import toy_step_models
from support.varied_models import CPU, END, PAD, PROMPT, VOCABULARY, ready, sentences, varied_model

needs_int8 = pytest.mark.skipif(not multiplies_int8(CPU), reason="this processor has no int8 products")
PRECISIONS = ["fp32", "bf16", pytest.param("int8", marks=needs_int8)]


class VerifyingTable(toy_step_models.TableModel):
    """The toy with a history that can be taken back. Counts passes."""

    passes = 0

    def alone(self, state: toy_step_models.TableState, sentence: int) -> toy_step_models.TableState:
        rows = slice(sentence, sentence + 1)
        return toy_step_models.TableState(state.sentences[rows], state.history[rows])

    def verify(self, tokens: Tensor, state: toy_step_models.TableState, last: int) -> Tensor:
        self.passes += 1
        return torch.cat([self.step(column, state) for column in tokens.T][-last:])

    def forget(self, state: toy_step_models.TableState, positions: int) -> None:
        state.history = state.history[:, : state.history.shape[1] - positions]


def check(found: list[Speculated], expected: list[Hypothesis], prefixes: Sequence[Sequence[int]] = ()) -> None:
    """Bitwise equal; and every token is the draft's, the prefix's, or a pass's own."""
    assert [one.hypothesis for one in found] == expected
    for place, one in enumerate(found):
        given = len(prefixes[place]) if prefixes else 0
        assert one.passes + one.accepted + given == len(one.hypothesis.tokens) + 1
        assert one.passes >= 1 and one.accepted <= one.drafted


WORDS = st.lists(st.integers(0, 7), max_size=14)


@given(
    seed=st.integers(0, 10_000),
    drafts=st.tuples(WORDS, WORDS, WORDS),
    prefixes=st.tuples(*[st.lists(st.integers(3, 7), max_size=4).map(tuple)] * 3),
    maximum=st.integers(4, 12),
    minimum=st.integers(0, 4),
    start=st.lists(st.integers(2, 7), min_size=1, max_size=3).map(tuple),
    ties=st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_any_draft_of_a_toy(
    seed: int,
    drafts: tuple[list[int], ...],
    prefixes: tuple[tuple[int, ...], ...],
    maximum: int,
    minimum: int,
    start: tuple[int, ...],
    ties: bool,
) -> None:
    """Drafts of any tokens, end and forbidden ones included, prefixes, limits, several start tokens, ties."""
    model = VerifyingTable(seed, vocabulary_size=8, ties=ties)
    prompt = SearchConstraints(start, toy_step_models.END, (toy_step_models.BEGIN, toy_step_models.PAD), prefixes)
    options = {"length": LengthRule(maximum=maximum, minimum=minimum), "length_penalty": 0.7}
    expected = greedy_search(model, *toy_step_models.sources(1, 2, 3), prompt, **options)  # type: ignore[arg-type]
    found = speculate(model, *toy_step_models.sources(1, 2, 3), prompt, drafts, **options)  # type: ignore[arg-type]
    check(found, expected, prefixes)
    assert model.passes == sum(one.passes for one in found)


@st.composite
def edits(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    """Up to eight deletions, insertions and substitutions at places of a hundred."""
    kinds = st.sampled_from(["delete", "insert", "substitute"])
    return draw(st.lists(st.tuples(kinds, st.integers(0, 99), st.integers(3, VOCABULARY - 1)), max_size=8))


def edited(tokens: list[int], changes: list[tuple[str, int, int]]) -> list[int]:
    tokens = list(tokens)
    for kind, where, token in changes:
        place = where * len(tokens) // 100
        tokens[place : place + (kind != "insert")] = [] if kind == "delete" else [token]
    return tokens


@pytest.fixture(scope="module")
def loaded() -> EncoderDecoder:
    """Longer outputs, which repeat themselves less."""
    model = varied_model()
    assert model.output.bias is not None
    with torch.no_grad():
        model.output.bias[END] = 1.0
        model.decoder.embeddings.tokens.weight.mul_(3.0)
        for name, parameter in model.decoder.named_parameters():
            parameter.mul_(3.0 if "feedforward.inner" in name and name.endswith("weight") else 1.0)
    return model


TEXTS = sentences(10)
LENGTH = LengthRule(maximum=40)


@pytest.fixture(scope="module", params=PRECISIONS)
def stepping(request: pytest.FixtureRequest, loaded: EncoderDecoder) -> EncoderDecoderStepModel:
    return EncoderDecoderStepModel(ready(loaded, request.param))


@pytest.fixture(scope="module")
def greedy(stepping: EncoderDecoderStepModel) -> list[Hypothesis]:
    found = greedy_search(stepping, *pad_batch(TEXTS, PAD, "cpu"), PROMPT, length=LENGTH)
    assert len({tuple(one.tokens) for one in found}) == len(TEXTS), "the model ignores its input"
    assert sum(len(set(one.tokens)) > 8 for one in found) > 1 and any(one.cut for one in found)
    return found


def speculated(stepping: EncoderDecoderStepModel, drafts: list[list[int]], **options: object) -> list[Speculated]:
    return speculate(
        stepping,
        *pad_batch(TEXTS, PAD, "cpu"),
        PROMPT,
        drafts,
        **{"length": LENGTH, **options},  # type: ignore[arg-type]
    )


def test_a_perfect_draft_takes_one_pass(stepping: EncoderDecoderStepModel, greedy: list[Hypothesis]) -> None:
    found = speculated(stepping, [list(one.tokens) for one in greedy])
    check(found, greedy)
    assert [one.passes for one in found] == [1] * len(TEXTS)
    assert [one.accepted for one in found] == [one.drafted for one in found] == [len(one.tokens) for one in greedy]


def test_without_a_draft_it_is_greedy_search(stepping: EncoderDecoderStepModel, greedy: list[Hypothesis]) -> None:
    found = speculated(stepping, [[] for _ in TEXTS])
    check(found, greedy)
    assert [one.passes for one in found] == [len(one.tokens) + 1 for one in greedy]
    assert sum(one.accepted for one in found) == 0


def test_a_draft_beyond_the_limit(stepping: EncoderDecoderStepModel, greedy: list[Hypothesis]) -> None:
    drafts = [[*one.tokens, *range(10, 80)] for one in greedy]
    check(speculated(stepping, drafts), greedy)


@given(changes=st.lists(edits(), min_size=len(TEXTS), max_size=len(TEXTS)))
@settings(max_examples=4, deadline=None)
def test_drafts_with_edits(
    stepping: EncoderDecoderStepModel, greedy: list[Hypothesis], changes: list[list[tuple[str, int, int]]]
) -> None:
    drafts = [edited(list(one.tokens), row) for one, row in zip(greedy, changes, strict=True)]
    check(speculated(stepping, drafts), greedy)


@pytest.mark.parametrize("kind", ["delete", "insert", "substitute"])
def test_one_edit_does_not_cost_the_rest_of_the_draft(kind: str) -> None:
    """Of 41 passes three are left, however much stands behind it, or five where the draft was wrong early on."""
    model, length = VerifyingTable(4, vocabulary_size=VOCABULARY), LengthRule(maximum=40, minimum=40)
    numbers = toy_step_models.sources(*range(8))
    expected = greedy_search(model, *numbers, PROMPT, length=length)
    for where in (0, 30, 60, 95):
        drafts = [edited(list(one.tokens), [(kind, where, 490)]) for one in expected]
        found = speculate(model, *numbers, PROMPT, drafts, length=length)
        check(found, expected)
        assert max(one.passes for one in found) <= (5 if where < 60 else 3)


def test_prefixes_and_a_draft_that_knows_of_them_or_not(
    stepping: EncoderDecoderStepModel, greedy: list[Hypothesis]
) -> None:
    prefixes = tuple(tuple(range(100, 100 + place % 4)) for place in range(len(TEXTS)))
    prompt = replace(PROMPT, prefixes=prefixes)
    batch = pad_batch(TEXTS, PAD, "cpu")
    expected = greedy_search(stepping, *batch, prompt, length=LENGTH)
    whole = [list(one.tokens) for one in expected]
    behind = [tokens[len(prefix) :] for tokens, prefix in zip(whole, prefixes, strict=True)]
    for drafts in (whole, behind, [list(one.tokens) for one in greedy]):
        found = speculate(stepping, *batch, prompt, drafts, length=LENGTH)
        check(found, expected, prefixes)
        if drafts is whole:
            assert {one.passes for one in found} == {1}


@pytest.mark.parametrize("threads", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_outputs_beyond_the_sizes_of_the_cache(loaded: EncoderDecoder, precision: Precision, threads: int) -> None:
    """Its pools grow from 32 slots to 192 in steps and then to 512: a long pass sees the larger one earlier."""
    torch.set_num_threads(threads)
    try:
        stepping = EncoderDecoderStepModel(ready(loaded, precision))
        batch, length = pad_batch(TEXTS[:1], PAD, "cpu"), LengthRule(maximum=210, minimum=210)
        expected = greedy_search(stepping, *batch, PROMPT, length=length)
        drafts = [edited(list(one.tokens), [("substitute", place, 17) for place in (10, 60, 80)]) for one in expected]
        check(speculate(stepping, *batch, PROMPT, drafts, length=length), expected)
    finally:
        torch.set_num_threads(1)


def test_every_sentence_keeps_its_target_language_and_adapters() -> None:
    torch.manual_seed(3)
    stack = {"layers": 1, "width": 16, "heads": 2, "feedforward_width": 32, "norm_first": True}
    model = build(
        EncoderDecoderConfig(
            encoder=EncoderConfig(
                embeddings=EmbeddingsConfig(vocabulary_size=VOCABULARY, width=16, positions="learned", norm=True),
                stack=StackConfig(**stack),
            ),
            decoder_embeddings=EmbeddingsConfig(
                vocabulary_size=VOCABULARY, width=16, positions="sinusoidal", norm=False
            ),
            decoder=StackConfig(**stack, cross_attention=True),
            tie_output=False,
            target_languages=("de", "en", "fr"),
            adapters=AdapterConfig(groups=("de", "en"), bottleneck=8),
        )
    )
    assert isinstance(model, EncoderDecoder) and model.target_projection is not None
    with torch.no_grad():
        model.target_projection.weight.normal_()
        for name, parameter in model.named_parameters():
            if "adapter" in name:
                parameter.normal_()
    rows, groups = torch.tensor([1, 2, 3, 1]), torch.tensor([0, 1, 1, 1])
    stepping = EncoderDecoderStepModel(ready(model, "fp32"), rows, groups)
    batch = pad_batch([TEXTS[1]] * 4, PAD, "cpu")
    expected = greedy_search(stepping, *batch, PROMPT, length=LENGTH)
    assert len({one.log_probability for one in expected}) == 4
    check(speculate(stepping, *batch, PROMPT, [list(expected[0].tokens)] * 4, length=LENGTH), expected)


def test_a_restricted_output(loaded: EncoderDecoder) -> None:
    model = ready(loaded, "fp32")
    restrict_output(model, torch.cat([torch.arange(0, 100), torch.arange(300, VOCABULARY)]), "a test")
    stepping = EncoderDecoderStepModel(model)
    batch, prompt = pad_batch(TEXTS, PAD, "cpu"), stepping.prompt(PROMPT)
    expected = greedy_search(stepping, *batch, prompt, length=LENGTH)
    drafts = [list(one.tokens) for one in stepping.hypotheses(expected)]  # ids of the full table, as drafts come
    assert any(token >= 300 for draft in drafts for token in draft)
    found = speculate(stepping, *batch, prompt, stepping.drafts(drafts), length=LENGTH)
    check(found, expected)
    assert {one.passes for one in found} == {1}
    strange = [[*draft[:3], 200, *draft[3:]] for draft in drafts]  # 200 has no row: it is left out
    assert speculate(stepping, *batch, prompt, stepping.drafts(strange), length=LENGTH) == found


def test_without_batch_independence_bits_do_move(loaded: EncoderDecoder) -> None:
    """The inverse: if this fails, the bitwise tests above prove nothing."""
    stepping = EncoderDecoderStepModel(ready(loaded, "fp32", batch_independent=False))
    batch = pad_batch(TEXTS, PAD, "cpu")
    expected = greedy_search(stepping, *batch, PROMPT, length=LENGTH)
    found = [one.hypothesis for one in speculated(stepping, [list(one.tokens) for one in expected])]
    assert found != expected
    assert [one.tokens for one in found] == [one.tokens for one in expected]
    assert [one.log_probability for one in found] == pytest.approx([one.log_probability for one in expected], abs=1e-3)


def test_an_empty_batch_and_what_does_not_fit(loaded: EncoderDecoder) -> None:
    stepping = EncoderDecoderStepModel(ready(loaded, "fp32"))
    batch = pad_batch(TEXTS[:2], PAD, "cpu")
    assert speculate(stepping, batch[0][:0], batch[1][:0], PROMPT, []) == []
    with pytest.raises(ValueError, match="1 drafts were given for 2 sentences"):
        speculate(stepping, *batch, PROMPT, [[]])
    for wrong in (-1, VOCABULARY):
        with pytest.raises(ValueError, match=r"draft 1 has tokens outside 0\.\.499"):
            speculate(stepping, *batch, PROMPT, [[], [5, wrong]])


def followed(draft: Draft, tokens: Sequence[int]) -> list[int]:
    for token in tokens:
        draft.follow(token)
    return draft.ahead(99)


@pytest.mark.parametrize(
    ("true", "left"),
    [
        ([10, 11], [12, 13, 14, 15, 16]),
        ([10, 99], [12, 13, 14, 15, 16]),  # another token in the place of one
        ([10, 12], [13, 14, 15, 16]),  # the draft has one too many
        ([10, 99, 11], [12, 13, 14, 15, 16]),  # the draft lacks one
        ([14], [15, 16]),  # the draft has four too many
        ([12, 13, 10, 11], [12, 13, 14, 15, 16]),  # the other way round: its first two come after all
        ([10, 11, 12, 13, 14, 15, 16, 17], []),
        ([], [10, 11, 12, 13, 14, 15, 16]),
    ],
)
def test_a_draft_finds_its_place_again(true: list[int], left: list[int]) -> None:
    assert followed(Draft([10, 11, 12, 13, 14, 15, 16]), true) == left


@given(draft=st.lists(st.integers(0, 3), max_size=6), true=st.lists(st.integers(0, 3), max_size=6))
@settings(deadline=None)
def test_the_place_is_that_of_the_best_alignment(draft: list[int], true: list[int]) -> None:
    """Against every way to pair tokens in order: 4 an equal pair, -2 an unequal one or a new token, -1 a passed one."""

    @cache
    def best(output: int, place: int) -> int:
        if not output or not place:
            return -2 * output - place
        pair = 4 if draft[place - 1] == true[output - 1] else -2
        return max(best(output - 1, place - 1) + pair, best(output - 1, place) - 2, best(output, place - 1) - 1)

    found = len(draft) - len(followed(Draft(draft, trust=1e9), true))
    assert best(len(true), found) == max(best(len(true), place) for place in range(len(draft) + 1))


def test_a_draft_that_was_wrong_proposes_less_and_one_not_trusted_nothing() -> None:
    draft, doubted = Draft(range(100, 200)), Draft(range(100, 200), trust=0)
    lengths = []
    for _ in range(20):
        lengths.append(len(draft.ahead(99)))
        draft.follow(7)
    assert lengths[0] > 30 and lengths[1] < lengths[0] and lengths[-1] == 0
    assert lengths == sorted(lengths, reverse=True)
    assert len(followed(draft, range(120, 180))) > 5, "what agrees again is trusted again"
    assert doubted.ahead(99) == [] and len(followed(doubted, range(100, 105))) > 30
    assert Draft(range(9)).ahead(4) == [0, 1, 2, 3] and Draft([]).ahead(9) == []

"""Forced prefixes and start tokens of each sentence's own, against exhaustive search and one sentence at a time."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyglot.inference.decoding import LengthRule, SamplingRule, SearchConstraints, beam_search, greedy_search, sample
from support.toy_step_models import END, PROMPT, TableModel, exhaustive, sources

WORDS = st.lists(st.sampled_from([3, 4]), max_size=5).map(tuple)
RULE = SamplingRule(seed=3)


@pytest.mark.parametrize("length_penalty", [1.0, 0.0, 0.6, -0.5])
@given(seed=st.integers(0, 10_000), prefixes=st.tuples(WORDS, WORDS, WORDS), minimum=st.integers(0, 2))
@settings(max_examples=8, deadline=None)
def test_a_wide_beam_under_prefixes_is_exhaustive(
    length_penalty: float, seed: int, prefixes: tuple[tuple[int, ...], ...], minimum: int
) -> None:
    """All outputs that begin with the prefix, ranked by the scores they have without it."""
    model = TableModel(seed)
    length = LengthRule(maximum=5, minimum=minimum)
    prompt = replace(PROMPT, prefixes=prefixes)
    found = beam_search(
        model, *sources(10, 11, 12), prompt, beams=96, length=length, length_penalty=length_penalty, stopping="exact"
    )
    for sentence, prefix, hypotheses in zip((10, 11, 12), prefixes, found, strict=True):
        everything = exhaustive(model, sentence, PROMPT, length, length_penalty)
        expected = [h for h in everything if h.tokens[: len(prefix)] == prefix]
        assert len(hypotheses) == len(expected) >= 1
        assert [tuple(h.tokens) for h in hypotheses] == [h.tokens for h in expected]
        assert [h.score for h in hypotheses] == pytest.approx([h.score for h in expected], abs=2e-5)
        assert [h.cut for h in hypotheses] == [len(h.tokens) == 5 for h in expected]


@given(seed=st.integers(0, 10_000), prefixes=st.tuples(WORDS, WORDS, WORDS, WORDS), beams=st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_prefixes_of_neighbours_do_not_matter(seed: int, prefixes: tuple[tuple[int, ...], ...], beams: int) -> None:
    model = TableModel(seed, vocabulary_size=8, ties=True)
    length = LengthRule(maximum=7)
    together = replace(PROMPT, prefixes=prefixes)
    beam = beam_search(model, *sources(1, 2, 3, 4), together, beams=beams, length=length)
    greedy = greedy_search(model, *sources(1, 2, 3, 4), together, length=length)
    drawn = sample(model, *sources(1, 2, 3, 4), together, rule=RULE, samples=beams, length=length)
    for place, sentence in enumerate((1, 2, 3, 4)):
        alone = replace(PROMPT, prefixes=prefixes[place : place + 1])
        assert beam_search(model, *sources(sentence), alone, beams=beams, length=length) == [beam[place]]
        assert greedy_search(model, *sources(sentence), alone, length=length) == [greedy[place]]
        assert sample(model, *sources(sentence), alone, rule=RULE, samples=beams, length=length) == [drawn[place]]


@given(seed=st.integers(0, 10_000), prefix=WORDS)
@settings(max_examples=25, deadline=None)
def test_greedy_under_a_prefix_is_a_beam_of_one(seed: int, prefix: tuple[int, ...]) -> None:
    model = TableModel(seed, vocabulary_size=7)
    prompt = replace(PROMPT, prefixes=(prefix, (), prefix))
    greedy = greedy_search(model, *sources(5, 6, 7), prompt, length=LengthRule(maximum=8))
    beam = beam_search(model, *sources(5, 6, 7), prompt, beams=1, length=LengthRule(maximum=8))
    for one, [other] in zip(greedy, beam, strict=True):
        assert (one.tokens, one.cut) == (other.tokens, other.cut)
        assert one.score == pytest.approx(other.score, abs=1e-5)


def test_what_a_search_found_it_finds_again_under_its_own_prefix() -> None:
    """Greedy output, cut anywhere and forced, is continued as before, with the same score."""
    model = TableModel(7, vocabulary_size=20)
    numbers = range(30)
    free = greedy_search(model, *sources(*numbers), PROMPT, length=LengthRule(maximum=12))
    prefixes = tuple(tuple(h.tokens[: number % (len(h.tokens) + 1)]) for number, h in zip(numbers, free, strict=True))
    assert len({len(prefix) for prefix in prefixes}) > 5
    prompt = replace(PROMPT, prefixes=prefixes)
    assert greedy_search(model, *sources(*numbers), prompt, length=LengthRule(maximum=12)) == free


def test_a_start_token_counts_nothing_and_a_prefix_counts() -> None:
    model = TableModel(3, vocabulary_size=8)
    length = LengthRule(maximum=6)
    [started] = greedy_search(model, *sources(4), SearchConstraints((END, 6, 5), END, (0, 1)), length=length)
    [forced] = greedy_search(
        model, *sources(4), SearchConstraints((END,), END, (0, 1), prefixes=((6, 5),)), length=LengthRule(8)
    )
    logs = [float(model.logits(4, history).log_softmax(0)[token]) for history, token in (([END], 6), ([END, 6], 5))]
    assert list(forced.tokens) == [6, 5, *started.tokens]
    assert forced.log_probability == pytest.approx(started.log_probability + sum(logs), abs=1e-5)


@given(seed=st.integers(0, 10_000), languages=st.tuples(*[st.integers(3, 7)] * 4))
@settings(max_examples=15, deadline=None)
def test_start_tokens_row_by_row_equal_one_batch_each(seed: int, languages: tuple[int, ...]) -> None:
    model = TableModel(seed, vocabulary_size=8)
    length = LengthRule(maximum=6)
    mixed = replace(PROMPT, start=tuple((END, language) for language in languages))
    beam = beam_search(model, *sources(1, 2, 3, 4), mixed, beams=3, length=length)
    greedy = greedy_search(model, *sources(1, 2, 3, 4), mixed, length=length)
    drawn = sample(model, *sources(1, 2, 3, 4), mixed, rule=RULE, samples=2, length=length)
    for place, (sentence, language) in enumerate(zip((1, 2, 3, 4), languages, strict=True)):
        alone = replace(PROMPT, start=(END, language))
        assert beam_search(model, *sources(sentence), alone, beams=3, length=length) == [beam[place]]
        assert greedy_search(model, *sources(sentence), alone, length=length) == [greedy[place]]
        assert sample(model, *sources(sentence), alone, rule=RULE, samples=2, length=length) == [drawn[place]]


def test_prompts_that_cannot_be_are_refused() -> None:
    for wrong, message in (
        ({"start": ((END,), (END, 3))}, "equally many"),
        ({"start": ((), ())}, "start token"),
        ({"prefixes": ((3, END),)}, r"never generated: \[2\]"),
        ({"prefixes": ((0, 3, 1),)}, r"never generated: \[0, 1\]"),
    ):
        with pytest.raises(ValueError, match=message):
            replace(PROMPT, **wrong)  # type: ignore[arg-type]
    for search in (beam_search, greedy_search):
        with pytest.raises(ValueError, match="2 prefixes were given for 1 sentences"):
            search(TableModel(0), *sources(1), replace(PROMPT, prefixes=((), ())))
        with pytest.raises(ValueError, match="start tokens of 2 sentences were given for 1"):
            search(TableModel(0), *sources(1), replace(PROMPT, start=((END,), (END,))))
        with pytest.raises(ValueError, match="prefix 1 has 3 tokens, but its output at most 2"):
            search(
                TableModel(0), *sources(1, 2), replace(PROMPT, prefixes=((), (3, 3, 3))), length=LengthRule(maximum=2)
            )

"""Beam search against exhaustive search, against greedy search and against its own claims."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anyglot.errors import UserError
from anyglot.inference.decoding import LengthRule, SearchConstraints, beam_search, greedy_search
from support.toy_step_models import END, PROMPT, TableModel, exhaustive, sources


@pytest.mark.parametrize("length_penalty", [1.0, 0.0, 0.6, 2.0, -0.5])
@pytest.mark.parametrize("seed", range(6))
def test_a_beam_of_all_prefixes_is_exhaustive(seed: int, length_penalty: float) -> None:
    """Two words and an end, at most five tokens: 32 prefixes, at most 96 candidates a step."""
    model = TableModel(seed)
    length = LengthRule(maximum=5, minimum=1)
    found = beam_search(
        model, *sources(10, 11, 12), PROMPT, beams=96, length=length, length_penalty=length_penalty, stopping="exact"
    )
    for sentence, hypotheses in zip((10, 11, 12), found, strict=True):
        expected = exhaustive(model, sentence, PROMPT, length, length_penalty)
        assert len(hypotheses) == len(expected) == 2 + 4 + 8 + 16 + 32
        assert [list(h.tokens) for h in hypotheses] == [list(h.tokens) for h in expected]
        torch.testing.assert_close(
            torch.tensor([h.score for h in hypotheses]), torch.tensor([h.score for h in expected]), atol=2e-5, rtol=0
        )


@given(seed=st.integers(0, 10_000), length_penalty=st.sampled_from([0.0, 0.5, 1.0, 1.7]), minimum=st.integers(0, 3))
@settings(max_examples=20, deadline=None)
def test_exact_stopping_never_stops_too_early(seed: int, length_penalty: float, minimum: int) -> None:
    """The best of a wide exact search is the best there is."""
    model = TableModel(seed, sharpness=2.0)
    length = LengthRule(maximum=4, minimum=minimum)
    [hypotheses] = beam_search(
        model, *sources(3), PROMPT, beams=48, length=length, length_penalty=length_penalty, stopping="exact"
    )
    best = exhaustive(model, 3, PROMPT, length, length_penalty)[0]
    assert hypotheses[0].score == pytest.approx(best.score, abs=1e-5)
    assert all(len(h.tokens) >= minimum for h in hypotheses)


@given(seed=st.integers(0, 10_000), beams=st.integers(1, 4), stopping=st.sampled_from(["full", "current", "exact"]))
@settings(max_examples=25, deadline=None)
def test_a_sentence_does_not_depend_on_its_batch(seed: int, beams: int, stopping: str) -> None:
    model = TableModel(seed, vocabulary_size=9, ties=True)
    options = {"beams": beams, "length": LengthRule(maximum=6), "stopping": stopping}
    together = beam_search(model, *sources(1, 2, 3, 4), PROMPT, **options)
    alone = [beam_search(model, *sources(sentence), PROMPT, **options)[0] for sentence in (1, 2, 3, 4)]
    assert together == alone


@given(seed=st.integers(0, 10_000), ties=st.booleans())
@settings(max_examples=25, deadline=None)
def test_greedy_is_a_beam_of_one(seed: int, ties: bool) -> None:
    model = TableModel(seed, vocabulary_size=7, ties=ties)
    length = LengthRule(maximum=8)
    greedy = greedy_search(model, *sources(5, 6, 7), PROMPT, length=length)
    for one, [other] in zip(greedy, beam_search(model, *sources(5, 6, 7), PROMPT, beams=1, length=length), strict=True):
        assert (one.tokens, one.cut) == (other.tokens, other.cut)
        assert one.score == pytest.approx(other.score, abs=1e-5)


def test_ties_go_to_the_lower_token_and_are_repeatable() -> None:
    class Even(TableModel):
        def logits(self, sentence: int, history: list[int]) -> torch.Tensor:
            return torch.zeros(self.vocabulary_size)

    model = Even(0, vocabulary_size=40)
    length = LengthRule(maximum=2, minimum=2)
    [hypotheses] = beam_search(model, *sources(1), PROMPT, beams=4, length=length)
    assert [list(h.tokens) for h in hypotheses] == [[3, 3], [3, 4], [3, 5], [3, 6]]
    [greedy] = greedy_search(model, *sources(1), PROMPT, length=length)
    assert list(greedy.tokens) == [3, 3]


def test_scores_are_what_they_say() -> None:
    model = TableModel(4, vocabulary_size=8)
    [hypotheses] = beam_search(model, *sources(9), PROMPT, beams=5, length=LengthRule(maximum=7), length_penalty=0.7)
    assert [h.score for h in hypotheses] == sorted((h.score for h in hypotheses), reverse=True)
    for h in hypotheses:
        history, total = [END], 0.0
        for token in (*h.tokens, END):
            total += float(model.logits(9, history).log_softmax(0)[token])
            history.append(token)
        assert h.log_probability == pytest.approx(total, abs=1e-4)
        assert h.score == pytest.approx(total / (len(h.tokens) + 1) ** 0.7, abs=1e-4)
        assert not set(h.tokens) & {0, 1, END}
    assert len({tuple(h.tokens) for h in hypotheses}) == 5


def test_finished_sentences_leave_the_batch() -> None:
    class Ending(TableModel):
        """Sentence n ends after n words."""

        def logits(self, sentence: int, history: list[int]) -> torch.Tensor:
            row = super().logits(sentence, history)
            row[END] = 30.0 if len(history) - 1 >= sentence else -30.0
            return row

    model = Ending(0, vocabulary_size=6)
    found = beam_search(model, *sources(2, 5, 3), PROMPT, beams=2, length=LengthRule(maximum=9))
    assert [len(hypotheses[0].tokens) for hypotheses in found] == [2, 5, 3]
    assert model.rows_seen == [6, 6, 6, 4, 2, 2]
    model.rows_seen.clear()
    greedy = greedy_search(model, *sources(2, 5, 3), PROMPT, length=LengthRule(maximum=9))
    assert [len(hypothesis.tokens) for hypothesis in greedy] == [2, 5, 3]
    assert model.rows_seen == [3, 3, 3, 2, 1, 1]


def test_limits_hold_and_are_reported() -> None:
    class Endless(TableModel):
        def logits(self, sentence: int, history: list[int]) -> torch.Tensor:
            row = super().logits(sentence, history)
            row[END] = -20.0
            return row

    source = torch.tensor([[5, 6, 7, 2], [5, 2, 1, 1]])
    mask = source != 1
    length = LengthRule(maximum=6, per_source=1.5, extra=-1)
    assert length.limits(mask).tolist() == [5, 2]
    model = Endless(0)
    for [best, *_] in [
        *beam_search(model, source, mask, PROMPT, beams=3, length=length),
        *([h] for h in greedy_search(model, source, mask, PROMPT, length=length)),
    ]:
        assert best.cut
    found = beam_search(model, source, mask, PROMPT, beams=3, length=length)
    assert [{len(h.tokens) for h in hypotheses} for hypotheses in found] == [{5}, {2}]
    ended = greedy_search(TableModel(1, sharpness=0.0), source, mask, PROMPT, length=LengthRule(maximum=50, minimum=0))
    assert all(not h.cut and not h.tokens for h in ended)


def test_a_prompt_is_fed_but_not_counted() -> None:
    model = TableModel(3, vocabulary_size=8)
    prompt = SearchConstraints(start=(END, 6), end=END, never=(0, 1))
    length = LengthRule(maximum=3)
    [hypotheses] = beam_search(model, *sources(4), prompt, beams=150, length=length, stopping="exact")
    best = exhaustive(model, 4, prompt, length, 1.0)[0]
    assert list(hypotheses[0].tokens) == list(best.tokens)
    assert hypotheses[0].score == pytest.approx(best.score, abs=1e-5)
    [greedy] = greedy_search(model, *sources(4), prompt, length=length)
    assert greedy.tokens and greedy.tokens[0] == int(model.logits(4, [END, 6])[3:].argmax()) + 3


def test_stopping_rules_are_ordered_by_effort() -> None:
    steps = {}
    for stopping in ("full", "current", "exact"):
        model = TableModel(8, vocabulary_size=30, sharpness=1.5)
        found = beam_search(model, *sources(*range(20, 30)), PROMPT, length=LengthRule(maximum=25), stopping=stopping)
        steps[stopping] = (sum(model.rows_seen), sum(h[0].score for h in found))
    assert steps["full"][0] <= steps["current"][0] <= steps["exact"][0]
    assert steps["full"][1] <= steps["current"][1] + 1e-6 <= steps["exact"][1] + 2e-6
    assert steps["full"][0] < steps["exact"][0]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_broken_model_is_named(bad: float) -> None:
    class Broken(TableModel):
        def logits(self, sentence: int, history: list[int]) -> torch.Tensor:
            return torch.full((self.vocabulary_size,), bad)

    for search in (beam_search, greedy_search):
        with pytest.raises(UserError, match="not a number"):
            search(Broken(0), *sources(1), PROMPT)


def test_an_empty_batch_gives_nothing() -> None:
    source = torch.zeros((0, 0), dtype=torch.int64)
    assert beam_search(TableModel(0), source, source.bool(), PROMPT) == []
    assert greedy_search(TableModel(0), source, source.bool(), PROMPT) == []


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="beams"):
        beam_search(TableModel(0), *sources(1), PROMPT, beams=0)
    with pytest.raises(ValueError, match="start token"):
        SearchConstraints(start=(), end=2)
    with pytest.raises(ValueError, match="never"):
        SearchConstraints(start=(2,), end=2, never=(2,))
    with pytest.raises(ValueError, match="above maximum"):
        LengthRule(maximum=3, minimum=4)

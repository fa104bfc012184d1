"""Sampling against naive references: what is drawn from, how often, and that neighbours do not matter."""

import math
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from anyglot.errors import UserError
from anyglot.inference.decoding import LengthRule, SamplingRule, SearchConstraints, greedy_search, sample
from anyglot.inference.decoding.randomness import mixed, sample_keys, uniform
from anyglot.inference.decoding.sampling import HEAD, draw
from support.toy_step_models import END, PROMPT, TableModel, TableState, sources


def naive(logits: list[float], allowed: list[int], rule: SamplingRule) -> dict[int, float]:
    """The distribution after temperature, top-k and top-p, one token at a time."""
    order = sorted(allowed, key=lambda token: (-logits[token], token))
    if rule.top_k is not None:
        order = order[: rule.top_k]
    weights = {token: math.exp((logits[token] - logits[order[0]]) / rule.temperature) for token in order}
    total, mass, kept = sum(weights.values()), 0.0, {}
    for token in order:
        kept[token] = weights[token]
        mass += weights[token]
        if rule.top_p is not None and mass >= rule.top_p * total:
            break
    return {token: weight / mass for token, weight in kept.items()}


@given(
    seed=st.integers(0, 10_000),
    size=st.sampled_from([4, 30, HEAD + 200, 16 * HEAD + 50]),
    sharpness=st.sampled_from([0.2, 1.0, 4.0]),
    temperature=st.sampled_from([0.3, 1.0, 2.5]),
    top_k=st.none() | st.integers(1, 40),
    top_p=st.none() | st.floats(0.05, 0.999),
    may_end=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_what_is_drawn_from_equals_the_naive_distribution(
    seed: int,
    size: int,
    sharpness: float,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    may_end: bool,
) -> None:
    """Random numbers on an even grid give every token its probability, to the width of the grid."""
    rule = SamplingRule(temperature, top_k, top_p)
    grid = 500
    row = torch.randn(size, generator=torch.Generator().manual_seed(seed)) * sharpness
    numbers = (torch.arange(grid, dtype=torch.float64) + 0.5) / grid
    found = Counter(draw(row.expand(grid, -1), numbers, PROMPT, rule, may_end=may_end).tolist())
    allowed = [token for token in range(size) if token not in PROMPT.never and (may_end or token != END)]
    expected = naive(row.tolist(), allowed, rule)
    assert set(found) <= set(expected)
    for token, probability in expected.items():
        assert found[token] / grid == pytest.approx(probability, abs=1.01 / grid)


@pytest.mark.parametrize("top_k", [None, 12])
@pytest.mark.parametrize("top_p", [None, 0.3, 0.9])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_what_is_drawn_from_equals_transformers(temperature: float, top_k: int | None, top_p: float | None) -> None:
    grid, size = 4000, 50
    row = torch.randn(size, generator=torch.Generator().manual_seed(1)) * 2
    warped = row[None].clone().index_fill(1, torch.tensor(PROMPT.never), -torch.inf)
    for wanted, kind, value in (
        (True, TemperatureLogitsWarper, temperature),
        (top_k is not None, TopKLogitsWarper, top_k),
        (top_p is not None, TopPLogitsWarper, top_p),
    ):
        warped = kind(value)(None, warped) if wanted else warped
    numbers = (torch.arange(grid, dtype=torch.float64) + 0.5) / grid
    rule = SamplingRule(temperature, top_k, top_p)
    found = draw(row.expand(grid, -1), numbers, PROMPT, rule, may_end=True).bincount(minlength=size) / grid
    torch.testing.assert_close(found, warped.softmax(dim=1)[0], atol=1.01 / grid, rtol=0)


@pytest.mark.parametrize("rule", [SamplingRule(top_k=1, temperature=3.0), SamplingRule(top_p=1e-6)])
def test_only_the_most_probable_token_is_greedy(rule: SamplingRule) -> None:
    model = TableModel(3, vocabulary_size=12, ties=True)
    length = LengthRule(maximum=9)
    greedy = greedy_search(model, *sources(*range(20)), PROMPT, length=length, length_penalty=0.7)
    drawn = sample(model, *sources(*range(20)), PROMPT, rule=rule, samples=2, length=length, length_penalty=0.7)
    assert drawn == [[hypothesis, hypothesis] for hypothesis in greedy]
    assert len({tuple(hypothesis.tokens) for hypothesis in greedy}) > 10


class OneDistribution(TableModel):
    """The same logits after every history of the same length, for thousands of rows at once."""

    def step(self, tokens: Tensor, state: TableState) -> Tensor:
        state.history = torch.cat([state.history, tokens[:, None]], dim=1)
        return self.logits(0, [state.history.shape[1]]).expand(len(tokens), -1)


@pytest.mark.parametrize(
    "rule", [SamplingRule(seed=7), SamplingRule(0.7, top_k=6, seed=8), SamplingRule(1.5, top_p=0.8, seed=9)]
)
def test_frequencies_agree_with_the_probabilities(rule: SamplingRule) -> None:
    """Pearson's chi-square over 20,000 samples of a sentence, at the first and the second token, at the 0.1 % level."""
    count = 20_000
    model = OneDistribution(5, vocabulary_size=14)
    [drawn] = sample(model, *sources(4), PROMPT, rule=rule, samples=count, length=LengthRule(maximum=2, minimum=2))
    for place in range(2):
        logits = model.logits(0, [place + 1]).tolist()
        expected = naive(logits, list(range(3, 14)), rule)
        found = Counter(hypothesis.tokens[place] for hypothesis in drawn)
        assert set(found) <= set(expected)
        statistic = sum((found[token] - count * share) ** 2 / (count * share) for token, share in expected.items())
        freedom = len(expected) - 1
        # Wilson and Hilferty's approximation of the 99.9 % quantile.
        quantile = freedom * (1 - 2 / (9 * freedom) + 3.0902 * math.sqrt(2 / (9 * freedom))) ** 3
        assert freedom >= 3 and statistic < quantile


def test_successive_tokens_and_samples_are_independent() -> None:
    """Chi-square of the pairs (first token, second token) and (sample n, sample n + 1): near the degrees of freedom."""
    count, rule = 20_000, SamplingRule(seed=3)
    model = OneDistribution(6, vocabulary_size=7)
    [drawn] = sample(model, *sources(4), PROMPT, rule=rule, samples=count, length=LengthRule(maximum=2, minimum=2))
    shares = [naive(model.logits(0, [place]).tolist(), [3, 4, 5, 6], rule) for place in (1, 2)]
    rows = [tuple(hypothesis.tokens) for hypothesis in drawn]
    neighbours = [(one[0], other[0]) for one, other in zip(rows[::2], rows[1::2], strict=True)]
    for pairs, second in ((rows, shares[1]), (neighbours, shares[0])):
        found = Counter(pairs)
        expected = {(a, b): len(pairs) * p * q for a, p in shares[0].items() for b, q in second.items()}
        assert sum((found[pair] - n) ** 2 / n for pair, n in expected.items()) < 37.7  # 99.9 % of 15 degrees


def test_neighbours_order_and_padding_do_not_matter() -> None:
    model = TableModel(2, vocabulary_size=9)
    rule, length = SamplingRule(seed=5), LengthRule(maximum=6)

    def of(*sentences: int, samples: int = 3, pad: int = 0) -> list[list[tuple[int, ...]]]:
        source, mask = sources(*sentences)
        source = torch.nn.functional.pad(source, (0, pad), value=1)
        mask = torch.nn.functional.pad(mask, (0, pad))
        found = sample(model, source, mask, PROMPT, rule=rule, samples=samples, length=length)
        return [[tuple(hypothesis.tokens) for hypothesis in row] for row in found]

    together = of(1, 2, 3, 4)
    assert [of(sentence)[0] for sentence in (1, 2, 3, 4)] == together
    assert of(4, 3, 2, 1, pad=5) == together[::-1]
    assert [row[:2] for row in together] == of(1, 2, 3, 4, samples=2)
    other = sample(model, *sources(1, 2, 3, 4), PROMPT, rule=SamplingRule(seed=6), samples=3, length=length)
    assert [[tuple(h.tokens) for h in row] for row in other] != together
    assert len({path for row in together for path in row}) > 8


def test_log_probabilities_are_the_models() -> None:
    model = TableModel(4, vocabulary_size=8)
    rule = SamplingRule(0.5, top_k=3, seed=2)
    [drawn] = sample(model, *sources(9), PROMPT, rule=rule, samples=12, length=LengthRule(7), length_penalty=0.7)
    for hypothesis in drawn:
        history, total = [END], 0.0
        for token in (*hypothesis.tokens, END):
            total += float(model.logits(9, history).log_softmax(0)[token])
            history.append(token)
        assert hypothesis.log_probability == pytest.approx(total, abs=1e-4)
        assert hypothesis.score == pytest.approx(total / (len(hypothesis.tokens) + 1) ** 0.7, abs=1e-4)
        assert hypothesis.cut == (len(hypothesis.tokens) == 7)
    assert len({len(hypothesis.tokens) for hypothesis in drawn}) > 1


def test_a_sample_begins_with_its_prefix_and_goes_on_at_random() -> None:
    model = TableModel(4, vocabulary_size=8)
    prompt = SearchConstraints(start=(END,), end=END, never=(0, 1), prefixes=((3, 7), ()))
    drawn = sample(
        model, *sources(1, 2), prompt, rule=SamplingRule(), samples=20, length=LengthRule(maximum=6, minimum=4)
    )
    assert all(list(hypothesis.tokens[:2]) == [3, 7] for hypothesis in drawn[0])
    assert len({tuple(hypothesis.tokens) for hypothesis in drawn[0]}) > 10
    free = sample(model, *sources(2), PROMPT, rule=SamplingRule(), samples=20, length=LengthRule(6, minimum=4))
    assert drawn[1] == free[0]


def test_random_numbers_are_splitmix() -> None:
    """The hash is SplitMix64's, so the stream of seed 0 begins as the reference implementation's does."""
    golden = 0x9E3779B97F4A7C15
    signed = [(golden * (step + 1) + 2**63) % 2**64 - 2**63 for step in range(3)]
    found = [number % 2**64 for number in mixed(torch.tensor(signed)).tolist()]
    assert found == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    numbers = uniform(sample_keys(*sources(*range(3000)), seed=1, samples=4), 9)
    assert numbers.dtype == torch.float64 and numbers.shape == (3000, 4)
    assert 0 <= float(numbers.min()) < 1e-3 < 0.999 < float(numbers.max()) < 1
    assert float(numbers.mean()) == pytest.approx(0.5, abs=0.01) and len(set(numbers.flatten().tolist())) == 12_000


def test_the_order_of_the_source_changes_its_samples() -> None:
    mask = torch.ones((1, 3), dtype=torch.bool)
    keys = {
        int(sample_keys(torch.tensor([tokens]), mask, 1, 1)) for tokens in ([5, 6, 7], [7, 6, 5], [6, 5, 7], [5, 6, 8])
    }
    assert len(keys) == 4


def test_wrong_arguments_are_refused() -> None:
    for wrong in ({"temperature": 0.0}, {"temperature": math.inf}, {"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            SamplingRule(**wrong)
    with pytest.raises(ValueError, match="samples"):
        sample(TableModel(0), *sources(1), PROMPT, rule=SamplingRule(), samples=0)

    class Broken(TableModel):
        def logits(self, sentence: int, history: list[int]) -> Tensor:
            return torch.full((self.vocabulary_size,), math.nan)

    with pytest.raises(UserError, match="not a number"):
        sample(Broken(0), *sources(1), PROMPT, rule=SamplingRule())
    nothing = torch.zeros((0, 0), dtype=torch.int64)
    assert sample(TableModel(0), nothing, nothing.bool(), PROMPT, rule=SamplingRule()) == []


@pytest.mark.parametrize("rule", [SamplingRule(), SamplingRule(top_p=0.9), SamplingRule(top_k=500, top_p=0.9)])
def test_rounding_hardly_ever_changes_what_is_drawn(rule: SamplingRule) -> None:
    """Also among tokens so alike that their order changes: nobody draws from a sorted list."""
    generator = torch.Generator().manual_seed(4)
    row = torch.randn(2000, generator=generator) * 0.01
    numbers = torch.rand(1000, generator=generator, dtype=torch.float64)
    rounded = row + torch.randn(2000, generator=generator) * 1e-6
    assert not torch.equal(row.argsort(), rounded.argsort())
    one, other = (draw(logits.expand(1000, -1), numbers, PROMPT, rule, may_end=True) for logits in (row, rounded))
    assert float((one != other).double().mean()) < 0.01

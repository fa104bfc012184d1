"""ROUGE-L against its definition by brute force, in scripts of every kind."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyglot.errors import UserError
from anyglot.evaluation.translation.metrics import check_metrics, metric_names, score
from anyglot.evaluation.translation.rouge import longest_common, rouge_l, words

short = st.lists(st.integers(0, 3), max_size=8)


@settings(max_examples=200, deadline=None)
@given(short, short)
def test_the_longest_common_subsequence_is_the_longest_of_all(first: list[int], second: list[int]) -> None:
    def subsequences(items: list[int]) -> set[tuple[int, ...]]:
        return {part for size in range(len(items) + 1) for part in combinations(items, size)}

    assert longest_common(first, second) == max(map(len, subsequences(first) & subsequences(second)))


@settings(max_examples=100, deadline=None)
@given(st.text(), st.text())
def test_it_is_symmetric_and_between_nothing_and_all(first: str, second: str) -> None:
    assert rouge_l(first, second) == rouge_l(second, first)
    assert 0.0 <= rouge_l(first, second) <= 100.0
    assert rouge_l(first, first) == (100.0 if words(first) else 0.0)


def test_an_example_by_hand() -> None:
    # Lin (2004), section 3: "police ... the gunman" and "police killed the gunman" have three words in order.
    assert rouge_l("police kill the gunman", "Police killed the gunman.") == pytest.approx(75.0)
    assert rouge_l("the gunman kill police", "police killed the gunman") == pytest.approx(50.0)
    # Precision 2/2 and recall 2/4.
    assert rouge_l("the gunman", "police killed the gunman") == pytest.approx(100 * 2 * 1.0 * 0.5 / 1.5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't stop, A1!", ["don", "t", "stop", "a1"]),
        ("घर पुराना है।", ["घर", "पुराना", "है"]),
        ("房子很旧。", ["房", "子", "很", "旧"]),
        ("ที่บ้าน", ["ที่", "บ้", "า", "น"]),
        ("Iphone 新しい", ["iphone", "新", "し", "い"]),
        ("Cafe\u0301", ["café"]),
        (" \n", []),
    ],
)
def test_words_of_every_script(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_it_is_a_metric_of_evaluation() -> None:
    assert metric_names(["rouge-l"]) == ("ROUGE-L",)
    check_metrics(metric_names(["ROUGE-L"]), target="en")
    hypotheses, references = ["the gunman", "a b", "x"], ["police killed the gunman", "a b", "y"]
    found = score("ROUGE-L", hypotheses, references, target="en", resamples=200)
    assert found.value == pytest.approx(sum(map(rouge_l, hypotheses, references)) / 3)
    assert found.low < found.value < found.high
    assert "case:lc|tok:unicode" in found.signature
    assert "bs:200" in found.signature
    with pytest.raises(UserError, match="2 hypotheses but 1 references"):
        score("ROUGE-L", ["a", "b"], ["a"], target="en")

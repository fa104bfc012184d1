"""W13 and T5: what is no text, no number and no order is told in one sentence, whatever function it is given to."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from anyglot.errors import UserError
from anyglot.evaluation.translation.metrics import score, statistics
from anyglot.inference.embedding import Embedder, EmbeddingSettings
from anyglot.inference.translation import SearchSettings, Translator
from support.tiny_translators import write_model_folder

LINES = ["Das Haus ist alt.", "Der Hund schläft."]
NO_TEXTS = [
    *(b"abc", "abc", {"b", "a"}, frozenset({"a"}), {"a": 1}, None, 5, 2.5, math.nan, True, np.array("abc")),
    *([b"abc"], [None], [3], [math.nan], [["a", "b"]], [("a",)], [True], ["a", None], [bytearray(b"a")]),
]
NO_NUMBERS = [True, False, 2.5, 2.0, math.nan, math.inf, "3", b"3", [3], None, np.float64(3), np.bool_(True)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return write_model_folder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def translator(folder: Path) -> Translator:
    return Translator.from_pretrained(folder, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def embedder(folder: Path) -> Embedder:
    return Embedder.from_pretrained(folder, device="cpu", precision="fp32")


def told(function: Callable[[], Any]) -> str:
    with pytest.raises(UserError) as caught:
        function()
    sentence = str(caught.value)
    assert "\n" not in sentence and 10 < len(sentence) < 400
    return sentence


def name_of(value: Any) -> str:
    """Of a case: the order of a set is another in each process."""
    return f"{type(value).__name__}-{sorted(map(str, value))}" if isinstance(value, set | frozenset) else repr(value)


@pytest.mark.parametrize("given", NO_TEXTS, ids=name_of)
def test_w13_what_is_no_sequence_of_texts_is_refused(translator: Translator, embedder: Embedder, given: Any) -> None:
    ways = {"source": "de", "target": "en"}
    calls: list[Callable[[], Any]] = [
        lambda: embedder.embed_layers(given),
        lambda: list(embedder.stream(given, [0])),
        lambda: translator.translate_n_best(given, **ways),
        lambda: translator.draft(given, "de", ["en"]),
        lambda: score("BLEU", given, LINES, target="en"),
        lambda: score("chrF", LINES, given, target="en"),
        lambda: score("ROUGE-L", given, given, target="en"),
        lambda: statistics("BLEU", given, given, target="en"),
    ]
    if not isinstance(given, str):  # a text alone is taken by these two (tests/test_python_api.py)
        calls += [lambda: embedder.embed(given), lambda: translator.translate(given, **ways)]
    if given is not None:  # without drafts the source stands in, and without prefixes there are none
        calls += [
            lambda: translator.translate(LINES, **ways, decoder="speculative", draft=given),
            lambda: translator.translate(LINES, **ways, prefixes=given),
        ]
    for call in calls:
        told(call)
    with pytest.raises(TypeError):  # as Python's own functions say it
        embedder.embed_layers(given)


def test_w13_texts_of_any_kind_with_an_order_are_taken(translator: Translator, embedder: Embedder) -> None:
    vectors, written = embedder.embed(LINES), translator.translate(LINES, source="de", target="en")
    for texts in (tuple(LINES), np.array(LINES)):
        assert np.array_equal(embedder.embed(texts), vectors)
    assert np.array_equal(embedder.embed(line for line in LINES), vectors)
    assert translator.translate(np.array(LINES), source="de", target=np.array(["en", "en"])) == written
    assert embedder.embed(LINES, EmbeddingSettings(layer=np.int64(0), max_length=np.int64(9))).shape == (2, 16)


@pytest.mark.parametrize("value", NO_NUMBERS, ids=name_of)
def test_w13_what_is_no_whole_number_is_refused(embedder: Embedder, value: Any) -> None:
    names = ["n_best", "max_length", "batch_tokens", "max_characters", "seed"]
    may_be_none = ["beam", "rounds", "iterations", "length_beam", "top_k"]
    for name in names + (may_be_none if value is not None else []):
        assert "whole number" in told(lambda name=name: SearchSettings(decoder="sample", **{name: value})), name
    assert "whole number" in told(lambda: EmbeddingSettings(max_length=value))
    assert "layer" in told(lambda: EmbeddingSettings(layer=value) if value != "3" else embedder.embed(
        LINES, EmbeddingSettings(layer=value)))  # fmt: skip
    assert "layer" in told(lambda: embedder.embed_layers(LINES, [value]))
    assert "whole number" in told(lambda: score("BLEU", LINES, LINES, target="en", resamples=value))
    if value is not None:
        assert "whole number" in told(lambda: EmbeddingSettings(batch_tokens=value))


@pytest.mark.parametrize("value", [True, math.nan, math.inf, "1", None, [1.0], 1j], ids=name_of)
def test_w13_what_is_no_number_is_refused(value: Any) -> None:
    assert "`length_penalty`" in told(lambda: SearchSettings(length_penalty=value))
    assert "temperature" in told(lambda: SearchSettings(decoder="sample", temperature=value))
    if value is not None:
        assert "`top_p`" in told(lambda: SearchSettings(decoder="sample", top_p=value))


@pytest.mark.parametrize("value", [None, 5, b"de", ["de"], math.nan, True, {"de"}, "qqq", ""], ids=name_of)
def test_w13_what_is_no_language_is_refused(translator: Translator, value: Any) -> None:
    told(lambda: translator.translate(LINES, source=value, target="en"))
    told(lambda: translator.translate(LINES, source="de", target=value))
    told(lambda: translator.translate(LINES, source="de", target=["en", value]))
    told(lambda: translator.check_languages("de", value))
    for metric in ("BLEU", "chrF", "ROUGE-L"):
        told(lambda metric=metric: score(metric, LINES, LINES, target=value))
    if not isinstance(value, str) and value is not None:
        told(lambda: EmbeddingSettings(language=value))


@pytest.mark.parametrize("value", [None, 5, b"x", ["x"], True, math.nan], ids=name_of)
def test_t5_other_arguments_of_another_type_are_refused(embedder: Embedder, value: Any) -> None:
    told(lambda: Translator.from_pretrained(value))
    told(lambda: Embedder.from_pretrained(value))
    told(lambda: Embedder.from_pretrained("x", precision=value, device="cpu"))
    told(lambda: score(value, LINES, LINES, target="en"))
    told(lambda: EmbeddingSettings(pooling=value))
    if value is not None:
        told(lambda: SearchSettings(decoder=value))
        told(lambda: Embedder.from_pretrained("x", device=value))
        told(lambda: embedder.embed_layers(LINES, value))
    if value is not True:
        told(lambda: EmbeddingSettings(normalize=value))
        told(lambda: SearchSettings(show_rounds=value))


def test_t5_a_score_of_one_text_is_none() -> None:
    assert "write [text]" in told(lambda: score("BLEU", "abc", "abc", target="en"))

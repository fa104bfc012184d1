"""Layers by number and name, and the conventions of papers at their own depth and others."""

from __future__ import annotations

import pytest

from anyglot.errors import UserError
from anyglot.inference.embedding.settings import PRESETS, EmbeddingSettings, depth_of, preset_of


def test_layers_count_from_both_ends() -> None:
    assert [depth_of(layer, 4) for layer in range(-4, 4)] == [1, 2, 3, 4] * 2
    assert depth_of("embeddings", 4) == 0


@pytest.mark.parametrize(("layers", "middle"), [(1, 0), (2, 1), (12, 6), (24, 12)])
def test_the_middle(layers: int, middle: int) -> None:
    assert depth_of("middle", layers) == middle + 1


@pytest.mark.parametrize("layer", [12, -13, "top"])
def test_a_layer_that_does_not_exist_is_refused_with_how_many_there_are(layer: int) -> None:
    with pytest.raises(UserError, match=r"12 layers, 0 to 11 \(or -12 to -1"):
        depth_of(layer, 12)


def test_presets_are_what_the_code_of_the_papers_does() -> None:
    facts = {name: (preset.layer, preset.pooling, preset.max_length) for name, preset in PRESETS.items()}
    assert facts == {
        "xtreme-tatoeba": (13, "mean", 512),
        "xtreme-bucc": (24 - 12 + 7, "first", 512),
        "veco": (18, "mean", 512),
        "jiant": (14 - 1, "mean", 256),
    }
    assert all(preset.layer_for(24, name) == preset.layer for name, preset in PRESETS.items())


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_of_another_depth_is_refused_and_says_what_would_be_proportional(name: str) -> None:
    preset = preset_of(name)
    with pytest.raises(UserError, match=rf"{name} means layer {preset.layer} of 24.*12 layers.*{preset.scaled(12)}"):
        preset.layer_for(12, name)


def test_scaled_layers_keep_their_share_of_the_depth() -> None:
    preset = PRESETS["veco"]
    assert preset.scaled(24) == 18
    for layers in range(1, 60):
        share = (preset.layer + 1) / 24
        found = preset.scaled(layers)
        assert 0 <= found < layers
        assert abs((found + 1) - share * layers) <= 0.5 or found == 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"pooling": "max"}, "no pooling 'max'"),
        ({"max_length": 3}, "no room for words"),
        ({"batch_tokens": 0}, "must be positive"),
    ],
)
def test_bad_settings_are_refused(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        EmbeddingSettings(**changes)  # type: ignore[arg-type]


def test_unknown_presets_are_refused() -> None:
    with pytest.raises(UserError, match="choose one of xtreme-tatoeba, xtreme-bucc, veco, jiant"):
        preset_of("laser")

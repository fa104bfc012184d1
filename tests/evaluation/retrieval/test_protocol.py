"""Protocols: what presets say, what of them can be changed, and the line that names a score's conditions."""

import dataclasses

import pytest

from anyglot.errors import UserError
from anyglot.evaluation.retrieval.protocol import BUCC_PRESETS, DEFAULTS, TATOEBA_PRESETS, changed, preset


def test_the_presets_are_the_releases_layers_poolings_and_thresholds():
    told = {name: (p.layer, p.pooling, p.max_length, p.directions) for name, p in TATOEBA_PRESETS.items()}
    assert told == {
        "xtreme": (13, "mean", 512, ("from-english",)),
        "veco": (18, "mean", 512, ("from-english",)),
        "jiant": (13, "mean", 256, ("from-english",)),
        "laser": (-1, "mean", 512, ("from-english", "to-english")),
    }
    told = {name: (p.layer, p.pooling, p.duplicates, p.tuning) for name, p in BUCC_PRESETS.items()}
    assert told == {
        "xtreme": (19, "first", "drop", "oracle"),
        "jiant": (13, "mean", "expand", "oracle"),
        "laser": (-1, "mean", "drop", "other split"),
    }
    assert {(p.margin, p.k, p.rule) for p in BUCC_PRESETS.values()} == {("ratio", 4, "max")}


def test_a_signature_says_everything_that_decides_a_score_but_the_name():
    base = DEFAULTS["bucc"].signature(layer=3)
    assert base.startswith("retrieval:bucc|layer:3|pool:mean|length:512|vectors:fp32|centre:no|score:cosine-ratio|k:4|")
    for field, value in {
        "pooling": "first",
        "max_length": 64,
        "precision": "bf16",
        "center": True,
        "margin": "distance",
        "k": 5,
        "rule": "forward",
        "duplicates": "expand",
    }.items():
        assert dataclasses.replace(DEFAULTS["bucc"], **{field: value}).signature(layer=3) != base
    assert dataclasses.replace(DEFAULTS["bucc"], name="other").signature(layer=3) == base
    assert "k:" not in DEFAULTS["tatoeba"].signature(layer=3)  # a cosine alone does not look at it


def test_layers_are_counted_from_either_end_and_swept_where_none_is_named():
    assert DEFAULTS["tatoeba"].layers(3) == (0, 1, 2)
    assert dataclasses.replace(DEFAULTS["tatoeba"], layer=-1).layers(3) == (2,)
    for missing in (3, -4):
        with pytest.raises(UserError, match="the model has 3, counted from 0 to 2"):
            dataclasses.replace(DEFAULTS["tatoeba"], layer=missing).layers(3)


def test_a_preset_of_another_depth_is_refused_unless_scaling_is_asked_for():
    assert TATOEBA_PRESETS["xtreme"].layers(24) == (13,)
    with pytest.raises(UserError, match="takes layer 13 of 24, and this model has 12 layers"):
        TATOEBA_PRESETS["xtreme"].layers(12)
    scaled = TATOEBA_PRESETS["xtreme"].scaled(12)
    assert scaled.layers(12) == (6,) and scaled.name == "xtreme, scaled"
    assert TATOEBA_PRESETS["xtreme"].scaled(24) == TATOEBA_PRESETS["xtreme"]
    with pytest.raises(UserError, match="belongs to a preset"):
        DEFAULTS["tatoeba"].scaled(12)


def test_a_changed_preset_does_not_keep_its_name():
    assert changed(TATOEBA_PRESETS["veco"], None, {}).name == "veco"
    assert changed(TATOEBA_PRESETS["veco"], None, {"pooling": "mean"}).name == "veco"
    assert changed(TATOEBA_PRESETS["veco"], None, {"pooling": "first"}).name == "veco, changed"
    assert changed(TATOEBA_PRESETS["veco"], "5", {}).layers(12) == (5,)
    assert changed(TATOEBA_PRESETS["veco"], "all", {}).layers(2) == (0, 1)


def test_a_margin_in_place_of_the_cosine_looks_at_four_neighbours_unless_told_otherwise():
    assert changed(DEFAULTS["tatoeba"], None, {"margin": "ratio"}).k == 4
    assert changed(DEFAULTS["tatoeba"], None, {"margin": "ratio", "k": 2}).k == 2
    assert changed(DEFAULTS["tatoeba"], None, {"directions": "both"}).directions == ("from-english", "to-english")


@pytest.mark.parametrize(
    ("task", "layer", "changes", "told"),
    [
        ("tatoeba", "top", {}, "`layer` is all, scaled or a number"),
        ("tatoeba", None, {"pooling": "max"}, "choose from mean, mean_words, first"),
        ("tatoeba", None, {"duplicates": "drop"}, "choose from ids, texts"),
        ("bucc", None, {"duplicates": "ids"}, "choose from drop, expand"),
        ("bucc", None, {"margin": "cosine"}, "choose from ratio, distance, absolute"),
        ("bucc", None, {"rule": "best"}, "choose from max"),
        ("tatoeba", None, {"directions": "english"}, "choose from both, from-english, to-english"),
        ("bucc", None, {"max_length": 0}, "at least 1"),
    ],
)
def test_what_is_no_choice_is_told_with_the_choices(task, layer, changes, told):
    with pytest.raises(UserError, match=told):
        changed(DEFAULTS[task], layer, changes)


def test_veco_released_no_bucc():
    with pytest.raises(UserError, match="VECO's release has no BUCC"):
        preset("bucc", "veco")

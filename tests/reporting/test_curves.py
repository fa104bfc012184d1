"""Learning curves are read from whatever a run left behind."""

import json
import re

import pytest

from anyglot.errors import UserError
from anyglot.reporting.curves import curves_from_metrics
from anyglot.reporting.elements import Curves, Line
from anyglot.reporting.svg import draw_curves


def write(path, events):
    path.write_text("".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in events))
    return path


def event(kind, stage, update, **values):
    return {"event": kind, "stage": stage, "update": update, **values}


def test_losses_and_quality_become_two_charts_with_stage_boundaries(tmp_path):
    path = write(
        tmp_path / "metrics.jsonl",
        [
            event("train", "decoder", 10, loss=5.0, learning_rate=1e-3),
            event("validation", "decoder", 20, loss=4.5, bleu=3.0, chrf=20.0),
            event("train", "decoder", 20, loss=4.0),
            event("train", "joint", 30, loss=3.0),
            event("validation", "joint", 40, loss=2.5, bleu=9.0, chrf=30.0),
        ],
    )
    loss, quality = curves_from_metrics(path)
    assert [(line.name, line.points) for line in loss.lines] == [
        ("training", ((10, 5.0), (20, 4.0), (30, 3.0))),
        ("validation", ((20, 4.5), (40, 2.5))),
    ]
    assert loss.boundaries == ((0.0, "decoder"), (20.0, "joint"))
    assert [(line.name, line.points) for line in quality.lines] == [
        ("BLEU", ((20, 3.0), (40, 9.0))),
        ("chrF", ((20, 20.0), (40, 30.0))),
    ]


def test_the_loss_with_other_sources_is_drawn_and_since_when_the_decoder_looks_is_marked(tmp_path):
    path = write(
        tmp_path / "m.jsonl",
        [
            event("validation", "one", 10, loss=3.0, shuffled_source_loss=3.0, looks_at_source=False),
            event("validation", "one", 20, loss=2.5, shuffled_source_loss=2.52, looks_at_source=None),
            event("validation", "one", 30, loss=2.0, shuffled_source_loss=4.0, looks_at_source=True),
            event("validation", "two", 40, loss=1.0, shuffled_source_loss=6.0, looks_at_source=True),
        ],
    )
    (loss,) = curves_from_metrics(path)
    assert [line.name for line in loss.lines] == ["validation", "validation, sources shuffled"]
    assert loss.lines[1].points == ((10, 3.0), (20, 2.52), (30, 4.0), (40, 6.0))
    assert loss.boundaries == ((0.0, "one"), (30.0, "two"), (30.0, "looks at its source"))


def test_names_of_places_that_lie_close_together_are_not_written_over_each_other():
    def heights(*places):
        drawn = draw_curves(Curves("Loss", "updates", "loss", (Line("training", ((0, 2.0), (100, 1.0))),), places))
        found = re.findall(r'class="stage" x="[0-9.]+" y="([0-9]+)" text-anchor="\w+">([^<]+)<', drawn)
        return {name: height for height, name in found}

    apart = heights((0, "decoder"), (60, "joint"))
    assert len(set(apart.values())) == 1
    close = heights((0, "decoder"), (60, "joint"), (60, "looks at its source"))
    assert close["joint"] == close["decoder"] == apart["joint"] != close["looks at its source"]
    assert len(set(heights((0, "decoder"), (5, "looks at its source")).values())) == 2


def test_a_stage_that_counts_from_its_own_beginning_is_put_behind_the_last(tmp_path):
    path = write(
        tmp_path / "m.jsonl",
        [event("train", "one", u, loss=1.0) for u in (5, 10)] + [event("train", "two", u, loss=1.0) for u in (5, 10)],
    )
    (loss,) = curves_from_metrics(path)
    assert [x for x, _ in loss.lines[0].points] == [5, 10, 15, 20]
    assert loss.boundaries == ((0.0, "one"), (10.0, "two"))


def test_validation_sets_get_a_chart_of_their_own_while_they_are_few(tmp_path):
    def path(sets):
        numbers = {f"bleu.{name}": 2.0 for name in sets}
        return write(tmp_path / "m.jsonl", [event("validation", "one", 5, bleu=2.0, **numbers)])

    quality, by_set = curves_from_metrics(path(["de-en", "fi.x-en"]))
    assert quality.title == "Validation quality" and by_set.title == "Validation BLEU by set"
    assert [(line.name, line.points) for line in by_set.lines] == [("de-en", ((5, 2.0),)), ("fi.x-en", ((5, 2.0),))]
    assert len(curves_from_metrics(path("abcdefg"))) == len(curves_from_metrics(path("a"))) == 1


def test_damaged_lines_unknown_events_and_numbers_that_are_none_are_passed_over(tmp_path):
    path = write(
        tmp_path / "m.jsonl",
        [
            event("saved", "one", 1, loss=9.0),
            event("train", "one", 1, loss=float("nan")),
            event("train", "one", 2, loss="high"),
            event("train", "one", None, loss=1.0),
            "[1, 2]\n",
            {"kind": "train", "stage": "one", "update": 3, "loss": 2.0},
            '{"event": "train", "sta',
        ],
    )
    (loss,) = curves_from_metrics(path)
    assert loss.lines[0].points == ((3, 2.0),)
    assert curves_from_metrics(write(tmp_path / "empty.jsonl", [])) == ()


def test_a_missing_file_is_the_users_mistake(tmp_path):
    with pytest.raises(UserError, match=r"metrics\.jsonl could not be read"):
        curves_from_metrics(tmp_path / "metrics.jsonl")

"""Where a run stands, as its checkpoints tell it."""

from __future__ import annotations

import json

from anyglot.training.loop.state import Progress


def test_progress_survives_json() -> None:
    for place in ((), (0, 3), (1, 4, 0, 2, 1)):
        progress = Progress(stage=1, update=7, place=place, best={"5": 0.1})
        assert Progress.of(json.loads(json.dumps(progress.document()))) == progress


def test_checkpoints_that_tell_an_epoch_and_a_position_go_on_there() -> None:
    document = Progress(update=7).document()
    del document["place"]
    assert Progress.of({**document, "epoch": 2, "position": 5}).place == (2, 5)
    assert Progress.of({**document, "epoch": 0, "position": 0}).place == (0, 0)

"""Learning curves from a run's `metrics.jsonl`: read liberally, so that an older or a cut-off file still draws."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from anyglot.errors import UserError
from anyglot.reporting.elements import Curves, Line
from anyglot.runtime.untrusted_files import LARGE, parse_json, read_bytes

_QUALITY = {"bleu": "BLEU", "chrf": "chrF"}
_SHUFFLED = "shuffled_source_loss"
# More lines than this on one chart are a tangle; the mean over sets is always drawn.
_SETS_AT_MOST = 6


def curves_from_metrics(path: Path) -> tuple[Curves, ...]:
    """Draw up the charts of a run: losses, validation BLEU and chrF, and these by set where there are a few sets.

    Among the losses is that of validation with the sources of other sentences, where it was measured: where it lies on
    the validation loss, the decoder did not look at its source. Since when it was seen to look is marked there.

    Updates that start again with every stage are laid end to end. Lines that are not JSON objects, unknown events and
    values that are not finite numbers are passed over.

    Raises:
        UserError: The file is missing or cannot be read.
    """
    try:
        content = read_bytes(path, LARGE).decode("utf-8", errors="replace")
    except OSError as error:
        raise UserError(f"{path} could not be read ({error.strerror}); give the folder of a training run") from error
    points: dict[tuple[str, str], dict[float, float]] = defaultdict(dict)
    starts: dict[str, float] = {}
    looked: float | None = None
    shift = last = 0.0
    for event in _events(content):
        kind, stage, update = (
            event.get("event", event.get("kind")),
            str(event.get("stage", "")),
            _number(event, "update"),
        )
        if update is None or kind not in ("train", "validation"):
            continue
        if stage not in starts:
            # A stage that counts from its own beginning is put behind the one before it.
            if update + shift <= last:
                shift = last
            starts[stage] = last
        place = update + shift
        last = max(last, place)
        if looked is None and event.get("looks_at_source") is True:
            looked = place
        for key in (key for key in event if key.partition(".")[0] in ("loss", _SHUFFLED, *_QUALITY)):
            value = _number(event, key)
            if value is not None:
                points[str(kind), key][place] = value
    return tuple(_charts(points, starts, looked))


def _charts(
    points: Mapping[tuple[str, str], Mapping[float, float]], starts: Mapping[str, float], looked: float | None
) -> Iterator[Curves]:
    boundaries = tuple((place, stage) for stage, place in starts.items() if stage)
    losses = [("train", "loss", "training"), ("validation", "loss", "validation")]
    loss = _lines(points, [*losses, ("validation", _SHUFFLED, "validation, sources shuffled")])
    if loss:
        seen = () if looked is None else ((looked, "looks at its source"),)
        yield Curves("Loss", "updates", "loss", loss, (*boundaries, *seen))
    quality = _lines(points, [("validation", key, name) for key, name in _QUALITY.items()])
    if quality:
        yield Curves("Validation quality", "updates", "score", quality, boundaries)
    for measure, name in (("loss", "loss"), *_QUALITY.items()):
        sets = [key for event, key in points if event == "validation" and key.startswith(f"{measure}.")]
        if 1 < len(sets) <= _SETS_AT_MOST:
            lines = _lines(points, [("validation", key, key.partition(".")[2]) for key in sets])
            yield Curves(f"Validation {name} by set", "updates", name, lines, boundaries)


def _lines(
    points: Mapping[tuple[str, str], Mapping[float, float]], wanted: list[tuple[str, str, str]]
) -> tuple[Line, ...]:
    return tuple(
        Line(name, tuple(sorted(points[event, key].items())), dotted=event == "validation")
        for event, key, name in wanted
        if (event, key) in points
    )


def _events(content: str) -> Iterator[dict[str, Any]]:
    for line in content.split("\n"):
        try:
            event = parse_json(line, finite=False)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield event


def _number(event: Mapping[str, Any], key: str) -> float | None:
    value = event.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)

"""A mining job's folder: what it is, and every stripe that is done, so that a killed job goes on where it was.

OUTPUT.work/job.json        what the job reads and computes; a job that differs is another job
OUTPUT.work/vectors-a.npy   where the vectors were not given; appears whole
OUTPUT.work/stripe-N.npz    what stripe N gave; appears whole
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from anyglot.errors import UserError
from anyglot.evaluation.retrieval.search import Stripe
from anyglot.runtime.arrays import UNSOUND_ARCHIVE
from anyglot.runtime.files import disk_errors, whole_file, write_text
from anyglot.runtime.untrusted_files import read_json

ADVICE = "free some space and run it again, what is done is kept"
_FORMAT = 1
_NAMES = ("scores", "ids", "found_rows", "found_ids", "found_scores", "crowded")


class Job:
    """The folder of one job. Open it with `opened`, while the output is held (`runtime/locks.py`).

    Attributes:
        folder: The job's own.
        facts: What the first run wrote down of it: what was asked, and what was chosen for it.
    """

    def __init__(self, folder: Path, facts: Mapping[str, object]) -> None:
        self.folder, self.facts = folder, facts

    def remove(self) -> None:
        """The job is done."""
        shutil.rmtree(self.folder)

    def read(self, number: int) -> Stripe | None:
        """A stripe that was written; None if it was not, or is damaged."""
        try:
            with np.load(self._stripe(number), allow_pickle=False) as held:
                scores, ids, *rest = (held[name] for name in _NAMES)
                rows, columns, coarse, overflowed = (torch.from_numpy(part) for part in rest)
        except UNSOUND_ARCHIVE:
            return None
        if scores.shape != ids.shape or not len(rows) == len(columns) == len(coarse):
            return None
        return Stripe(scores, ids, (rows, columns, coarse), overflowed)

    def write(self, number: int, stripe: Stripe) -> None:
        """Keep a stripe."""
        rows, ids, coarse = (part.numpy() for part in stripe.found)
        overflowed = stripe.overflowed.numpy()
        with whole_file(self._stripe(number), ADVICE) as stream:
            np.savez(
                stream,
                scores=stripe.scores,
                ids=stripe.ids,
                found_rows=rows,
                found_ids=ids,
                found_scores=coarse,
                crowded=overflowed,
            )

    def _stripe(self, number: int) -> Path:
        return self.folder / f"stripe-{number}.npz"


def opened(
    folder: Path, asked: Mapping[str, object], chosen: Callable[[], Mapping[str, object]], *, overwrite: bool
) -> Job:
    """Begin a job, or take it up again.

    Args:
        asked: What makes it this job; another run must ask the same.
        chosen: What a first run chooses besides, kept for those that follow.
        overwrite: Forget what another job left.

    Raises:
        UserError: The folder holds another job or something else.
    """
    with disk_errors(folder, ADVICE):
        folder.mkdir(exist_ok=True)
        path = folder / "job.json"
        done = [each for pattern in ("stripe-*.npz", "vectors-*.npy") for each in folder.glob(pattern)]
        if overwrite or not path.exists() or not done:  # of a job that did nothing, nothing is lost
            for left in [*done, path, *folder.glob("*.tmp"), *folder.glob("*.partial")]:
                left.unlink(missing_ok=True)
        if not path.exists():
            content = json.dumps({"format": _FORMAT, "asked": dict(asked), "chosen": dict(chosen())}, indent=1)
            write_text(path, content, ADVICE)
    known = _read(path)
    differ = sorted(name for name in asked if known["asked"].get(name) != asked[name])
    if differ:
        raise UserError(
            f"{folder} holds an unfinished job with another {', '.join(differ)}: repeat its command to finish it, name "
            "another output, or give `overwrite=True` to begin anew."
        )
    return Job(folder, {**known["asked"], **known["chosen"]})


def _read(path: Path) -> dict[str, dict[str, object]]:
    try:
        known = read_json(path)
        if known["format"] != _FORMAT or not all(isinstance(known[part], dict) for part in ("asked", "chosen")):
            raise ValueError("another format")
    except (UserError, OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} cannot be read ({error}); give `overwrite=True` to begin anew.") from error
    return {part: known[part] for part in ("asked", "chosen")}

"""Run by the interpreter of COMET's own environment, never imported by anyglot: one JSON file in, one out.

    python -I comet_worker.py REQUEST.json ANSWER.json

REQUEST: {"model": name or path}, to check that all is there; with "samples": [{"src", "mt", "ref"}, ...], to score.
ANSWER: {"versions": {...}}, with samples also {"scores": [...], "model_sha256": ..., "references": true or false};
or {"error": "package", "model" or "scoring", "told": ...}.

It needs nothing but Python 3.8 and unbabel-comet. `-I` keeps this file's folder, with its `comet.py`, off the path.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import json
import platform
import sys
from pathlib import Path
from typing import Any


def main(request: Path, answer: Path) -> None:
    """Answer one request. What goes wrong is told in the answer, for the asking process to put into words."""
    found = answered(json.loads(request.read_text("utf-8")))
    answer.write_text(json.dumps(found), "utf-8")


def answered(request: dict[str, Any]) -> dict[str, Any]:
    """Check or score."""
    stage = "package"
    try:
        comet = importlib.import_module("comet")
        versions = {"comet": importlib.metadata.version("unbabel-comet"), "python": platform.python_version()}
        stage = "model"
        checkpoint = _checkpoint(comet, request["model"])
        if "samples" not in request:
            return {"versions": versions}
        model = comet.load_from_checkpoint(str(checkpoint))
        stage = "scoring"
        # COMET has imported torch; without a GPU it has to be told to use none.
        torch = sys.modules.get("torch")
        gpus = int(torch is not None and torch.cuda.is_available())
        predicted = model.predict(request["samples"], batch_size=16, gpus=gpus, progress_bar=False)
        return {
            "versions": versions,
            "scores": [float(score) for score in predicted.scores],
            "model_sha256": _sha256(checkpoint),
            "references": bool(model.requires_references()) if hasattr(model, "requires_references") else True,
        }
    except Exception as error:
        return {"error": stage, "told": f"{type(error).__name__}: {error}"}


def _checkpoint(comet: Any, model: str) -> Path:
    """A checkpoint file, a folder as the hub has them, or the name of a model, which COMET fetches on first use."""
    path = Path(model)
    if path.is_dir():
        path = path / "checkpoints" / "model.ckpt"
    if not path.is_file():
        path = Path(comet.download_model(model))
    return path


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

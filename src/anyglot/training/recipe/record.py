"""What a finished run writes of itself: run.json and languages.json."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from anyglot.data.corpus import ParallelSource
from anyglot.errors import UserError
from anyglot.models.pretrained.unfinished_runs import run_of
from anyglot.models.store import is_model_folder
from anyglot.runtime.untrusted_files import read_json, text_of, understood
from anyglot.text.languages import known_languages
from anyglot.text.templates import LANGUAGES
from anyglot.training.loop.checkpoint import versions
from anyglot.training.loop.freezing import trained_names
from anyglot.training.loop.plan import Plan
from anyglot.training.loop.source_use import recorded
from anyglot.training.loop.train import Trained
from anyglot.training.recipe.schema import Recipe

RUN = "run.json"


def languages_of(recipe: Recipe) -> dict[str, list[str]]:
    """Which languages the model has read ("source") and writes ("target"), and its directions with data ("pairs").

    "supervised", the sources of the pairs, is for who asks for languages and not for directions.
    """
    read: set[str] = set()
    pairs: set[tuple[str, str]] = set()
    for source in recipe.data.train:
        if isinstance(source, ParallelSource):
            pairs.add((source.source, source.target))
            read |= {source.source, source.target}
        else:
            read.add(source.language)
    if recipe.kind != "translation":
        pairs = set()
    if recipe.start is not None:
        read |= languages_read(Path(recipe.start))
    return {
        "source": sorted(read),
        "supervised": sorted({source for source, _ in pairs}),
        "target": sorted({target for _, target in pairs}),
        "pairs": [f"{source}-{target}" for source, target in sorted(pairs)],
    }


def languages_read(start: Path) -> set[str]:
    """What a pretrained encoder has read; a model that does not say is taken for one of the XLM-R family."""
    told = run_of(start) / LANGUAGES
    if told.is_file():
        with understood(told, "copy the model folder again"):
            return {text_of(code) for code in read_json(told).get("source", [])}
    return set() if is_model_folder(start) else {language.code for language in known_languages()}


def run_record(recipe: Recipe, plan: Plan, trained: Trained, command: str) -> dict[str, Any]:
    """How the model came about: seed, commit, data, versions, machine, time."""
    recipe_text = json.dumps(recipe.document(), sort_keys=True, ensure_ascii=False)
    return {
        "name": recipe.name,
        "method": recipe.method.name,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "seed": recipe.seed,
        "commit": commit(),
        "recipe": hashlib.sha256(recipe_text.encode()).hexdigest(),
        "data": plan.identity["data fingerprint"],
        "corpora": [
            {"name": key.split(".", 2)[2], "hash": value}
            for key, value in plan.identity.items()
            if key.startswith("data.") and key.split(".")[1].isdigit()
        ],
        "tokenizer": plan.identity["tokenizer fingerprint"],
        "updates": trained.progress.update,
        "target_tokens": trained.progress.tokens,
        "skipped_updates": trained.progress.skipped,
        "seconds": round(trained.progress.seconds, 1),
        "precision": trained.precision,
        "metrics": trained.progress.metrics,
        **recorded(trained.progress),
        **({"finishes": trained.progress.finishes} if trained.progress.finishes else {}),
        "parameters": sum(parameter.numel() for parameter in trained.model.parameters()),
        "trained_parameters": _moved(plan, trained),
        "versions": dict(versions()),
        "machine": machine(),
    }


def told_of_source(folder: Path) -> str | None:
    """What the run in a folder recorded of its decoder, in a sentence; None: nothing was measured, or no run ended."""
    try:
        run = read_json(folder / RUN, finite=False)
    except (FileNotFoundError, UserError):
        return None
    if not isinstance(run, dict) or "looks_at_source" not in run:
        return None
    looks, since = run["looks_at_source"], run.get("looks_at_source_from")
    if type(since) is not int and since is not None:
        return None
    if looks is None:
        return "whether the decoder looks at its source could not be told"
    if looks:
        return "the decoder looks at its source" + ("" if since is None else f", first seen after update {since:,}")
    return "the decoder does not look at its source" + ("" if since is None else f"; it did after update {since:,}")


def _moved(plan: Plan, trained: Trained) -> int:
    """How many of the parameters some stage trained."""
    named = dict(trained.model.named_parameters())
    stages = [stage for stage in plan.method.stages() if plan.stages[stage.name].updates > 0]
    moved = {name for stage in stages for name in trained_names(named, stage)}
    return sum(named[name].numel() for name in moved)


def machine() -> dict[str, Any]:
    """What the numbers were computed on."""
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpus": gpus,
    }


def commit() -> str | None:
    """The commit of the source tree this package runs from; None when it was installed from elsewhere."""
    source = Path(__file__).parent
    try:
        asked = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=source, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout.strip() or None if asked.returncode == 0 else None

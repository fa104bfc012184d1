"""Every task is trained on and scored from files in the layout of its official download."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyglot.evaluation.finetuning.requests import SuiteRequest
from anyglot.evaluation.finetuning.suite import run_suite
from anyglot.evaluation.tasks.catalogue import SUITES, TASKS
from support import tiny_task_models
from support.official_files import WRITERS

SCORED = sorted({name for names in SUITES.values() for name in names})


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_task_models.encoder_folder(tmp_path_factory.mktemp("encoder"))


@pytest.mark.parametrize("name", SCORED)
def test_trains_and_scores(name: str, encoder: str, tmp_path: Path) -> None:
    """Two updates: what is shown is that files, head, metric and prediction file fit together."""
    WRITERS[name](tmp_path / "data")
    train_language = "en"
    request = SuiteRequest(
        models=(encoder,),
        tasks=(name,),
        suite="",
        languages=(),
        data=tmp_path / "data",
        out=tmp_path / "out",
        train_language=train_language,
        overrides={"max_updates": "2", "precision": "fp32"},
        protocol=next(iter(TASKS[name].protocols)),
        resamples=20,
    )
    outcome = run_suite(request, lambda line: None)
    assert not outcome.left_out
    [[(result, folder)]] = outcome.results.values()
    assert result.languages or result.unscored
    for code, scores in result.languages.items():
        assert set(scores.scores) == set(TASKS[name].metrics)
        assert all(0 <= value <= 100 for values in scores.scores.values() for value in values.values())
        assert list((folder / "predictions").glob(f"test-{code}.*"))

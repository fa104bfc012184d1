"""Every kind of task is learned through the loop, a folder is finished once, and a killed run goes on bit for bit."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from anyglot.errors import UserError
from anyglot.evaluation.finetuning.finetune import tune
from anyglot.evaluation.finetuning.predicting import Predictor, windows
from anyglot.evaluation.finetuning.settings import TuningSettings
from anyglot.evaluation.tasks.examples import Example
from anyglot.evaluation.tasks.metrics import METRICS
from anyglot.evaluation.tasks.task import Task
from anyglot.models.pretrained.load import load_encoder
from anyglot.models.store import load_model, load_tensors
from anyglot.models.task_model import HEAD_WEIGHTS, load_task_model
from support import tiny_task_models

SETTINGS = TuningSettings(tiny_task_models.PROTOCOL, precision="fp32", dropout=0.0)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_task_models.encoder_folder(tmp_path_factory.mktemp("encoder"))


def score(folder: Path, task: Task, examples: Callable[[], Iterator[Example]]) -> float:
    metric = METRICS[task.metric](task, "de")
    sums = np.zeros(len(metric.statistics))
    for window, found in Predictor.from_folder(folder, task, precision="fp32").predict(examples(), "de"):
        sums += metric.of(window, found).sum(axis=0)
    return float(metric.value(sums)[0])


@pytest.mark.parametrize(
    ("task", "examples"),
    [
        (tiny_task_models.TOPICS, partial(tiny_task_models.topics, 96)),
        (tiny_task_models.TAGGING, partial(tiny_task_models.tagged, 96)),
        (tiny_task_models.CHOOSING, partial(tiny_task_models.choices, 96)),
        (tiny_task_models.ASKING, partial(tiny_task_models.questions, 240)),
        (tiny_task_models.RANKING, partial(tiny_task_models.graded, 96)),
    ],
    ids=lambda value: value.name if isinstance(value, Task) else "",
)
def test_every_kind_is_learned(
    encoder: str, task: Task, examples: Callable[[], Iterator[Example]], tmp_path: Path
) -> None:
    done = tune(encoder, task, {"de": examples}, {"de": examples}, tmp_path, SETTINGS, identity={}, quiet=True)
    assert score(tmp_path, task, examples) > 97
    assert done.scores[done.epoch - 1]["score"] == max(scores["score"] for scores in done.scores)
    assert len(done.scores) == tiny_task_models.PROTOCOL.epochs
    # What the folder's weights give is what the chosen epoch was chosen for.
    assert score(tmp_path, task, examples) == pytest.approx(done.scores[done.epoch - 1]["score"])


def test_a_finished_folder_is_an_encoder_and_is_not_trained_again(encoder: str, tmp_path: Path) -> None:
    run = partial(tune, encoder, tiny_task_models.TOPICS, {"de": partial(tiny_task_models.topics, 32)}, {}, tmp_path)
    short = dataclasses.replace(SETTINGS, max_updates=3)
    first = run(short, identity={"data": "a"}, quiet=True)
    weights = (tmp_path / "model.safetensors").stat().st_mtime_ns
    assert run(short, identity={"data": "a"}, quiet=True) == first
    assert (tmp_path / "model.safetensors").stat().st_mtime_ns == weights
    assert not (tmp_path / "checkpoints").exists()
    alone, model = load_encoder(tmp_path), load_task_model(tmp_path)
    tokens = torch.tensor([[0, 5, 6, 2]])
    expected = model.encoder(tokens, tokens > -1).last
    torch.testing.assert_close(alone(tokens, tokens > -1).last, expected, atol=0, rtol=0)
    with pytest.raises(UserError, match="data"):
        run(short, identity={"data": "b"}, quiet=True)
    with pytest.raises(UserError, match=r"settings\.learning_rate"):
        changed = dataclasses.replace(tiny_task_models.PROTOCOL, learning_rate=1e-4)
        run(dataclasses.replace(short, protocol=changed), identity={"data": "a"}, quiet=True)


def test_selection(encoder: str, tmp_path: Path) -> None:
    """English: the dev set of the training language chooses; mean: all do; last: none."""
    wrong = [
        dataclasses.replace(each, label=tiny_task_models.TOPICS.labels[n % 2 - 1])
        for n, each in enumerate(tiny_task_models.topics(32))
    ]
    dev = {"de": partial(tiny_task_models.topics, 32), "en": lambda: iter(wrong)}  # en falls as de rises
    done = {}
    for select in ("english", "mean", "last"):
        settings = dataclasses.replace(SETTINGS, select=select)
        done[select] = tune(
            encoder,
            tiny_task_models.TOPICS,
            {"de": partial(tiny_task_models.topics, 64)},
            dev,
            tmp_path / select,
            settings,
            identity={},
            quiet=True,
        )
    rows = done["english"].scores
    assert [row["score"] for row in rows] == [row["score.de"] for row in rows]
    assert [row["score"] for row in done["mean"].scores] == [(row["score.de"] + row["score.en"]) / 2 for row in rows]
    assert done["last"].epoch == tiny_task_models.PROTOCOL.epochs
    assert done["mean"].epoch == 1  # the two cancel out in every epoch, and of equal ones the first is kept
    assert done["english"].epoch > 1 or rows[0]["score"] == 100


def test_predictions_do_not_depend_on_windows(encoder: str, tmp_path: Path) -> None:
    settings = dataclasses.replace(SETTINGS, max_updates=2)
    tune(
        encoder,
        tiny_task_models.TAGGING,
        {"de": partial(tiny_task_models.tagged, 16)},
        {},
        tmp_path,
        settings,
        identity={},
        quiet=True,
    )
    predictor = Predictor.from_folder(tmp_path, tiny_task_models.TAGGING, precision="fp32")
    examples = list(tiny_task_models.tagged(40))
    together = [tags for _, found in predictor.predict(iter(examples), "de") for tags in found]
    alone = [tags for each in examples for _, found in predictor.predict(iter([each]), "de") for tags in found]
    assert together == alone
    assert predictor.counts["examples"] == 80


def test_windows_keep_the_rows_of_a_query_together() -> None:
    parts = list(windows(tiny_task_models.graded(30), size=4))
    assert [len(part) for part in parts] == [6, 6, 6, 6, 6]
    assert [example.id for part in parts for example in part] == [str(number) for number in range(30)]
    assert [len(part) for part in windows(tiny_task_models.topics(9), size=4)] == [4, 4, 1]


def test_dropped_skips_stay_dropped(encoder: str, tmp_path: Path) -> None:
    """SixT+'s encoder of stage 2 is fine-tuned as it is (SixT+ section 3.3)."""
    from anyglot.models.store import save_model

    edited = load_encoder(encoder)
    edited.stack.blocks[0].self_attention.skip = False
    save_model(edited, tmp_path / "edited")
    for file in Path(encoder).glob("*entencepiece*"):
        (tmp_path / "edited" / file.name).write_bytes(file.read_bytes())
    settings = dataclasses.replace(SETTINGS, max_updates=2)
    examples = {"de": partial(tiny_task_models.topics, 16)}
    tune(
        str(tmp_path / "edited"),
        tiny_task_models.TOPICS,
        examples,
        {},
        tmp_path / "out",
        settings,
        identity={},
        quiet=True,
    )
    assert load_model(tmp_path / "out").config.dropped_skips == ("stack.blocks.0.self_attention",)


SCRIPT = """
import dataclasses, sys
from functools import partial
from pathlib import Path
import torch
from support import tiny_task_models as tiny
from evaluation.finetuning.test_finetune import SETTINGS
from anyglot.evaluation.finetuning.finetune import tune
train = {"de": partial(tiny.topics, 240)}
settings = dataclasses.replace(SETTINGS, dropout=0.1)
dev = {"de": partial(tiny.topics, 40)}
tune(sys.argv[1], tiny.TOPICS, train, dev, Path(sys.argv[2]), settings, identity={}, quiet=True)
"""


def test_a_killed_fine_tuning_goes_on_bit_for_bit(encoder: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, encoder]
    where = Path(__file__).resolve().parents[2]
    subprocess.run([*command, str(tmp_path / "whole")], check=True, cwd=where)
    dying = f"from support import deadly\ndeadly.die_after('*/checkpoints/step-*')\n{SCRIPT}"
    killed = subprocess.run([sys.executable, "-c", dying, encoder, str(tmp_path / "cut")], check=False, cwd=where)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "cut" / "tuning.json").exists()
    subprocess.run([*command, str(tmp_path / "cut")], check=True, cwd=where)
    for name in ("model.safetensors", HEAD_WEIGHTS):
        whole, cut = load_tensors(tmp_path / "whole" / name), load_tensors(tmp_path / "cut" / name)
        assert whole.keys() == cut.keys()
        assert all(torch.equal(whole[key], cut[key]) for key in whole)
    records = [json.loads((tmp_path / run / "tuning.json").read_text()) for run in ("whole", "cut")]
    assert records[0]["scores"] == records[1]["scores"] and records[0]["tokens"] == records[1]["tokens"]


def test_memory_does_not_grow_with_the_test_set(encoder: str, tmp_path: Path) -> None:
    settings = dataclasses.replace(SETTINGS, max_updates=1)
    tune(
        encoder,
        tiny_task_models.TOPICS,
        {"de": partial(tiny_task_models.topics, 8)},
        {},
        tmp_path,
        settings,
        identity={},
        quiet=True,
    )
    predictor = Predictor.from_folder(tmp_path, tiny_task_models.TOPICS, precision="fp32")

    def peak(count: int) -> int:
        tracemalloc.start()
        seen = sum(len(found) for _, found in predictor.predict(tiny_task_models.topics(count), "de"))
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert seen == count
        return highest

    peak(100)  # what is made once
    peak(100)  # what is made once
    # Kept predictions would double it: a tuple of two floats is 200 bytes, and a window needs 1.3 MB.
    assert peak(9 * 1024) < 1.3 * peak(2 * 1024)

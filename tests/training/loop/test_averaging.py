"""Averages are exact, streamed, and of the checkpoints asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anyglot.errors import UserError
from anyglot.training.loop import checkpoint
from anyglot.training.loop.averaging import average, choose_best, choose_last, choose_steps


def write(root: Path, update: int, tensors: dict[str, torch.Tensor], best: dict[str, float] | None = None) -> Path:
    return checkpoint.write_checkpoint(
        root,
        update,
        tensors={"model.safetensors": tensors},
        documents={"progress.json": {"best": best or {}}},
        identity={},
        metrics={},
    )


def test_the_mean_is_exact_where_float32_would_round(tmp_path: Path) -> None:
    values = [1.0, 2.0**-24, 2.0**-24, 2.0**-24]
    folders = [write(tmp_path, n, {"w": torch.tensor([v]), "n": torch.tensor(5)}) for n, v in enumerate(values)]
    found = dict(average(folders))
    assert found["w"].item() == torch.tensor(sum(values) / 4, dtype=torch.float64).float().item()
    assert found["n"].item() == 5


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(-(2.0**99), 2.0**99, width=32), min_size=1, max_size=5))
def test_the_mean_of_equal_weights_is_those_weights(tmp_path_factory: pytest.TempPathFactory, row: list[float]) -> None:
    root = tmp_path_factory.mktemp("average")
    folders = [write(root, number, {"w": torch.tensor(row)}) for number in range(3)]
    assert torch.equal(dict(average(folders))["w"], torch.tensor(row))


def test_last_and_best_choose(tmp_path: Path) -> None:
    best = {"1": 0.5, "2": 0.1, "3": 0.9}
    for update in (1, 2, 3, 4):
        write(tmp_path, update, {"w": torch.ones(1)}, best)
    assert [folder.name for folder in choose_last(tmp_path, 2)] == ["step-3", "step-4"]
    assert [folder.name for folder in choose_best(tmp_path, 2, highest=False)] == ["step-2", "step-1"]
    assert [folder.name for folder in choose_best(tmp_path, 1, highest=True)] == ["step-3"]
    assert [folder.name for folder in choose_steps(tmp_path, [3, 1])] == ["step-3", "step-1"]
    with pytest.raises(UserError, match="no checkpoint of update 7; it holds 1, 2, 3, 4"):
        choose_steps(tmp_path, [2, 7])
    with pytest.raises(UserError, match="has 3 to choose from, but 4"):
        choose_best(tmp_path, 4, highest=False)


def test_damaged_and_unlike_checkpoints_are_refused(tmp_path: Path) -> None:
    one = write(tmp_path, 1, {"w": torch.ones(1)})
    other = write(tmp_path, 2, {"v": torch.ones(1)})
    with pytest.raises(UserError, match="other weights"):
        dict(average([one, other]))
    (other / "model.safetensors").write_bytes(b"x")
    with pytest.raises(UserError, match="step-2 is damaged"):
        choose_last(tmp_path, 2)

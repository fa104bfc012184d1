"""Choosing a precision, and refusing one the machine does not have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from anyglot.errors import UserError
from anyglot.models import precision, precision_probe
from anyglot.runtime import measurements


@pytest.fixture(autouse=True)
def own_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    precision_probe._chosen.cache_clear()


def test_int8_without_its_instructions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "processor_flags", lambda: frozenset({"avx2"}))
    with pytest.raises(UserError, match="int8 needs a processor with AVX-512 VNNI"):
        precision.check_precision("int8", torch.device("cpu"))


def test_a_choice_is_remembered_against_a_changed_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {"fp32": 2.0, "bf16": 1.0, "int8": 0.9}
    monkeypatch.setattr(precision_probe, "measured", lambda name, *sizes: seconds[name])
    assert precision_probe.fastest(["fp32", "bf16", "int8"], 512, 2048, 9000) == "bf16", "int8 gains too little on bf16"
    seconds.update(fp32=0.1)
    precision_probe._chosen.cache_clear()  # a new process
    assert precision_probe.fastest(["fp32", "bf16", "int8"], 512, 2048, 9000) == "bf16"
    assert list(json.loads(measurements.memory(precision_probe.MEMORY).read_text()).values()) == ["bf16"]
    assert precision_probe.fastest(["fp32", "bf16"], 512, 2048, 9000) == "fp32", "another question"


def test_a_damaged_memory_is_asked_again_and_narrow_models_never(monkeypatch: pytest.MonkeyPatch) -> None:
    measurements.memory(precision_probe.MEMORY).parent.mkdir(parents=True)
    measurements.memory(precision_probe.MEMORY).write_text("{broken")
    monkeypatch.setattr(precision_probe, "measured", lambda name, *sizes: {"fp32": 2.0, "bf16": 1.0}[name])
    assert precision_probe.fastest(["fp32", "bf16"], 512, 2048, 9000) == "bf16"
    assert precision_probe.fastest(["fp32", "bf16"], 64, 128, 9000) == "fp32"


def test_the_products_that_are_timed_exist() -> None:
    for name in ("fp32", "bf16"):
        assert precision_probe.measured(name, 32, 64, 100) > 0

"""`pytest --trace-bits`: which test module changes what a training comes out as.

After every module a tiny training runs in the tests' own process, with one thread and with two, and its weights are
hashed: cross-attention, GELU's tanh approximation, the swept loss over several blocks of words, dropout, clipping, the
fused optimizer, weights whose memory is not aligned, products whose rows are no whole vectors. Beside the hashes stands
what a test might leave behind: torch's global switches, rounding, variables of the environment, threads that live on.
The first module after which any of it differs from the start of the session is named at the end, of every worker.

    python -m pytest -n 2 --trace-bits tests/training tests/recipe
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Generator, Iterator
from typing import Any

import pytest
import torch

from anyglot.models.config import EmbeddingsConfig, StackConfig
from anyglot.nn.losses.likelihood import chunked_likelihood
from anyglot.training.loop import state
from support import model_builders

WATCHED = (
    "ACCELERATE_",
    "ANYGLOT_",
    "CUDA_",
    "FSDP_",
    "GOMP_",
    "HF_",
    "KMP_",
    "MKL_",
    "OMP_",
    "OPENBLAS_",
    "TORCH",
    "XDG_",
)
VOCABULARY, WIDTH = 203, 24
UPDATES = 3


def trained(threads: int) -> str:
    """Hash of the weights after a tiny training with so many threads; generators and threads are put back."""
    generators, before = state.random_state(), torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        state.seed(5)
        return _trained()
    finally:
        torch.set_num_threads(before)
        state.set_random_state(generators)


def _trained() -> str:
    embeddings = EmbeddingsConfig(
        vocabulary_size=VOCABULARY, width=WIDTH, positions="learned", position_rows=48, norm=True
    )
    stack = StackConfig(layers=1, width=WIDTH, heads=3, feedforward_width=52, norm_first=False, activation="gelu_tanh")
    plain = EmbeddingsConfig(vocabulary_size=VOCABULARY, width=WIDTH, positions="sinusoidal", norm=False, scale="sqrt")
    decoder = stack.model_copy(update={"cross_attention": True, "norm_first": True})
    model = model_builders.model(
        3,
        encoder=model_builders.encoder_config(embeddings=embeddings, stack=stack),
        decoder_embeddings=plain,
        decoder=decoder,
    ).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, fused=True)
    for update in range(UPDATES):
        source, source_mask = _batch([31, 17, 9], update)
        target, target_mask = _batch([23, 29, 5], update + 10)
        memory = model.encode(source, source_mask)
        hidden = torch.nn.functional.dropout(model.decode(memory, target[:, :-1]), 0.1)[target_mask[:, 1:]]
        wanted = target[:, 1:][target_mask[:, 1:]]
        # So small a budget that the words are swept in several blocks, of which the last is not whole.
        found = chunked_likelihood(hidden, model.output.weight, model.output.bias, wanted, smoothing=0.1, budget=16_000)
        (found.smoothed / len(wanted) + _crooked(update)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    digest = hashlib.sha256()
    for parameter in model.parameters():
        digest.update(parameter.detach().numpy().tobytes())
    for value in optimizer.state.values():
        digest.update(value["exp_avg_sq"].numpy().tobytes())
    return digest.hexdigest()[:16]


def _batch(lengths: list[int], seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(4, VOCABULARY, (len(lengths), max(lengths)), generator=generator)
    mask = torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]
    return tokens.masked_fill(~mask, 1), mask


def _crooked(seed: int) -> torch.Tensor:
    """Products of odd shapes whose first factor begins off a vector's border, and numbers below the normal ones."""
    generator = torch.Generator().manual_seed(seed)
    left = torch.randn(1 + 33 * 7, generator=generator)[1:].view(33, 7)
    right = torch.randn(5, 7, generator=generator)
    tiny = torch.full((9,), 1e-40).sum() * 1e36
    return (left @ right.t()).tanh().square().mean() + tiny


def left_behind() -> dict[str, Any]:
    """What tests can change for those after them in the same process."""
    return {
        "threads": torch.get_num_threads(),
        "threads between operations": torch.get_num_interop_threads(),
        "precision of products": torch.get_float32_matmul_precision(),
        "bf16 sums in products": torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction,
        "oneDNN": torch.backends.mkldnn.enabled,
        "attention kernels": (
            torch.backends.cuda.flash_sdp_enabled(),
            torch.backends.cuda.mem_efficient_sdp_enabled(),
            torch.backends.cuda.math_sdp_enabled(),
        ),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "default number format": str(torch.get_default_dtype()),
        "autocast": (
            torch.is_autocast_enabled("cpu"),
            str(torch.get_autocast_dtype("cpu")),
            torch.is_autocast_cache_enabled(),
        ),
        "gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_anomaly_enabled()),
        "denormals": float(torch.full((16,), 1e-40).sum()) > 0,
        "rounding": (1.0 + 2.0**-53 == 1.0, float(torch.tensor(1.0) + torch.tensor(2.0**-24)) == 1.0),
        "environment": {name: value for name, value in sorted(os.environ.items()) if name.startswith(WATCHED)},
    }


class BitTracer:
    """Probes at the start, after collection and after each module; keeps what differs from the start."""

    def __init__(self) -> None:
        self.first = self._probe()
        self.seen = self.first
        self.modules = 0
        self.changes: list[str] = []

    def _probe(self) -> dict[str, Any]:
        threads = sorted(each.name for each in threading.enumerate() if each.is_alive())
        found = {f"bits, {count} thread{'s' if count > 1 else ''}": trained(count) for count in (1, 2)}
        return {**found, **left_behind(), "running threads": threads}

    def look(self, name: str) -> None:
        """Tell how the state after `name` differs from the state before it."""
        now = self._probe()
        for key, value in now.items():
            if value != self.seen[key]:
                back = " (as at the start again)" if value == self.first[key] else ""
                self.changes.append(f"{name}: {key}: {_shown(self.seen[key], value)}{back}")
        self.seen = now

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.look("the import of the modules")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
        yield
        if nextitem is None or nextitem.path != item.path:
            self.modules += 1
            self.look(str(item.path.relative_to(item.config.rootpath)))

    def report(self) -> list[str]:
        """Lines for the end of the session, the bits first."""
        moved = [change for change in self.changes if ": bits," in change]
        told = f"the bits of a training changed first after {moved[0]}" if moved else "no module changed a bit"
        others = [change for change in self.changes if ": bits," not in change]
        return [f"{self.modules} modules: {told}", *moved[1:], *others]


def _shown(before: Any, after: Any) -> str:
    if isinstance(before, dict):
        keys = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
        return ", ".join(f"{key} {before.get(key)!r} -> {after.get(key)!r}" for key in keys)
    return f"{before!r} -> {after!r}"


class BitReports:
    """Gathers what the tracer of this process, or those of xdist's workers, found, and prints it at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.reports: dict[str, list[str]] = {}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        self.reports[node.gateway.id] = node.workeroutput["bits"] if not error else ["ended before its report"]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        tracer = self.config.pluginmanager.get_plugin("bit-tracer")
        if tracer is None:
            return
        if hasattr(self.config, "workeroutput"):
            self.config.workeroutput["bits"] = tracer.report()
        else:
            self.reports["this process"] = tracer.report()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for line in _lines(self.reports):
            terminalreporter.write_line(line)


def _lines(reports: dict[str, list[str]]) -> Iterator[str]:
    for name, report in sorted(reports.items()):
        yield f"--trace-bits, {name}: {report[0]}"
        yield from (f"    {line}" for line in report[1:])


def register(config: pytest.Config) -> None:
    """Begin to trace, here or in xdist's workers."""
    config.pluginmanager.register(BitReports(config), "bit-reports")
    if getattr(config.option, "dist", "no") == "no" or hasattr(config, "workerinput"):
        config.pluginmanager.register(BitTracer(), "bit-tracer")

"""Tiny models gain nothing from threads, and workers share the cores."""

import pytest
import torch


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--trace-bits",
        action="store_true",
        help="after each module hash a tiny training's weights, and name the first that changes them (support/bits.py)",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--trace-bits"):
        from support import bits

        bits.register(config)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)

"""Tiny models gain nothing from threads, and workers share the cores."""

from collections.abc import Iterator

import pytest
import torch


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--trace-bits",
        action="store_true",
        help="after each module hash a tiny training's weights, and name the first that changes them (support/bits.py)",
    )


def pytest_configure(config: pytest.Config) -> None:
    torch.set_num_threads(1)  # fixtures of a whole module are made before the fixture below
    if config.getoption("--trace-bits"):
        from support import bits

        bits.register(config)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """One thread, and no test that leaves another number to those after it: it decides the last bits of sums."""
    torch.set_num_threads(1)
    yield
    left = torch.get_num_threads()
    torch.set_num_threads(1)
    assert left == 1, f"this test leaves torch with {left} threads, so the bits of those after it may be others"

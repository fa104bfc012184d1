"""Tiny models gain nothing from threads, and workers share the cores."""

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread() -> object:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)

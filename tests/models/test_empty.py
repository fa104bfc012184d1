"""Models without values have the shapes of models with them, and cost neither memory nor torch's compiler."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from anyglot.models.empty import blank
from support.model_builders import encoder, model

KINDS = {
    "encoder": lambda: encoder(language_head=True, pooler=True),
    "shared": lambda: model(),
    "apart": lambda: model(share_embeddings=False, tie_output=False, output_bias=True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_names_and_ties_are_those_of_a_built_model(kind: str) -> None:
    with blank():
        empty = KINDS[kind]()
    built = KINDS[kind]()
    assert all(parameter.is_meta for parameter in empty.parameters())
    for remove in (True, False):
        shapes = [(name, value.shape) for name, value in built.named_parameters(remove_duplicate=remove)]
        assert [(name, value.shape) for name, value in empty.named_parameters(remove_duplicate=remove)] == shapes


def test_outside_values_are_drawn_as_ever() -> None:
    with blank():
        assert nn.Linear(3, 4).weight.is_meta
    torch.manual_seed(1)
    first = nn.Embedding(5, 6).weight
    torch.manual_seed(1)
    assert torch.equal(torch.empty(5, 6).normal_(), first) and not first.is_meta


def test_building_does_not_import_torchs_compiler() -> None:
    """As it does on the bare meta device: this fails if the reason for `blank` is gone, too."""
    built = "nn.Embedding(3, 4); nn.Linear(3, 4); nn.LayerNorm(4); nn.Parameter(torch.empty(2, 2).normal_())"
    told = "print('torch._dynamo' in sys.modules)"
    program = "import sys, torch; from torch import nn; from anyglot.models.empty import blank\n"
    for place in ("blank()", "torch.device('meta')"):
        program += f"with {place}:\n    {built}\n{told}\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]

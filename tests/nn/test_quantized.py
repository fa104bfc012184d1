"""Int8 layers against the same arithmetic in plain integers and doubles."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from anyglot.nn.quantized import QuantisedLinear, QuantisedOutput, QuantisedTable, integer_product, quantise_rows
from anyglot.nn.vocabulary_subset import VocabularySubset


@given(seed=st.integers(0, 1000), rows=st.integers(1, 9), width=st.integers(1, 70), size=st.floats(1e-6, 1e6))
@settings(max_examples=40, deadline=None)
def test_rounding_is_within_half_a_step_and_uses_the_whole_range(seed: int, rows: int, width: int, size: float) -> None:
    x = torch.randn(rows, width, generator=torch.Generator().manual_seed(seed)) * size
    whole, scale = quantise_rows(x)
    assert whole.dtype == torch.int8 and scale.shape == (rows, 1)
    assert bool(((whole * scale - x).abs() <= scale * 0.5001).all())
    assert whole.abs().amax(dim=1).tolist() == [127] * rows


def test_rows_of_zeros_and_broken_rows() -> None:
    x = torch.tensor([[0.0, 0.0], [1.0, float("nan")], [float("inf"), 1.0]])
    whole, scale = quantise_rows(x)
    assert (whole[0] * scale[0]).tolist() == [0.0, 0.0]
    assert not bool((whole[1:] * scale[1:]).isfinite().all(dim=1).any()), "a broken row must not come out healthy"


@pytest.mark.parametrize(("rows", "width", "outputs"), [(1, 16, 40), (5, 17, 3), (80, 64, 100), (3, 768, 33)])
def test_the_product_of_integers_is_exact(rows: int, width: int, outputs: int) -> None:
    generator = torch.Generator().manual_seed(3)
    x = torch.randint(-127, 128, (rows, width), dtype=torch.int8, generator=generator)
    weight = torch.randint(-127, 128, (outputs, width), dtype=torch.int8, generator=generator)
    assert torch.equal(integer_product(x, weight).long(), x.long() @ weight.long().T)


def test_a_linear_is_its_integers() -> None:
    torch.manual_seed(0)
    linear, x = nn.Linear(48, 20), torch.randn(2, 3, 48)
    layer = QuantisedLinear.of(linear)
    whole, scale = quantise_rows(x.view(6, 48))
    expected = (whole.double() @ layer.weight.double().T) * scale.double() * layer.scale.double() + linear.bias.double()
    torch.testing.assert_close(layer(x).double(), expected.view(2, 3, 20), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(layer(x), linear(x), atol=0.02, rtol=0.02)


def test_one_table_serves_lookups_and_the_output() -> None:
    torch.manual_seed(0)
    full, bias = torch.randn(50, 32), nn.Parameter(torch.randn(50))
    table = QuantisedTable(full)
    output = QuantisedOutput(table, bias=bias)
    assert output.weight is table.weight, "held once"
    assert table.weight.element_size() == 1
    tokens = torch.tensor([[3, 49], [0, 3]])
    torch.testing.assert_close(table(tokens), full[tokens], atol=0.02, rtol=0)
    hidden = torch.randn(4, 32)
    torch.testing.assert_close(output(hidden), hidden @ full.T + bias, atol=0.2, rtol=0.02)
    part = output.parts(hidden)
    assert torch.equal(torch.cat([part(0, 13), part(13, 50)], dim=1), output(hidden))


def test_a_restricted_output_has_the_kept_logits() -> None:
    torch.manual_seed(0)
    output, hidden, ids = QuantisedOutput(QuantisedTable(torch.randn(50, 32))), torch.randn(4, 32), [2, 7, 8, 30, 49]
    whole = output(hidden)
    output.restrict(VocabularySubset(torch.tensor(ids), 50))
    assert output.size == 5
    assert torch.equal(output(hidden), whole[:, ids])


def test_one_scale_for_all_rows_would_let_neighbours_matter() -> None:
    """The inverse: what the scale per row is there for."""

    def per_tensor(x: torch.Tensor) -> torch.Tensor:
        scale = x.abs().amax() / 127
        return (x / scale).round() * scale

    x = torch.randn(1, 64, generator=torch.Generator().manual_seed(0))
    crowd = torch.cat([x, 100 * torch.ones(1, 64)])
    assert torch.equal(quantise_rows(x)[0], quantise_rows(crowd)[0][:1])
    assert not torch.equal(per_tensor(x), per_tensor(crowd)[:1])

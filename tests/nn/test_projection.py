"""The target projection: every row by its own language, whatever the others are."""

from __future__ import annotations

import pytest
import torch

from anyglot.models.initialize import initialise_fairseq
from anyglot.nn.projection import TargetProjection

LANGUAGES, WIDTH = 3, 8


@pytest.fixture
def projection() -> TargetProjection:
    torch.manual_seed(1)
    made = TargetProjection(LANGUAGES, WIDTH)
    torch.nn.init.normal_(made.weight)
    torch.nn.init.normal_(made.bias)
    return made


def states(rows: int) -> torch.Tensor:
    return torch.randn(rows, 5, WIDTH, generator=torch.Generator().manual_seed(2))


def test_each_row_is_mapped_by_the_linear_map_of_its_language(projection: TargetProjection) -> None:
    language = torch.tensor([2, 0, 3, 2, 1, 2])
    x = states(len(language))
    expected = torch.einsum("bsd,bed->bse", x, projection.weight[language]) + projection.bias[language][:, None]
    torch.testing.assert_close(projection(x, language), expected)


def test_a_batch_equals_its_rows_one_by_one(projection: TargetProjection) -> None:
    language = torch.tensor([3, 1, 3, 2, 2])
    x = states(len(language))
    alone = torch.cat([projection(x[row : row + 1], language[row : row + 1]) for row in range(len(x))])
    torch.testing.assert_close(projection(x, language), alone)


def test_only_the_languages_present_have_a_gradient(projection: TargetProjection) -> None:
    projection(states(3), torch.tensor([3, 1, 3])).square().sum().backward()
    assert projection.weight.grad is not None and projection.bias.grad is not None
    moved = [bool(grad.any()) for grad in projection.weight.grad]
    assert moved == [False, True, False, True]
    assert [bool(grad.any()) for grad in projection.bias.grad] == moved


def test_it_starts_xavier_uniform_with_zero_bias() -> None:
    made = TargetProjection(2, 64)
    initialise_fairseq(made)
    bound = (6 / (64 + 64)) ** 0.5
    for weight in made.weight:
        assert weight.abs().max() <= bound
        assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)
    assert not made.bias.any()
    assert not torch.equal(made.weight[1], made.weight[2])


def test_a_language_outside_the_table_is_refused(projection: TargetProjection) -> None:
    with pytest.raises((ValueError, RuntimeError)):
        projection(states(2), torch.tensor([1, LANGUAGES + 1]))

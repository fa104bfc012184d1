"""Singular values of weight matrices, and how far they moved from a base model's.

| Source | Function |
|---|---|
| Ji et al. (2024) section 3.3, ||sigma||: the Frobenius norm, no values needed | `frobenius` |
| the same, d: the distance of the sorted values to the base's | `distance` |
| method card 4.5: | ||s_a|| - ||s_b|| | <= d, the triangle inequality | tests |
| method card 4.5: gains of layer norms, which rescale what Q and K see | `Gains` |

Singular values are square roots of the eigenvalues of the smaller Gram matrix, in float64. On 1024 x 1024 and
4096 x 1024 that takes about two thirds of the time of `torch.linalg.svdvals` in float32 and is closer to the values in
float64: squaring loses half the digits of what is much smaller than the largest value, and float64 has them to lose
(figures in docs/analysis.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anyglot.analysis.weights import Place, WeightFiles

Say = Callable[[str], None]


@dataclass(frozen=True)
class Spectrum:
    """One matrix.

    Attributes:
        values: Singular values, largest first: (min(rows, columns),) float64; None where only the norm was asked for.
        norm: Frobenius norm, summed from the entries.
        shape: Of the matrix.
    """

    values: NDArray[np.float64] | None
    norm: float
    shape: tuple[int, ...]

    @property
    def spectral(self) -> float | None:
        """The largest singular value."""
        return None if self.values is None else float(self.values[0])

    @property
    def stable_rank(self) -> float | None:
        """(norm / spectral norm)^2: between 1 and the rank; None for a matrix of zeros."""
        return None if not self.spectral else (self.norm / self.spectral) ** 2


@dataclass(frozen=True)
class Gains:
    """A layer norm's gains: their root mean square (1 in a fresh norm), mean, and largest absolute value."""

    root_mean_square: float
    mean: float
    largest: float


@dataclass(frozen=True)
class ModelSpectra:
    """All matrices of a model, and its norms' gains."""

    label: str
    family: str
    spectra: Mapping[Place, Spectrum]
    gains: Mapping[Place, Gains]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Change:
    """One matrix of a model beside the base's.

    Attributes:
        distance: d; None where the base has no such matrix, or one of another shape, or only norms were asked for.
    """

    base: Spectrum | None
    own: Spectrum
    distance: float | None


@dataclass(frozen=True)
class Comparison:
    """A model beside a base.

    Attributes:
        changes: By place, of all matrices of the model.
        remarks: What cannot be compared and why.
    """

    base: str
    model: ModelSpectra
    changes: Mapping[Place, Change]
    remarks: tuple[str, ...] = field(default=())


def singular_values(matrix: Tensor) -> NDArray[np.float64]:
    """Singular values, largest first, from the eigenvalues of the smaller Gram matrix in float64.

    Shape:
        matrix: (rows, columns)
        returns: (min(rows, columns),)
    """
    wide = matrix.to(torch.float64)
    gram = wide.T @ wide if wide.shape[0] >= wide.shape[1] else wide @ wide.T
    # Rounding can push a zero a little below.
    values: NDArray[np.float64] = torch.linalg.eigvalsh(gram).clamp_min(0).sqrt().flip(0).numpy()
    # A copy: torch's few kilobytes lie between the freed megabytes of the products, and would keep those from reuse.
    return values.copy()


def frobenius(matrix: Tensor) -> float:
    """The norm of the singular values, without them: entries squared and summed in float64."""
    return float(torch.linalg.vector_norm(matrix, dtype=torch.float64))


def distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """d: the L2 distance of two sorted spectra; never less than the difference of their norms.

    Shape:
        one, other: (r,)
    """
    return float(np.linalg.norm(np.sort(one)[::-1] - np.sort(other)[::-1]))


def measure(weights: WeightFiles, *, norms_only: bool = False, say: Say = lambda line: None) -> ModelSpectra:
    """Read the matrices one at a time and keep their singular values.

    Args:
        norms_only: Leave the singular values out; norms alone take seconds.
        say: Told after every layer.

    Raises:
        UserError: A tensor cannot be read or is quantized.
    """
    spectra: dict[Place, Spectrum] = {}
    before: tuple[str, int] | None = None
    for place, matrix in weights.read(weights.matrices):
        if before is not None and before != (place.side, place.layer):
            say(f"{weights.label}: {before[0]} layer {before[1]}")
        before = place.side, place.layer
        values = None if norms_only else singular_values(matrix)
        spectra[place] = Spectrum(values, frobenius(matrix), tuple(matrix.shape))
    gains = {place: _gains(vector) for place, vector in weights.read(weights.gains)}
    return ModelSpectra(weights.label, weights.family, spectra, gains, weights.missing)


def compare(base: ModelSpectra, model: ModelSpectra) -> Comparison:
    """Put a model beside a base; what has no partner there is told and keeps its own numbers."""
    changes, alone, reshaped = {}, list[Place](), list[Place]()
    for place, own in model.spectra.items():
        other = base.spectra.get(place)
        comparable = other is not None and min(other.shape) == min(own.shape)
        if other is None:
            alone.append(place)
        elif not comparable:
            reshaped.append(place)
        d = None
        if other is not None and comparable and other.values is not None and own.values is not None:
            d = distance(other.values, own.values)
        changes[place] = Change(other if comparable else None, own, d)
    return Comparison(base.label, model, changes, tuple(_remarks(base, model, alone, reshaped)))


def spectra_data(model: ModelSpectra) -> dict[str, Any]:
    """Every number, for a program; singular values included."""
    return {
        "model": model.label,
        "family": model.family,
        "missing": list(model.missing),
        "matrices": [
            {
                "side": place.side,
                "layer": place.layer,
                "attention": place.part,
                "matrix": place.matrix,
                "shape": list(spectrum.shape),
                "norm": spectrum.norm,
                "spectral": spectrum.spectral,
                "stable_rank": spectrum.stable_rank,
                "values": None if spectrum.values is None else [float(f"{each:.6g}") for each in spectrum.values],
            }
            for place, spectrum in model.spectra.items()
        ],
        "gains": [
            {
                "side": place.side,
                "layer": place.layer,
                "part": place.part,
                "root_mean_square": g.root_mean_square,
                "mean": g.mean,
                "largest": g.largest,
            }
            for place, g in model.gains.items()
        ],
    }


def _gains(vector: Tensor) -> Gains:
    wide = vector.to(torch.float64)
    return Gains(float(wide.square().mean().sqrt()), float(wide.mean()), float(wide.abs().max()))


def _remarks(base: ModelSpectra, model: ModelSpectra, alone: list[Place], reshaped: list[Place]) -> list[str]:
    told = [
        f"{each.label} lacks {', '.join(each.missing)}: only the matrices in its other files were read"
        for each in (base, model)
        if each.missing
    ]
    if base.family != model.family:
        told.append(f"{base.label} is of the family {base.family}, {model.label} of {model.family}")
    for side in ("encoder", "decoder"):
        depths = [len({place.layer for place in each.spectra if place.side == side}) for each in (base, model)]
        if depths[0] != depths[1]:
            told.append(
                f"The {side} of {base.label} has {depths[0]} layers, that of {model.label} {depths[1]}; what both "
                "have is compared"
            )
    if alone:
        told.append(f"{len(alone)} matrices of {model.label} have no partner in {base.label}")
    if reshaped:
        told.append(
            f"{len(reshaped)} matrices have another number of singular values in {base.label} and cannot be compared"
        )
    if not alone and not reshaped and model.spectra.keys() < base.spectra.keys():
        told.append(
            f"{len(base.spectra) - len(model.spectra)} matrices of {base.label} have no partner in {model.label}"
        )
    return told

"""Normal equations of a step, from sums over pixels that do not depend on gain and bias.

The residual of a pixel is ``gain * m + bias - f``: m the moving image where theta reads it, f the fixed image. For given
theta, gain and bias that minimize the sum of squares follow from sums of m, 1 and f; that minimum, divided by the sum of
squares of f around its mean, is 1 minus the squared correlation. So a step that minimizes it maximizes the correlation, as ECC
does (Evangelidis and Psarakis, 2008).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stn_numba.registration.descent.hessians import FullHessian, Hessian, NearHessian
from stn_numba.registration.models.base import Sums
from stn_numba.registration.models.volumes.near_matrix import NearMatrix

__all__ = ["NormalEquations", "normal_equations"]

Array = NDArray[np.float64]

_FLAT = 1e-9  # of the variance of a standardized image
_TINY = 1e-30


@dataclass(frozen=True)
class NormalEquations:
    """The quadratic model of the cost around theta of N pairs.

    Attributes
    ----------
    hessian : FullHessian or NearHessian
        Half the second derivatives of the cost, in the approximation of Gauss and Newton.
    gradient : ndarray, (N, P)
        Half the gradient of the cost.
    cost : ndarray, (N,)
        Sum of squared residuals over that of the fixed image around its mean; infinite without overlap.
    gain, bias : ndarray, (N, C)
        Those that minimize the cost.
    correlation, overlap : ndarray, (N,)
        Of the moving image as theta reads it with the fixed image, averaged over channels; sum of weights.
    """

    hessian: Hessian
    gradient: Array
    cost: Array
    gain: Array
    bias: Array
    correlation: Array
    overlap: Array

    def take(self, rows: NDArray[np.intp]) -> NormalEquations:
        """Those of some pairs."""
        return NormalEquations(self.hessian.take(rows), *(each[rows] for each in self._arrays))

    def replaced(self, rows: NDArray[np.intp], others: NormalEquations) -> NormalEquations:
        """A copy in which some pairs have other equations."""
        arrays = [each.copy() for each in self._arrays]
        for mine, its in zip(arrays, others._arrays, strict=True):
            mine[rows] = its
        return NormalEquations(self.hessian.replaced(rows, others.hessian), *arrays)

    @classmethod
    def joined(cls, parts: list[NormalEquations]) -> NormalEquations:
        """Those of several batches of pairs."""
        arrays = zip(*(part._arrays for part in parts), strict=True)
        return cls(type(parts[0].hessian).joined([part.hessian for part in parts]), *map(np.concatenate, arrays))

    def plus(self, cost: Array, gradient: Array, hessian: Array | NearMatrix) -> NormalEquations:
        """Equations with a penalty added to the cost; its second derivatives are what `FullHessian.plus` takes."""
        return dataclasses.replace(
            self, cost=self.cost + cost, gradient=self.gradient + gradient, hessian=self.hessian.plus(hessian)
        )

    def step(self, damping: Array) -> Array:
        """Return the change of theta (N, P) with Levenberg's and Marquardt's damping (N,); 0 where there is none."""
        diagonal = self.hessian.diagonal()
        usable = np.isfinite(diagonal).all(axis=1)
        if not usable.all():
            result = np.zeros_like(self.gradient)
            rows = np.flatnonzero(usable)
            if len(rows):
                result[rows] = self.take(rows).step(damping[rows])
            return result
        damped = np.where(diagonal > 0, diagonal * (1 + damping[:, None]), 1.0)
        scale = 1 / np.sqrt(damped)  # to a unit diagonal: parameters may have very different units
        return -scale * self.hessian.solved(scale * self.gradient, scale)

    @property
    def _arrays(self) -> tuple[Array, ...]:
        """All but the second derivatives."""
        return self.gradient, self.cost, self.gain, self.bias, self.correlation, self.overlap


def normal_equations(sums: Sums, free_gain: bool) -> NormalEquations:
    """Return the normal equations for theta; gain and bias are eliminated, or 1 and 0 if they are not free."""
    rr = sums.rr
    known = np.maximum(rr[..., 1, 1], _TINY)
    means = rr[..., 1] / known[..., None]  # of m, 1 and f
    centered = rr - rr[..., 1, None] * means[..., None, :]
    var_m, var_f, covariance = centered[..., 0, 0], centered[..., 2, 2], centered[..., 0, 2]
    textured = np.minimum(var_m, var_f) > _FLAT * known
    around_m = np.where(textured, var_m, np.inf)
    if free_gain:
        gain = covariance / around_m
        bias = means[..., 2] - gain * means[..., 0]
        residual = var_f - gain * covariance
        j1 = sums.jr[..., 1]
        around = sums.jr - j1[..., None] * means[..., None, :]
        to_m, to_f = around[..., 0], around[..., 2]
        along = [j1 / np.sqrt(known)[..., None], to_m / np.sqrt(around_m)[..., None]]  # what gain and bias do as well
    else:
        gain, bias = np.ones_like(covariance), np.zeros_like(covariance)
        residual = rr[..., 0, 0] - 2 * rr[..., 0, 2] + rr[..., 2, 2]
        to_m, to_f, along = sums.jr[..., 0], sums.jr[..., 2], []
    gradient = gain[..., None] * (gain[..., None] * to_m - to_f)
    scale = np.where(textured, var_f, 0).sum(axis=1)
    share = 1 / np.where(scale > 0, scale, np.nan)
    return NormalEquations(
        _hessian(sums.jj, along, gain * gain * share[:, None]),
        gradient.sum(axis=1) * share[:, None],
        np.where(scale > 0, residual.sum(axis=1) * share, np.inf),
        gain,
        bias,
        (covariance / np.sqrt(np.where(textured, var_m * var_f, np.inf))).sum(axis=1) / rr.shape[1],
        sums.count,
    )


def _hessian(jj: Array | NearMatrix, along: list[Array], factors: Array) -> Hessian:
    """The sum over channels of factors (N, C) times products less those of each vector (N, C, P) with itself."""
    vectors = [each * np.sqrt(factors)[..., None] for each in along]
    if isinstance(jj, NearMatrix):
        return NearHessian(jj.added(factors), np.concatenate([*vectors, np.zeros((len(factors), 0, jj.size))], axis=1))
    result = np.einsum("nc,ncpq->npq", factors, jj)
    if vectors:
        joined = np.concatenate(vectors, axis=1)
        result -= np.swapaxes(joined, 1, 2) @ joined
    return FullHessian(result)

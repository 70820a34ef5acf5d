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

from stn_numba.registration.models.base import Sums

__all__ = ["NormalEquations", "normal_equations"]

Array = NDArray[np.float64]

_FLAT = 1e-9  # of the variance of a standardized image
_TINY = 1e-30
_MANY = 100  # parameters: Cholesky's method is faster, and worth to load SciPy


@dataclass(frozen=True)
class NormalEquations:
    """The quadratic model of the cost around theta of N pairs.

    Attributes
    ----------
    hessian : ndarray, (N, P, P)
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

    hessian: Array
    gradient: Array
    cost: Array
    gain: Array
    bias: Array
    correlation: Array
    overlap: Array

    def take(self, rows: NDArray[np.intp]) -> NormalEquations:
        """Those of some pairs."""
        return NormalEquations(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def replaced(self, rows: NDArray[np.intp], others: NormalEquations) -> NormalEquations:
        """A copy in which some pairs have other equations."""
        result = []
        for name in self.__dataclass_fields__:
            values = getattr(self, name).copy()
            values[rows] = getattr(others, name)
            result.append(values)
        return NormalEquations(*result)

    @classmethod
    def joined(cls, parts: list[NormalEquations]) -> NormalEquations:
        """Those of several batches of pairs."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__dataclass_fields__))

    def plus(self, cost: Array, gradient: Array, blocks: Array) -> NormalEquations:
        """Equations with a penalty added to the cost, whose second derivatives have blocks (N, B, P / B, P / B) on the diagonal."""
        hessian, size = self.hessian.copy(), blocks.shape[-1]
        for k in range(blocks.shape[1]):
            part = slice(k * size, (k + 1) * size)
            hessian[:, part, part] += blocks[:, k]
        return dataclasses.replace(self, cost=self.cost + cost, gradient=self.gradient + gradient, hessian=hessian)

    def step(self, damping: Array) -> Array:
        """Return the change of theta (N, P) with Levenberg's and Marquardt's damping (N,); 0 where there is none."""
        diagonal = np.einsum("npp->np", self.hessian)
        usable = np.isfinite(diagonal).all(axis=1)
        diagonal, gradient = (np.where(usable[:, None], each, 0) for each in (diagonal, self.gradient))
        damped = np.where(diagonal > 0, diagonal * (1 + damping[:, None]), 1.0)
        scale = 1 / np.sqrt(damped)  # to a unit diagonal: parameters may have very different units
        system = self.hessian * scale[:, :, None]
        system *= scale[:, None, :]
        system[~usable] = 0
        np.einsum("npp->np", system)[:] = 1.0
        return -scale * _solved(system, scale * gradient)


def _solved(systems: Array, right: Array) -> Array:
    """The solutions (N, P) of symmetric systems (N, P, P), which are positive definite but for rounding."""
    if right.shape[1] < _MANY:
        return np.linalg.solve(systems, right[..., None])[..., 0]
    from scipy.linalg import LinAlgError, cho_factor, cho_solve

    result = np.empty_like(right)
    for k, system in enumerate(systems):
        try:
            result[k] = cho_solve(cho_factor(system, lower=True, check_finite=False), right[k], check_finite=False)
        except LinAlgError:
            result[k] = np.linalg.solve(system, right[k])
    return result


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


def _hessian(jj: Array, along: list[Array], factors: Array) -> Array:
    """The sum over channels of factors (N, C) times products jj (N, C, P, P) less those of each vector (N, C, P) with itself."""
    result: Array = np.einsum("nc,ncpq->npq", factors, jj)
    if along:
        vectors = np.concatenate([each * np.sqrt(factors)[..., None] for each in along], axis=1)
        result -= np.swapaxes(vectors, 1, 2) @ vectors
    return result

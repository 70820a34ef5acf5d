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

__all__ = ["NormalEquations", "Sums", "normal_equations"]

Array = NDArray[np.float64]

_FLAT = 1e-9  # of the variance of a standardized image


@dataclass(frozen=True)
class Sums:
    """Weighted sums over the pixels of N pairs with C channels.

    Attributes
    ----------
    jj : ndarray, (N, C, P, P)
        Products of the derivatives of m with respect to theta.
    jr : ndarray, (N, C, P, 3)
        Their products with m, 1, f.
    rr : ndarray, (N, C, 3, 3)
        Products of m, 1, f.
    count : ndarray, (N,)
        Sum of the weights of the pixels that both images show, without robust weights.
    """

    jj: Array
    jr: Array
    rr: Array
    count: Array


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

    def plus(self, cost: Array, gradient: Array, hessian: Array) -> NormalEquations:
        """Equations with a penalty added to the cost."""
        return dataclasses.replace(
            self, cost=self.cost + cost, gradient=self.gradient + gradient, hessian=self.hessian + hessian
        )

    def step(self, damping: Array) -> Array:
        """Return the change of theta (N, P) with Levenberg's and Marquardt's damping (N,); 0 where there is none."""
        diagonal = np.einsum("npp->np", self.hessian)
        system = self.hessian.copy()
        np.einsum("npp->np", system)[:] += np.where(diagonal > 0, damping[:, None] * diagonal, 1.0)
        usable = np.isfinite(self.cost) & np.isfinite(system).all(axis=(1, 2))
        system[~usable] = np.eye(system.shape[1])
        gradient = np.where(usable[:, None], self.gradient, 0)
        # Scaled to a unit diagonal: parameters may have very different units.
        scale = 1 / np.sqrt(np.einsum("npp->np", system))
        scaled = system * scale[:, :, None] * scale[:, None, :]
        return -scale * np.linalg.solve(scaled, (scale * gradient)[..., None])[..., 0]


def normal_equations(sums: Sums, free_gain: bool) -> NormalEquations:
    """Return the normal equations for theta; gain and bias are eliminated, or 1 and 0 if they are not free."""
    mm, m1, mf = sums.rr[..., 0, 0], sums.rr[..., 0, 1], sums.rr[..., 0, 2]
    total, f1, ff = sums.rr[..., 1, 1], sums.rr[..., 1, 2], sums.rr[..., 2, 2]
    with np.errstate(all="ignore"):
        var_m, var_f, cov = mm - m1 * m1 / total, ff - f1 * f1 / total, mf - m1 * f1 / total
        textured = (var_m > _FLAT * total) & (var_f > _FLAT * total)
        correlation = np.where(textured, cov / np.sqrt(var_m * var_f), 0.0)
        gain = np.where(textured, cov / var_m, 0.0) if free_gain else np.ones_like(cov)
        bias = np.where(total > 0, (f1 - gain * m1) / total, 0.0) if free_gain else np.zeros_like(cov)
    residual = gain**2 * mm + 2 * gain * bias * m1 - 2 * gain * mf + bias**2 * total - 2 * bias * f1 + ff
    jm, j1, jf = sums.jr[..., 0], sums.jr[..., 1], sums.jr[..., 2]
    gradient = gain[..., None] * (gain[..., None] * jm + bias[..., None] * j1 - jf)
    hessian = (gain**2)[..., None, None] * sums.jj
    if free_gain:
        with np.errstate(all="ignore"):
            mean_j = np.where(total[..., None] > 0, j1 / total[..., None], 0)
            along = np.where(textured[..., None], (jm - m1[..., None] * mean_j) / np.sqrt(var_m)[..., None], 0)
        lost = along[..., :, None] * along[..., None, :] + total[..., None, None] * mean_j[..., :, None] * mean_j[..., None, :]
        hessian = hessian - (gain**2)[..., None, None] * lost
    scale = np.sum(np.where(textured, var_f, 0), axis=-1)
    with np.errstate(all="ignore"):
        share = np.where(scale > 0, 1 / scale, np.nan)
        cost = np.where(scale > 0, np.sum(residual, axis=-1) * share, np.inf)
    return NormalEquations(
        hessian.sum(axis=1) * share[:, None, None],
        gradient.sum(axis=1) * share[:, None],
        cost,
        gain,
        bias,
        np.mean(correlation, axis=-1),
        sums.count,
    )

"""Penalize bending: prefer smooth maps where the images leave a choice."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import base_points
from stn_numba.transform.base import Transform
from stn_numba.transform.lattice import LatticeTransform
from stn_numba.transform.points import apply_each

__all__ = ["STRETCHING", "BendingPenalty"]

Array = NDArray[np.float64]

STRETCHING = 100.0  # weight of first derivatives of displacements, beside second ones
_POINTS = 33  # along each axis, between which second derivatives are taken


class BendingPenalty:
    """The bending energy of a map: the mean over the fixed image of the squared second derivatives of positions.

    Positions and coordinates are normalized, so the energy does not depend on the size of the images; affine maps have none
    (Rueckert et al., 1999, equation 9). For displacements of a lattice the squared first derivatives are added, with a smaller
    share, so that displacements fade where the images show nothing.

    Parameters
    ----------
    transform : Transform
    weight : float
        What the energy is multiplied by before it is added to the cost, which is 1 minus the squared correlation.
    """

    def __init__(self, transform: Transform, weight: float) -> None:
        self.transform, self.weight = transform, weight
        self._points = base_points((_POINTS, _POINTS))

    def terms(self, theta: Array, share: int = 1) -> tuple[Array, Array, Array]:
        """Cost (N,), half its gradient (N, P), and half its second derivatives, as `FullHessian.plus` takes them."""
        if self.transform.is_linear() or isinstance(self.transform, LatticeTransform):
            return self._quadratic(theta)
        bent = self._bend(np.asarray(apply_each(self.transform, theta, self._points), np.float64)[..., None])
        slopes = self._bend(self.transform.theta_jacobian(theta, self._points))
        residuals = bent.reshape(len(theta), -1)
        flat = slopes.reshape(len(slopes), -1, theta.shape[1])
        gradient = np.swapaxes(flat, 1, 2) @ residuals[..., None]
        factor = self._factor
        hessian = factor * np.swapaxes(flat, 1, 2) @ flat
        return factor * np.sum(residuals**2, axis=1), factor * gradient[..., 0], hessian[:, None]

    @property
    def _factor(self) -> float:
        return self.weight / (_POINTS * _POINTS)

    def _quadratic(self, theta: Array) -> tuple[Array, Array, Array]:
        """As `terms`, for positions that are linear in theta but for an affine map: x and y cost alike, and independently."""
        curvature, count = self._curvature, theta.shape[1] // 2
        gradient = (theta.reshape(-1, count) @ curvature).reshape(theta.shape)
        return np.sum(theta * gradient, axis=1), gradient, np.broadcast_to(curvature, (len(theta), 2, count, count))

    @functools.cached_property
    def _curvature(self) -> Array:
        """(P / 2, P / 2): half the second derivatives by the parameters of x."""
        identity = self.transform.identity()[None]
        slopes = self.transform.theta_jacobian(identity, self._points)[..., :1, : identity.shape[1] // 2]
        flat = self._bend(slopes, 1).reshape(-1, slopes.shape[-1])
        if isinstance(self.transform, LatticeTransform):
            flat = np.concatenate([flat, np.sqrt(STRETCHING) * self._stretch(slopes)])
        return self._factor * (flat.T @ flat)

    @staticmethod
    def _stretch(values: Array) -> Array:
        """First derivatives along x and along y of values (1, M, 1, P) at the points, (..., P)."""
        field = values.reshape(_POINTS, _POINTS, -1)
        step = 2 / (_POINTS - 1)
        along = [np.diff(field, axis=axis).reshape(-1, field.shape[-1]) for axis in (0, 1)]
        return np.concatenate(along) / step

    @staticmethod
    def _bend(values: Array, coordinates: int = 2) -> Array:
        """Second derivatives along x, along y, and the mixed one twice, of values (N, M, coordinates, P) at the points."""
        field = values.reshape(len(values), _POINTS, _POINTS, coordinates, -1)
        field = np.nan_to_num(field, posinf=0.0, neginf=0.0)
        step = 2 / (_POINTS - 1)
        along_x = np.diff(field, 2, axis=2)[:, 1:-1]
        along_y = np.diff(field, 2, axis=1)[:, :, 1:-1]
        mixed = (field[:, 2:, 2:] - field[:, 2:, :-2] - field[:, :-2, 2:] + field[:, :-2, :-2]) / 4
        return np.stack([along_x, along_y, np.sqrt(2) * mixed], axis=1) / step**2

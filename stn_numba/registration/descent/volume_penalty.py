"""Penalize bending of maps of volumes; see `stn_numba.registration.descent.penalty`."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from typing import cast

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import base_points
from stn_numba.registration.descent.penalty import STRETCHING, BendingPenalty
from stn_numba.registration.models.volumes.near_matrix import NearMatrix
from stn_numba.transform.base import Transform
from stn_numba.transform.lattice import LatticeTransform
from stn_numba.transform.points import apply_each

__all__ = ["VolumePenalty", "penalty_of"]

Array = NDArray[np.float64]

_POINTS, _LATTICE_POINTS = 13, 33  # along each axis, between which second derivatives are taken
_LEAST_OF_LATTICES = 3e-7  # holds the many control points that displace hardly a voxel that both volumes show
_ORDERS = [orders for orders in itertools.product(range(3), repeat=3) if sum(orders) == 2]  # of derivatives along z, y, x


def penalty_of(transform: Transform, weight: float) -> BendingPenalty | VolumePenalty | None:
    """Return the penalty of a transform of images or volumes, if it has one: lattices of volumes have one of no weight, too."""
    if transform.ndim == 3 and (weight or isinstance(transform, LatticeTransform)):
        return VolumePenalty(transform, weight)
    return BendingPenalty(transform, weight) if weight else None


class VolumePenalty:
    """The bending energy of a map of volumes: the mean of the squared second derivatives of positions, as `BendingPenalty`.

    Parameters
    ----------
    transform : Transform
    weight : float
        What the energy is multiplied by before it is added to the cost, which is 1 minus the squared correlation. For lattices
        it is 3e-7 at least; where a level has but every eighth voxel, eight times as much, as its voxels tell less.
    """

    def __init__(self, transform: Transform, weight: float) -> None:
        self.transform, self.weight = transform, weight
        self._points = base_points((_POINTS,) * 3)

    def terms(self, theta: Array, share: int = 1) -> tuple[Array, Array, Array | NearMatrix]:
        """Cost (N,), half its gradient (N, P), and half its second derivatives, as `FullHessian.plus` takes them.

        `share` is how many voxels of the volume itself there are for one of the level.
        """
        if isinstance(self.transform, LatticeTransform):
            return self._of_lattice(theta, max(self.weight, _LEAST_OF_LATTICES * share))
        if self.transform.is_linear():
            return self._quadratic(theta)
        bent = _bend(np.asarray(apply_each(self.transform, theta, self._points), np.float64)[..., None])
        residuals = bent.reshape(len(theta), -1)
        flat = _bend(self.transform.theta_jacobian(theta, self._points)).reshape(*residuals.shape, theta.shape[1])
        across, factor = np.swapaxes(flat, 1, 2), self.weight / _POINTS**3
        gradient = (across @ residuals[..., None])[..., 0]
        return factor * np.sum(residuals**2, axis=1), factor * gradient, factor * (across @ flat)[:, None]

    def _quadratic(self, theta: Array) -> tuple[Array, Array, Array]:
        """As `terms`, for positions that are linear in theta: x, y and z cost alike, and independently."""
        curvature, count = self._curvature, theta.shape[1] // 3
        gradient = (theta.reshape(-1, count) @ curvature).reshape(theta.shape)
        return np.sum(theta * gradient, axis=1), gradient, np.broadcast_to(curvature, (len(theta), 3, count, count))

    def _of_lattice(self, theta: Array, weight: float) -> tuple[Array, Array, NearMatrix]:
        """As `_quadratic`, without the zeros of control points that are far from each other."""
        curvature = dataclasses.replace(self._near, sums=weight * self._near.sums)
        multiply = curvature.product()
        gradient = np.stack([multiply(row).copy() for row in theta])
        return np.sum(theta * gradient, axis=1), gradient, curvature

    @functools.cached_property
    def _near(self) -> NearMatrix:
        return _lattice_curvature(cast("LatticeTransform", self.transform))

    @functools.cached_property
    def _curvature(self) -> Array:
        """(P / 3, P / 3): half the second derivatives by the parameters of x."""
        slopes = self.transform.theta_jacobian(self.transform.identity()[None], self._points)
        count = slopes.shape[-1] // 3
        flat = _bend(slopes[..., :1, :count]).reshape(-1, count)
        return self.weight / _POINTS**3 * (flat.T @ flat)


def _lattice_curvature(lattice: LatticeTransform) -> NearMatrix:
    """The mean of squared second derivatives, and of squared slopes between neighboring control points.

    Slopes are those of the lattice itself, so that control points beyond the edges are held, which hardly move a voxel. Along
    each axis weights are independent of the others, so curvatures are products.
    """
    x, total = np.linspace(-1, 1, _LATTICE_POINTS), np.zeros(())
    step, bends, slopes = 2 / (_LATTICE_POINTS - 1), [], []
    for count in lattice.lattice:
        weights = np.zeros((len(x), count))
        np.put_along_axis(weights, *lattice.axis_control(x, count), axis=1)
        lines = [_derivative(weights, 0, order) / step**order for order in range(3)]
        rise = np.diff(np.eye(count), axis=0) * (count - 1) / 2
        matrices = _by_distance(
            [*(line.T @ line / _LATTICE_POINTS for line in lines), np.eye(count) / count, rise.T @ rise / count]
        )
        bends.append(matrices[:3])
        slopes.append(matrices[3:])
    for orders in _ORDERS:
        share = 1 if max(orders) == 2 else 2  # mixed derivatives count twice
        total = total + share * _product([each[order] for each, order in zip(bends, orders, strict=True)])
    for axis in range(3):
        total = total + STRETCHING * _product([each[int(k == axis)] for k, each in enumerate(slopes)])
    nothing = np.zeros_like(total)
    return NearMatrix.of(np.stack([total, nothing, nothing, total, nothing, total])[None])


def _by_distance(matrices: list[Array]) -> list[Array]:
    """Symmetric matrices (count, count) as (D, count): by distance from the diagonal, and the first of both numbers."""
    count = len(matrices[0])
    far = max(distance for distance in range(count) if any(np.diag(matrix, distance).any() for matrix in matrices))
    return [np.stack([np.pad(np.diag(matrix, k), (0, k)) for k in range(far + 1)]) for matrix in matrices]


def _product(parts: list[Array]) -> Array:
    """The products of numbers by distance and place along z, y and x, (D, D, D, planes, rows, columns)."""
    return np.asarray(np.einsum("az,by,cx->abczyx", *parts))


def _bend(values: Array) -> Array:
    """Second derivatives of values (N, M, coordinates, P) at the points, the mixed ones times the root of 2."""
    field = values.reshape(len(values), *(_POINTS,) * 3, *values.shape[2:])
    field = np.nan_to_num(field, posinf=0.0, neginf=0.0)
    parts = []
    for orders in _ORDERS:
        part = field
        for axis, order in enumerate(orders, 1):
            part = _derivative(part, axis, order)
        parts.append(part * (1 if max(orders) == 2 else np.sqrt(2)))
    return np.stack(parts, axis=1) / (2 / (_POINTS - 1)) ** 2


def _derivative(values: Array, axis: int, order: int) -> Array:
    """Central differences of an order along an axis, without the first and the last line."""
    lines = np.moveaxis(values, axis, 0)
    inner = (lines[1:-1], (lines[2:] - lines[:-2]) / 2, lines[2:] - 2 * lines[1:-1] + lines[:-2])[order]
    return np.moveaxis(inner, 0, axis)

"""Validate pairs of points that a transform is fitted to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.grid import Floats, as_floats
from stn_numba.transform.points import PointMap, apply_each

__all__ = ["Pairs", "as_pairs"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """Points of N rows: ``apply(theta, source)`` should be `target`.

    Attributes
    ----------
    source : (M, 2) array, shared by all rows, or (N, M, 2)
    target : (N, M, 2) array
    weights : (N, M) array
        Of the squared distances, at least 0.
    """

    source: Array
    target: Array
    weights: Array

    def __len__(self) -> int:
        return len(self.target)

    def __getitem__(self, rows: Any) -> Pairs:
        source = self.source if self.source.ndim == 2 else self.source[rows]
        return Pairs(source, self.target[rows], self.weights[rows])

    def source_of(self, row: int) -> Array:
        """Points (M, 2) of one row."""
        return self.source if self.source.ndim == 2 else self.source[row]

    def reweighted(self, weights: Array) -> Pairs:
        """The same points with other weights (N, M)."""
        return Pairs(self.source, self.target, weights)

    @property
    def roots(self) -> Array:
        """Square roots of the weights, (N, M, 1), which multiply residuals."""
        result: Array = np.sqrt(self.weights)[..., None]
        return result

    def residuals(self, transform: PointMap, theta: Array) -> Array:
        """Weighted differences (N, 2 M) between mapped points and targets; NaN where a point has no position."""
        with np.errstate(all="ignore"):
            difference = np.asarray(apply_each(transform, theta, self.source), np.float64) - self.target
            return np.where(self.weights[..., None] > 0, difference * self.roots, 0.0).reshape(len(self), -1)

    def design(self, transform: PointMap, theta: Array) -> Array:
        """Derivatives (N, 2 M, P) of the `residuals`."""
        jacobian = transform.theta_jacobian(theta, self.source) * self.roots[..., None]
        return jacobian.reshape(len(self), -1, jacobian.shape[-1])


def as_pairs(source: ArrayLike, target: ArrayLike, weights: ArrayLike | None, ndim: int = 2) -> Pairs:
    """Return validated pairs of points with `ndim` coordinates.

    Raises
    ------
    TypeError, ValueError
        If shapes do not fit, points are not finite numbers, or weights are negative.
    """
    first, second = _points(source, "source", ndim), _points(target, "target", ndim)
    if first.shape[-2] != second.shape[-2]:
        raise ValueError(f"target: expected as many points as source, {first.shape[-2]}, got {second.shape[-2]}")
    sets = {len(points) for points in (first, second) if points.ndim == 3}
    given = None if weights is None else _weights(weights, first.shape[-2])
    if given is not None and given.ndim == 2:
        sets.add(len(given))
    if len(sets) > 1:
        raise ValueError(f"source: expected one number of sets for source, target and weights, got {sorted(sets)}")
    rows, count = (sets or {1}).pop(), first.shape[-2]
    full = np.ones((rows, count)) if given is None else np.broadcast_to(given, (rows, count)).astype(np.float64)
    return Pairs(first, np.broadcast_to(second, (rows, *second.shape[-2:])).astype(np.float64), full)


def _points(points: ArrayLike, name: str, ndim: int) -> Array:
    given: Floats = as_floats(points, name, ("N", "M", ndim) if np.ndim(points) == 3 else ("M", ndim))
    if not np.isfinite(given).all():
        raise ValueError(f"{name}: expected finite positions, got NaN or infinity; leave those points out")
    return given.astype(np.float64)


def _weights(weights: ArrayLike, count: int) -> Floats:
    given = as_floats(weights, "weights", ("N", count) if np.ndim(weights) == 2 else (count,))
    if not (np.isfinite(given).all() and (given >= 0).all()):
        raise ValueError("weights: expected finite numbers of at least 0")
    return given

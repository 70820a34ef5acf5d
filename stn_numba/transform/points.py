"""Points of transforms: one set for all rows of parameters, or one set for each row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arrays import as_array
from stn_numba.grid import Floats, as_floats
from stn_numba.transform.parameters import as_theta

__all__ = ["PointMap", "apply_each", "as_points", "vjp_each"]


class PointMap(Protocol):
    """What helpers of `Transform` need to know of one."""

    @property
    def n_params(self) -> int:
        """P."""

    @property
    def ndim(self) -> int:
        """Coordinates of a point."""

    def identity(self) -> NDArray[np.float64]:
        """Parameters (P,) to start from."""

    def apply(self, theta: ArrayLike, points: ArrayLike) -> Floats:
        """Map points (M, 2) to (N, M, 2)."""

    def maps_point_sets(self) -> bool:
        """Whether `apply` also takes points (N, M, 2)."""

    def points_jacobian(self, theta: ArrayLike, points: ArrayLike) -> NDArray[np.float64]:
        """Derivatives (N, M, 2, 2) with respect to the points."""

    def theta_jacobian(self, theta: Floats, points: Floats) -> NDArray[np.float64]:
        """Derivatives (N, M, 2, P)."""


class _TrainableMap(PointMap, Protocol):
    """What `vjp_each` needs to know of a transform."""

    def apply_vjp(self, theta: Floats, points: Floats) -> tuple[Floats, Callable[[ArrayLike], Floats]]:
        """Map points (M, 2), and return their backprop."""


def as_points(points: ArrayLike, rows: int, ndim: int = 2) -> Floats:
    """Return points (M, 2), shared by all rows of theta, or (N, M, 2), one set for each, as float32 or float64.

    With ``ndim=3`` they are (M, 3) or (N, M, 3).

    Raises
    ------
    TypeError
        If the points are not real numbers.
    ValueError
        If they have another shape.

    Examples
    --------
    >>> as_points([[0, 1]], 3).shape
    (1, 2)
    >>> as_points(np.zeros((2, 5, 2)), 3)
    Traceback (most recent call last):
    ValueError: points: expected (M, 2) or (3, M, 2), got (2, 5, 2)
    """
    points = as_array(points, "points")
    shape = points.shape
    if len(shape) == 3 and shape[0] == rows and shape[2] == ndim:
        return as_floats(points, "points", (rows, "M", ndim))
    if len(shape) == 2 and shape[1] == ndim:
        return as_floats(points, "points", ("M", ndim))
    as_floats(points, "points", tuple("?" * len(shape)))  # refuses what is not numbers
    hint = "; one point is points[None]" if shape == (ndim,) else ""
    raise ValueError(f"points: expected (M, {ndim}) or ({rows}, M, {ndim}), got {shape}{hint}")


def apply_each(transform: PointMap, theta: ArrayLike, points: ArrayLike) -> Floats:
    """Map points with each row of parameters, also one set of points for each row, with any transform.

    The ``apply`` of a transform need not know points (N, M, 2). It is then called row by row.

    Parameters
    ----------
    transform : Transform
    theta : array_like, (N, P)
        Parameters.
    points : array_like, (M, 2) or (N, M, 2)
        Normalized output positions (x, y): one set for all rows, or one set for each.

    Returns
    -------
    ndarray, (N, M, 2)
        Normalized input positions.

    Raises
    ------
    TypeError, ValueError
        If `theta` or `points` have another shape, or are not numbers.

    Examples
    --------
    >>> from stn_numba import get_transform
    >>> shifts = [[1, 0, 0.5, 0, 1, 0], [1, 0, 0, 0, 1, 0.5]]
    >>> apply_each(get_transform("affine"), shifts, [[[0.0, 0.0]], [[1.0, 1.0]]]).tolist()
    [[[0.5, 0.0]], [[1.0, 1.5]]]
    """
    theta = as_theta(theta, transform.n_params, transform)
    points = as_points(points, len(theta), transform.ndim)
    if points.ndim == 2 or transform.maps_point_sets():
        return transform.apply(theta, points)
    mapped = [np.asarray(transform.apply(theta[row : row + 1], points[row])) for row in range(len(theta))]
    return np.concatenate(mapped) if mapped else np.empty(points.shape, theta.dtype)


def vjp_each(transform: _TrainableMap, theta: Floats, points: Floats) -> tuple[Floats, Callable[[ArrayLike], Floats]]:
    """``transform.apply_vjp(theta, points)`` also for points (N, M, 2), called row by row where needed."""
    if points.ndim == 2 or transform.maps_point_sets():
        return transform.apply_vjp(theta, points)
    rows = [transform.apply_vjp(theta[row : row + 1], points[row]) for row in range(len(theta))]
    if not rows:
        return np.empty(points.shape, theta.dtype), lambda d_mapped: np.zeros(theta.shape, theta.dtype)

    def backprop(d_mapped: ArrayLike) -> Floats:
        d = np.asarray(d_mapped)
        return np.concatenate([pull_back(d[row : row + 1]) for row, (_, pull_back) in enumerate(rows)])

    return np.concatenate([mapped for mapped, _ in rows]), backprop

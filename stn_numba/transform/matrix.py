"""Transforms that are homographies."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.grid import Floats, MatrixGrid, Shape, map_points, map_points_jacobian, map_points_vjp
from stn_numba.transform import differences
from stn_numba.transform.base import Backprop, float_rows
from stn_numba.transform.fitting import nonlinear
from stn_numba.transform.fitting.matrices import linear_form, solve_affine, solve_homography
from stn_numba.transform.fitting.pairs import Pairs
from stn_numba.transform.pixel_methods import PixelMethods
from stn_numba.transform.points import as_points

__all__ = ["MatrixTransform"]


class MatrixTransform(PixelMethods):
    """A transform that is a homography. The sampler computes positions from the matrix and never builds a grid.

    Write `matrix`, or `matrix_vjp`, which also gives the gradient. Each follows from the other.

    Examples
    --------
    >>> class Shift(MatrixTransform):
    ...     n_params = 2
    ...     def identity(self):
    ...         return np.zeros(2)
    ...     def matrix(self, theta):
    ...         matrix = np.tile(np.eye(3), (len(theta), 1, 1))
    ...         matrix[:, :2, 2] = theta
    ...         return matrix
    >>> Shift().apply([[0.5, 0.0]], [[0.0, 0.0]]).tolist()
    [[[0.5, 0.0]]]
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "matrix" in cls.__dict__:  # users call it too: authors need not validate theta, nor keep its dtype
            cls.matrix = _validated(cls.__dict__["matrix"])  # type: ignore[method-assign, assignment]

    def matrix(self, theta: ArrayLike) -> Floats:
        """Return the matrices of parameters.

        If you write this method, its argument is a validated array of floats, and its result is converted to theta's dtype.

        Parameters
        ----------
        theta : array_like, (N, P)
            Parameters.

        Returns
        -------
        ndarray, (N, 3, 3)
            From normalized output positions (x, y, 1) to normalized input positions; (N, 4, 4) with ``ndim = 3``.

        Raises
        ------
        TypeError, ValueError
            If `theta` is not (N, P) numbers.

        Examples
        --------
        >>> from stn_numba import get_transform
        >>> get_transform("affine").matrix([[1, 0, 0.5, 0, 1, 0]]).tolist()
        [[[1.0, 0.0, 0.5], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]]
        """
        if type(self).matrix_vjp is MatrixTransform.matrix_vjp:
            name = type(self).__name__
            raise TypeError(f"{name}: write matrix(theta) -> (N, 3, 3), or matrix_vjp(theta) -> (matrix, backprop)")
        return self.matrix_vjp(self._check_theta(theta))[0]

    def matrix_vjp(self, theta: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        """Return the matrices of parameters, and the function that computes gradients.

        By default gradients are taken by central differences of `matrix`.

        Parameters
        ----------
        theta : ndarray, (N, P), float32 or float64

        Returns
        -------
        matrix : ndarray, (N, 3, 3)
            From normalized output positions (x, y, 1) to normalized input positions.
        backprop : callable
            ``backprop(d_matrix (N, 3, 3)) -> d_theta (N, P)``.
        """
        at = theta.copy()

        def backprop(d_matrix: Floats) -> Floats:
            slopes = differences.by_parameter(self.matrix, at)
            shares = [np.sum(slope * d_matrix, axis=(1, 2)) for slope in slopes]
            return np.reshape(shares, at.shape[::-1]).T.astype(at.dtype)

        return self.matrix(theta), backprop

    def apply(self, theta: ArrayLike, points: ArrayLike) -> Floats:
        """Map points (M, 2) or (N, M, 2) to (N, M, 2) as `Transform.apply`; NaN at or behind the horizon of a homography."""
        theta = self._check_theta(theta)
        return self.apply_vjp(theta, as_points(points, len(theta), self.ndim))[0]

    def apply_vjp(self, theta: Floats, points: Floats) -> tuple[Floats, Backprop]:
        """Return the mapped points and their backprop, as `Transform.apply_vjp`; also for points (N, M, 2)."""
        matrix, pull_back = self.matrix_vjp(theta)
        return map_points(matrix, points), lambda d: pull_back(map_points_vjp(matrix, points, np.asarray(d)))

    def points_jacobian(self, theta: ArrayLike, points: ArrayLike) -> NDArray[np.float64]:
        """Return the exact derivatives, as `Transform.points_jacobian`."""
        matrix = self._exact_matrix(theta)
        return np.asarray(
            map_points_jacobian(matrix, as_points(points, len(matrix), self.ndim).astype(np.float64))[0], np.float64
        )

    def theta_jacobian(self, theta: Floats, points: Floats) -> NDArray[np.float64]:
        """Derivatives (N, M, 2, P): those by the matrix times those of the matrix."""
        matrix, pull_back = self.matrix_vjp(theta.astype(np.float64))
        by_matrix = map_points_jacobian(matrix, points.astype(np.float64))[1]
        size = self.ndim + 1
        units = np.eye(size**2).reshape(-1, 1, size, size)
        of_matrix = np.stack([pull_back(np.tile(unit, (len(theta), 1, 1))) for unit in units], axis=1)  # (N, 9, P)
        shares = np.where(np.isfinite(by_matrix), by_matrix, 0.0).reshape(len(theta), -1, size**2) @ of_matrix
        return np.asarray(shares.reshape(len(theta), points.shape[-2], self.ndim, theta.shape[1]), np.float64)

    def solve_points(self, pairs: Pairs, start: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Least squares: exact if the matrix is affine and linear in theta, else refined from the best start there is."""
        form = linear_form(self._exact_matrix, self.identity())
        if form is not None and form.is_affine:
            return solve_affine(form, pairs)
        if form is not None and form.is_full:
            start = form.solved(solve_homography(pairs))
        if start is None:
            return super().solve_points(pairs)
        theta, cost = nonlinear.minimize(self, pairs, start)
        return np.where(np.isfinite(cost)[:, None], theta, np.nan)

    def apply_inverse(self, theta: ArrayLike, points: ArrayLike) -> Floats:
        """Map input positions to output positions by the inverse matrices, as `Transform.apply_inverse`.

        Points that no output position reads become NaN, and all points if a matrix has no inverse.

        Examples
        --------
        A transform that zooms in twofold moves a point halfway to the right to the right edge:

        >>> from stn_numba import get_transform
        >>> get_transform("affine").apply_inverse([[0.5, 0, 0, 0, 0.5, 0]], [[0.5, 0.0]]).tolist()
        [[[1.0, 0.0]]]
        """
        theta = self._check_theta(theta)
        points = as_points(points, len(theta), self.ndim)
        matrix = np.asarray(self.matrix_vjp(theta)[0], np.float64)
        finite = np.isfinite(matrix).all(axis=(1, 2))
        rows = np.flatnonzero(finite)[np.linalg.det(matrix[finite]) != 0]
        inverse = np.full_like(matrix, np.nan)
        inverse[rows] = np.linalg.inv(matrix[rows])
        return map_points(inverse, points).astype(theta.dtype)

    def forward(self, theta: ArrayLike, shape: Shape, align_corners: bool = True) -> tuple[MatrixGrid, Backprop]:
        """Return a `MatrixGrid` and its backprop, as `Transform.forward`."""
        theta = self._check_theta(theta)
        matrix, pull_back = self.matrix_vjp(theta)
        grid = MatrixGrid(matrix, shape, align_corners=align_corners)
        return grid, lambda d_grid: np.asarray(pull_back(grid.own_gradient(d_grid)), theta.dtype)

    def can_be_shared(self) -> bool:
        """Whether the transform has no constructor, and therefore no options."""
        return type(self).__init__ is object.__init__

    def maps_point_sets(self) -> bool:
        """Whether a subclass has not replaced `apply`."""
        return type(self).apply is MatrixTransform.apply

    def has_grid_values(self) -> bool:
        """Whether a subclass has not replaced `forward`."""
        return type(self).forward is MatrixTransform.forward

    def grid_values(self, theta: NDArray[Any]) -> Floats | None:
        """The matrices (N, 3, 3)."""
        return self.matrix_vjp(float_rows(theta))[0]


def _validated(function: Callable[[Any, Floats], Any]) -> Callable[[Any, ArrayLike], Floats]:
    """A plugin's `matrix` that validates its argument and its result."""

    @functools.wraps(function)
    def matrix(self: MatrixTransform, theta: ArrayLike) -> Floats:
        theta = self._check_theta(theta)
        result = np.asarray(function(self, theta))
        size = self.ndim + 1
        if result.shape != (len(theta), size, size):
            raise ValueError(f"{type(self).__name__}.matrix: expected ({len(theta)}, {size}, {size}), got {result.shape}")
        return result.astype(theta.dtype, copy=False)

    return matrix

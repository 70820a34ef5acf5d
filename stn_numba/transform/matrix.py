"""Transforms that are homographies."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.grid import Floats, MatrixGrid, Shape, as_floats, map_points, map_points_vjp
from stn_numba.transform.base import Backprop, Transform, float_rows

__all__ = ["MatrixTransform"]


class MatrixTransform(Transform):
    """A transform that is a homography. The sampler computes positions from the matrix and never builds a grid.

    Examples
    --------
    >>> class Shift(MatrixTransform):
    ...     n_params = 2
    ...     def identity(self):
    ...         return np.zeros(2)
    ...     def matrix_vjp(self, theta):
    ...         matrix = np.tile(np.eye(3, dtype=theta.dtype), (len(theta), 1, 1))
    ...         matrix[:, :2, 2] = theta
    ...         return matrix, lambda d_matrix: d_matrix[:, :2, 2]
    >>> Shift().apply([[0.5, 0.0]], [[0.0, 0.0]]).tolist()
    [[[0.5, 0.0]]]
    """

    @abstractmethod
    def matrix_vjp(self, theta: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        """Return the matrices of parameters, and the function that computes gradients.

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

    def apply(self, theta: ArrayLike, points: ArrayLike) -> Floats:
        """Map points (M, 2) to (N, M, 2) as `Transform.apply`; NaN for points at or behind the horizon of a homography."""
        return self.apply_vjp(self._check_theta(theta), as_floats(points, "points", ("M", 2)))[0]

    def apply_vjp(self, theta: Floats, points: Floats) -> tuple[Floats, Backprop]:
        """Return the mapped points and their backprop, as `Transform.apply_vjp`."""
        matrix, pull_back = self.matrix_vjp(theta)
        return map_points(matrix, points), lambda d: pull_back(map_points_vjp(matrix, points, np.asarray(d)))

    def apply_inverse(self, theta: ArrayLike, points: ArrayLike) -> Floats:
        """Map input positions to output positions: where a key point or a box corner of the input appears in the output.

        Parameters
        ----------
        theta : array_like, (N, P)
            Parameters.
        points : array_like, (M, 2)
            Normalized input positions (x, y).

        Returns
        -------
        ndarray, (N, M, 2)
            Normalized output positions; NaN for points that no output position reads, and for all points if a matrix has no
            inverse.

        Raises
        ------
        TypeError, ValueError
            If `theta` is not (N, P) or `points` is not (M, 2) numbers.

        Examples
        --------
        A transform that zooms in twofold moves a point halfway to the right to the right edge:

        >>> from stn_numba import get_transform
        >>> get_transform("affine").apply_inverse([[0.5, 0, 0, 0, 0.5, 0]], [[0.5, 0.0]]).tolist()
        [[[1.0, 0.0]]]
        """
        theta, points = self._check_theta(theta), as_floats(points, "points", ("M", 2))
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

    def has_grid_values(self) -> bool:
        """Whether a subclass has not replaced `forward`."""
        return type(self).forward is MatrixTransform.forward

    def grid_values(self, theta: NDArray[Any]) -> Floats:
        """The matrices (N, 3, 3)."""
        return self.matrix_vjp(float_rows(theta))[0]

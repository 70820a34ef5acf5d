"""Transforms that shift each point by a mean of nearby points of a regular lattice: free-form deformations and flows."""

from __future__ import annotations

import functools
import weakref
from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.grid import DenseGrid, Floats, Shape, base_points, check_shape
from stn_numba.transform.base import Backprop, Transform
from stn_numba.transform.fitting.linear import solve
from stn_numba.transform.fitting.pairs import Pairs
from stn_numba.transform.points import as_points

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["LatticeTransform"]

_CACHED_SHAPES = 4  # output shapes whose weights a transform caches; training and inference use one or two


class LatticeTransform(Transform):
    """A transform given by the displacements of a lattice of control points over the image.

    theta holds the displacements, normalized: x of all control points row by row, then y; so P = 2 rows columns, and zeros are
    the identity. A point is displaced by the weighted sum of S x S nearby control points: weights of its x times weights of
    its y. The cost of a pixel does not grow with the lattice.

    Points outside [-1, 1] x [-1, 1] are displaced as the nearest point of the edge. A point that is NaN is mapped to NaN.

    Attributes
    ----------
    lattice : (int, int)
        (rows, columns) of control points.

    Examples
    --------
    Displacements that are linear between control points, the outermost of which lie on the edges:

    >>> class Mesh(LatticeTransform):
    ...     lattice = (3, 3)
    ...     def axis_weights(self, x, count):
    ...         position = (x + 1) / 2 * (count - 1)
    ...         first = np.minimum(np.floor(position), count - 2).astype(int)
    ...         return first, np.stack([1 - (position - first), position - first], axis=1)
    >>> theta = np.zeros((1, 18))
    >>> theta[0, 4] = 0.1   # the middle one of nine control points reads 0.1 to the right
    >>> Mesh().apply(theta, [[0.0, 0.0], [0.5, 0.0], [0.0, 1.0]]).tolist()
    [[[0.1, 0.0], [0.55, 0.0], [0.0, 1.0]]]
    """

    lattice: tuple[int, int]

    @abstractmethod
    def axis_weights(self, x: NDArray[np.float64], count: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Return which control points of one axis displace positions, and their weights.

        Parameters
        ----------
        x : ndarray, (M,), float64
            Positions on one axis, in [-1, 1].
        count : int
            Number of control points on this axis.

        Returns
        -------
        first : ndarray of int, (M,)
            The first of S consecutive control points, from 0 to count - S.
        weights : ndarray, (M, S)
            Their weights. S may depend on `count`.
        """

    @property
    def n_params(self) -> int:  # type: ignore[override]
        """P = 2 rows columns."""
        rows, columns = self.lattice
        return 2 * rows * columns

    def identity(self) -> NDArray[np.float64]:
        """Return zeros (P,)."""
        return np.zeros(self.n_params)

    def apply(self, theta: ArrayLike, points: ArrayLike) -> Floats:
        """Map points (M, 2) or (N, M, 2) with each row of theta (N, P) to (N, M, 2), as `Transform.apply`."""
        theta = self._check_theta(theta)
        return self.apply_vjp(theta, as_points(points, len(theta)))[0]

    def apply_vjp(self, theta: Floats, points: Floats) -> tuple[Floats, Backprop]:
        """Return the mapped points and their backprop, as `Transform.apply_vjp`; also for points (N, M, 2)."""
        # One matrix of weights for all rows of theta, or for each row a block of its own
        blocks, rows = (1, len(theta)) if points.ndim == 2 else (len(theta), 1)
        weights, size, count = self._weights_at(points), theta.shape[1] // 2, points.shape[-2]
        control = np.moveaxis(theta.reshape(blocks, rows, 2, size), 3, 1).reshape(blocks * size, rows * 2)
        shift = np.moveaxis((weights @ control).reshape(blocks, count, rows, 2), 2, 1).reshape(len(theta), count, 2)
        mapped = np.asarray(points + shift, theta.dtype)
        mapped[np.broadcast_to(np.isnan(points).any(axis=-1), mapped.shape[:2])] = np.nan

        def backprop(d_mapped: ArrayLike) -> Floats:
            d = np.moveaxis(np.reshape(d_mapped, (blocks, rows, count, 2)), 1, 2).reshape(blocks * count, rows * 2)
            d_control = (weights.T @ d).reshape(blocks, size, rows, 2)
            return np.asarray(np.moveaxis(d_control, 1, 3).reshape(theta.shape), theta.dtype)

        return mapped, backprop

    def forward(self, theta: ArrayLike, shape: Shape, align_corners: bool = True) -> tuple[DenseGrid, Backprop]:
        """Return a `DenseGrid` and its backprop, as `Transform.forward`.

        The weights of the two axes are cached for the next call with the same shape.
        """
        theta, shape = self._check_theta(theta), check_shape(shape)
        control = theta.reshape(len(theta), 2, *self.lattice)
        x, y, across, down = self._cached_weights(shape, align_corners)
        rows, columns = self.lattice
        n, (h, w) = len(theta), shape
        # Sums along x first: the last product then has long rows, in the order of the grid
        along = across.astype(theta.dtype) @ control.transpose(3, 2, 0, 1).reshape(columns, rows * n * 2)
        along = along.reshape(w, rows, n, 2).transpose(1, 2, 0, 3).reshape(rows, n * w * 2)
        positions = (down.astype(theta.dtype) @ along).reshape(h, n, w, 2)
        positions[..., 0] += x.astype(theta.dtype)
        positions[..., 1] += y.astype(theta.dtype)[:, None, None]
        grid = DenseGrid(positions.transpose(1, 0, 2, 3), align_corners=align_corners)

        def backprop(d_grid: ArrayLike) -> Floats:
            d = grid.own_gradient(d_grid).transpose(1, 0, 2, 3).reshape(h, n * w * 2)
            d_along = (down.T @ d).reshape(rows, n, w, 2).transpose(2, 0, 1, 3).reshape(w, rows * n * 2)
            d_control = (across.T @ d_along).reshape(columns, rows, n, 2)
            return np.asarray(d_control.transpose(2, 3, 1, 0).reshape(theta.shape), theta.dtype)

        return grid, backprop

    def theta_jacobian(self, theta: Floats, points: Floats) -> NDArray[np.float64]:
        """Derivatives (N, M, 2, P): the weights, which do not depend on theta."""
        weights = self._dense_weights_at(points)
        count = weights.shape[-1]
        result = np.zeros((len(theta), points.shape[-2], 2, 2 * count))
        result[:, :, 0, :count] = result[:, :, 1, count:] = weights
        return result

    def solve_points(self, pairs: Pairs, start: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """The exact least squares."""
        weights = np.broadcast_to(self._dense_weights_at(pairs.source), (*pairs.target.shape[:2], self.n_params // 2))
        solution = solve(weights * pairs.roots, (pairs.target - pairs.source) * pairs.roots)
        return np.asarray(np.swapaxes(solution, 1, 2).reshape(len(pairs), -1), np.float64)

    def maps_point_sets(self) -> bool:
        """Whether a subclass has not replaced `apply`."""
        return type(self).apply is LatticeTransform.apply

    def axis_control(self, x: NDArray[np.float64], count: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Numbers (M, S) of control points and their weights at any positions; those of the nearest edge outside."""
        first, weights = self.axis_weights(np.clip(x, -1.0, 1.0), count)
        first, weights = np.asarray(first), np.asarray(weights, np.float64)
        if first.shape != x.shape or weights.shape[:-1] != x.shape or first.dtype.kind not in "iu":
            expected = f"whole numbers {x.shape} and weights ({len(x)}, S)"
            raise ValueError(f"axis_weights: expected {expected}, got {first.dtype} {first.shape} and {weights.shape}")
        last = count - weights.shape[1]
        if len(x) and not (first.min() >= 0 and first.max() <= last):
            raise ValueError(f"axis_weights: expected first from 0 to {last}, got {first.min()} to {first.max()}")
        return first.astype(np.intp)[:, None] + np.arange(weights.shape[1]), weights

    def _weights_at(self, points: Floats) -> csr_array:
        """Weights (M, K) of all K control points at points (M, 2); for (N, M, 2) a matrix (N M, N K) of N blocks."""
        rows, columns = self.lattice
        flat = points.reshape(-1, 2).astype(np.float64)
        flat = np.where(np.isnan(flat).any(axis=1, keepdims=True), 0.0, flat)
        (x, x_weights), (y, y_weights) = self.axis_control(flat[:, 0], columns), self.axis_control(flat[:, 1], rows)
        blocks = 1 if points.ndim == 2 else len(points)
        block = np.repeat(np.arange(blocks) * (rows * columns), points.shape[-2])
        control = block[:, None, None] + y[:, :, None] * columns + x[:, None, :]
        weights = y_weights[:, :, None] * x_weights[:, None, :]
        per_point = control.shape[1] * control.shape[2]
        return _sparse(control.reshape(len(flat), per_point), weights.reshape(len(flat), per_point), blocks * rows * columns)

    def _dense_weights_at(self, points: Floats) -> NDArray[np.float64]:
        """Weights (..., M, K) at points (..., M, 2)."""
        weights = self._weights_at(points.reshape(-1, 2)).toarray()
        return np.asarray(weights.reshape(*points.shape[:-1], self.n_params // 2), np.float64)

    @functools.cached_property
    def _cached_weights(self) -> Callable[[Shape, bool], tuple[Any, ...]]:
        weak_self = weakref.ref(self)  # a strong reference would be a cycle, and keep weights until garbage is collected

        def evaluate(shape: Shape, align_corners: bool) -> tuple[Any, ...]:
            transform = weak_self()
            assert transform is not None
            return transform._weights_of_pixels(shape, align_corners)

        return functools.lru_cache(_CACHED_SHAPES)(evaluate)

    def _weights_of_pixels(self, shape: Shape, align_corners: bool) -> tuple[Any, ...]:
        """Positions x (w,) and y (h,) of output pixels, and weights (w, columns) and (h, rows) of control points."""
        rows, columns = self.lattice
        x = base_points((1, shape[1]), align_corners)[:, 0]
        y = base_points((shape[0], 1), align_corners)[:, 1]
        return x, y, _sparse(*self.axis_control(x, columns), columns), _sparse(*self.axis_control(y, rows), rows)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_cached_weights"}


def _sparse(control: NDArray[np.intp], weights: NDArray[np.float64], count: int) -> csr_array:
    """The matrix (M, count) with weights (M, S) at columns `control` (M, S)."""
    from scipy.sparse import csr_array

    starts = np.arange(len(control) + 1) * control.shape[1]
    return csr_array((weights.ravel(), control.ravel(), starts), shape=(len(control), count))
